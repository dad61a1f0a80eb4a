"""The wire: bytes of headers and facilitator bodies to typed documents, and back.

Spec spelling outside, Python spelling inside. Nothing here raises for what others sent, and
nothing others wrote is handed on in their own words. Knows no rule of payment: a decoded
payment is not a valid one. A reader is chosen by the document's own version, whatever
header it came in; facilitators are spoken to in version 2 only.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from sidecar.x402 import reasons, version1
from sidecar.x402.bounded_json import read_loose_object, read_object
from sidecar.x402.documents import (
    Authorization,
    ExactPayment,
    Malformed,
    Requirements,
    Resource,
    SettleReply,
    Supported,
    SupportedKind,
    TooLarge,
    VerifyReply,
)
from sidecar.x402.evm_text import checksummed, read_address, read_transaction, read_uint256
from sidecar.x402.exact import Signed
from sidecar.x402.schemes import SCHEMES
from sidecar.x402.terms import (
    read_requirements,
    read_resource,
    read_text,
    requirements_members,
    resource_members,
)

VERSION: Final = 2
PAYMENT_BYTES_MAX: Final = 16_384
ANSWER_BYTES_MAX: Final = 65_536

_COMPACT: Final = json.JSONEncoder(separators=(",", ":"))
_MACHINE_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")


def decode_payment(header: bytes, limit: int = PAYMENT_BYTES_MAX) -> ExactPayment | Malformed | TooLarge:
    """Read a PAYMENT-SIGNATURE or X-PAYMENT value: strict base64 of one JSON object, up to *limit* bytes."""
    if len(header) > limit:
        return TooLarge(limit)
    raw = strict_base64(header)
    if raw is None:
        return Malformed(reasons.INVALID_PAYLOAD, "base64")
    document = read_object(raw)
    if document is None:
        return Malformed(reasons.INVALID_PAYLOAD, "json")
    version = document.get("x402Version")
    reader = _READERS.get(version) if type(version) is int else None
    if reader is None:
        return Malformed(reasons.INVALID_VERSION, "x402Version")
    return reader(document)


def strict_base64(header: bytes) -> bytes | None:
    """The bytes that encode to precisely *header*: standard alphabet, padded, nothing else."""
    try:
        raw = binascii.a2b_base64(header)
    except ValueError:
        return None
    return raw if binascii.b2a_base64(raw, newline=False) == header else None


def _read_v2(document: Mapping[str, object]) -> ExactPayment | Malformed:
    accepted = document.get("accepted")
    if not isinstance(accepted, dict):
        return Malformed(reasons.INVALID_PAYLOAD, "accepted")
    chosen = read_requirements(accepted)
    if isinstance(chosen, Malformed):
        return chosen
    scheme = SCHEMES.get(chosen.scheme)
    if scheme is None:
        return Malformed(reasons.UNSUPPORTED_SCHEME, "accepted.scheme")
    signed = scheme.read(document.get("payload"))
    if isinstance(signed, Malformed):
        return signed
    resource = read_resource(document.get("resource"))
    if isinstance(resource, Malformed):
        return resource
    extensions = document.get("extensions")
    if extensions is None:
        extensions = {}
    if not isinstance(extensions, dict):
        return Malformed(reasons.INVALID_PAYLOAD, "extensions")
    return ExactPayment(
        version=VERSION,
        accepted=accepted,
        chosen=chosen,
        authorization=signed.authorization,
        signature=signed.signature,
        resource=resource,
        extensions=extensions,
    )


_READERS: Final[Mapping[int, Callable[[Mapping[str, object]], ExactPayment | Malformed]]] = {
    VERSION: _read_v2,
    version1.VERSION: version1.read,
}


def encode_required(offers: Sequence[Requirements], resource: Resource, error: str) -> bytes:
    """A PAYMENT-REQUIRED value. *error* is a machine code."""
    return _header(
        {
            "x402Version": VERSION,
            "error": error,
            "resource": resource_members(resource),
            "accepts": [requirements_members(offer) for offer in offers],
        }
    )


def encode_required_body(
    error: str, problem: Mapping[str, object], accepts: Sequence[Mapping[str, object]] = ()
) -> bytes:
    """The JSON body of a 402: what a version 1 client reads, then the *problem* members.

    *accepts* are entries of `version1.accepts`. A route's own 402 is prepared by `challenge`.
    """
    return _dump({"x402Version": version1.VERSION, "error": error, "accepts": list(accepts), **problem})


def encode_response(reply: SettleReply) -> bytes:
    """A PAYMENT-RESPONSE value."""
    return _header(response_members(reply))


def response_members(reply: SettleReply) -> dict[str, object]:
    """The members of a PAYMENT-RESPONSE; those without a value are left out, never null."""
    members: dict[str, object] = {
        "success": reply.success,
        "transaction": reply.transaction,
        "network": reply.network,
    }
    if reply.payer is not None:
        members["payer"] = checksummed(reply.payer)
    if reply.amount is not None:
        members["amount"] = str(reply.amount)
    if reply.reason is not None:
        members["errorReason"] = reply.reason
    return members


def encode_response_v1(reply: SettleReply) -> bytes:
    """An X-PAYMENT-RESPONSE value: the network by its version 1 name; `amount` is not known there."""
    name = version1.network_name(reply.network) or reply.network
    return encode_response(replace(reply, network=name, amount=None))


def _header(members: Mapping[str, object]) -> bytes:
    return binascii.b2a_base64(_dump(members), newline=False)


def _dump(members: Mapping[str, object]) -> bytes:
    return _COMPACT.encode(members).encode("ascii")


def facilitator_body(
    authorization: Authorization, signature: bytes, requirements: Requirements, resource: str | None = None
) -> bytes:
    """The body of `/verify` and `/settle`, rebuilt from typed values.

    It is of version 2 for a payment of either version: the signed message is the same one.
    The same values give the same bytes, so a recovery that has only stored columns asks
    about precisely the payment that was asked about before.
    """
    payload = SCHEMES[requirements.scheme].write(Signed(authorization, signature)).encode("ascii")
    accepted = _accepted(requirements)
    named = b"" if resource is None else b',"resource":%b' % _dump({"url": resource})
    return (
        b'{"x402Version":%d,"paymentPayload":{"x402Version":%d,"payload":%b,"accepted":%b%b},'
        b'"paymentRequirements":%b}' % (VERSION, VERSION, payload, accepted, named, accepted)
    )


@lru_cache(maxsize=1024)
def _accepted(requirements: Requirements) -> bytes:
    """An entry of `accepts`, encoded. Cached: it is one of our own offers."""
    return _dump(requirements_members(requirements))


def parse_verify(body: bytes) -> VerifyReply | Malformed:
    """Read the answer of `/verify`. A reason that is no machine code becomes the spec's catch-all."""
    answer = _answer(body)
    if answer is None:
        return _odd("json")
    valid = answer.get("isValid")
    if not isinstance(valid, bool):
        return _odd("isValid")
    payer = read_address(answer.get("payer"))
    if payer is None and _stated(answer, "payer"):
        return _odd("payer")
    reason = None if valid else _reason(answer.get("invalidReason"), reasons.UNEXPECTED_VERIFY)
    return VerifyReply(valid, payer, reason)


def parse_settle(body: bytes) -> SettleReply | Malformed:
    """Read the answer of `/settle`; Malformed proves nothing about the money.

    `transaction` must be there, if only as "": an answer without it does not say that
    nothing was sent.
    """
    answer = _answer(body)
    if answer is None:
        return _odd("json")
    success = answer.get("success")
    if not isinstance(success, bool):
        return _odd("success")
    transaction = read_transaction(answer.get("transaction"))
    if transaction is None:
        return _odd("transaction")
    network = answer.get("network")
    if not isinstance(network, str) or (network and read_text(network) is None):
        return _odd("network")
    payer = read_address(answer.get("payer"))
    if payer is None and _stated(answer, "payer"):
        return _odd("payer")
    amount = read_uint256(answer.get("amount"))
    if amount is None and _stated(answer, "amount"):
        return _odd("amount")
    reason = None if success else _reason(answer.get("errorReason"), reasons.UNEXPECTED_SETTLE)
    return SettleReply(success, transaction, network, payer, amount, reason)


def parse_supported(body: bytes) -> Supported | Malformed:
    """Read the answer of `/supported`. A kind that cannot be read is one we do not use."""
    answer = _answer(body)
    kinds = answer.get("kinds") if answer is not None else None
    if not isinstance(kinds, list):
        return _odd("kinds")
    return Supported(tuple(kind for kind in map(_kind, kinds) if kind is not None))


def _kind(sent: object) -> SupportedKind | None:
    if not isinstance(sent, dict):
        return None
    version, scheme, network = (
        sent.get("x402Version"),
        read_text(sent.get("scheme")),
        read_text(sent.get("network")),
    )
    extra = sent.get("extra")
    if type(version) is not int or scheme is None or network is None:
        return None
    return SupportedKind(version, scheme, network, extra if isinstance(extra, dict) else {})


def _answer(body: bytes) -> dict[str, object] | None:
    return read_loose_object(body) if len(body) <= ANSWER_BYTES_MAX else None


def _stated(answer: Mapping[str, object], member: str) -> bool:
    """Whether an optional member says anything; null and "" are how some write that it does not."""
    value = answer.get(member)
    return value is not None and value != ""


def _reason(sent: object, otherwise: str) -> str:
    """Facilitators put exception texts and internal addresses here; only codes are handed on."""
    return sent if isinstance(sent, str) and _MACHINE_CODE.fullmatch(sent) else otherwise


def _odd(where: str) -> Malformed:
    return Malformed(reasons.INVALID_PAYLOAD, where)
