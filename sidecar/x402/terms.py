"""An entry of `accepts` and the `resource` member, which several documents share: read and written.

Both are terms that nobody signs. Knows no header and no scheme.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sidecar.x402 import reasons
from sidecar.x402.documents import Malformed, Requirements, Resource
from sidecar.x402.evm_text import read_uint256

TEXT_CHARS_MAX: Final = 256
URL_CHARS_MAX: Final = 8_192
TIMEOUT_S_MAX: Final = 2**31 - 1


def requirements_members(offer: Requirements) -> dict[str, object]:
    """One entry of `accepts`, as JSON members. `extra` is always an object."""
    return {
        "scheme": offer.scheme,
        "network": offer.network,
        "amount": str(offer.amount),
        "asset": offer.asset,
        "payTo": offer.pay_to,
        "maxTimeoutSeconds": offer.max_timeout_s,
        "extra": dict(offer.extra),
    }


def resource_members(resource: Resource) -> dict[str, object]:
    """The `resource` member, as JSON members, its URL last."""
    members = {"description": resource.description, "mimeType": resource.mime_type, "url": resource.url}
    return {name: value for name, value in members.items() if value is not None}


def read_requirements(sent: Mapping[str, object]) -> Requirements | Malformed:
    """The terms a payer says it accepted; forms only."""
    scheme, network = read_text(sent.get("scheme")), read_text(sent.get("network"))
    asset, pay_to = read_text(sent.get("asset")), read_text(sent.get("payTo"))
    amount = read_uint256(sent.get("amount"))
    timeout_s = sent.get("maxTimeoutSeconds")
    extra = sent.get("extra")
    if scheme is None:
        return _unread("scheme")
    if network is None:
        return _unread("network")
    if asset is None:
        return _unread("asset")
    if pay_to is None:
        return _unread("payTo")
    if amount is None:
        return _unread("amount")
    if type(timeout_s) is not int or not 0 <= timeout_s <= TIMEOUT_S_MAX:
        return _unread("maxTimeoutSeconds")
    if extra is None:
        extra = {}
    if not isinstance(extra, dict):
        return _unread("extra")
    return Requirements(scheme, network, amount, asset, pay_to, timeout_s, extra)


def _unread(member: str) -> Malformed:
    return Malformed(reasons.INVALID_PAYLOAD, f"accepted.{member}")


def read_resource(sent: object) -> str | Malformed | None:
    """The URL the payer says it pays for. Not signed: a hint, never a binding."""
    if sent is None:
        return None
    url = read_text(sent.get("url"), chars_max=URL_CHARS_MAX) if isinstance(sent, dict) else None
    return Malformed(reasons.INVALID_PAYLOAD, "resource") if url is None else url


def read_text(sent: object, chars_max: int = TEXT_CHARS_MAX) -> str | None:
    """A printable string of 1 to *chars_max* characters."""
    if not isinstance(sent, str) or not 0 < len(sent) <= chars_max or not sent.isprintable():
        return None
    return sent
