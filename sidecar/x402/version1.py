"""Protocol version 1: its names of networks, its payments, its entries of `accepts`. Knows no header.

The signed message is that of version 2, so a payment read here is checked, claimed and
settled as any other; only what stands around it is spelled differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sidecar.x402 import exact, reasons
from sidecar.x402.documents import ExactPayment, Malformed, Named, Requirements, Resource
from sidecar.x402.schemes import SCHEMES
from sidecar.x402.terms import read_text

VERSION: Final = 1

# The EVM names of version 1's fixed list. A payer signs for the chain that its own library takes a
# name to mean, so `story`, `educhain` and those of `skale-base` are left out: the official libraries
# disagree about their chains.
_NETWORKS: Final[Mapping[str, str]] = {
    "abstract": "eip155:2741",
    "abstract-testnet": "eip155:11124",
    "avalanche": "eip155:43114",
    "avalanche-fuji": "eip155:43113",
    "base": "eip155:8453",
    "base-sepolia": "eip155:84532",
    "iotex": "eip155:4689",
    "peaq": "eip155:3338",
    "polygon": "eip155:137",
    "polygon-amoy": "eip155:80002",
    "sei": "eip155:1329",
    "sei-testnet": "eip155:1328",
}
_NAMES: Final[Mapping[str, str]] = {network: name for name, network in _NETWORKS.items()}


def network_name(caip2: str) -> str | None:
    """How version 1 writes a CAIP-2 id; None for a network that it cannot name."""
    return _NAMES.get(caip2)


def read(document: Mapping[str, object]) -> ExactPayment | Malformed:
    """Read a version 1 payment: scheme and network are named beside the payload, nothing else is."""
    scheme_name, name = read_text(document.get("scheme")), read_text(document.get("network"))
    if scheme_name is None:
        return Malformed(reasons.INVALID_PAYLOAD, "scheme")
    if name is None:
        return Malformed(reasons.INVALID_PAYLOAD, "network")
    scheme = SCHEMES.get(scheme_name)
    if scheme is None:
        return Malformed(reasons.UNSUPPORTED_SCHEME, "scheme")
    signed = scheme.read(document.get("payload"))
    if isinstance(signed, Malformed):
        return signed
    return ExactPayment(
        version=VERSION,
        accepted={"scheme": scheme_name, "network": name},
        chosen=Named(scheme_name, _NETWORKS.get(name)),
        authorization=signed.authorization,
        signature=signed.signature,
    )


def accepts(offers: Sequence[Requirements], resource: Resource) -> list[dict[str, object]]:
    """The entries of `accepts` for those of *offers* that version 1 can name.

    The legacy npm client (x402 1.2.0) parses every entry and gives up over one that is wrong:
    `description` and `mimeType` are strings and never left out, nothing is null, and there is no
    `outputSchema` rather than an empty one. The URL is the last member of each entry.
    """
    return [
        {
            "scheme": offer.scheme,
            "network": _NAMES[offer.network],
            "maxAmountRequired": str(offer.amount),
            "description": resource.description or "",
            "mimeType": resource.mime_type or "",
            "payTo": offer.pay_to,
            "maxTimeoutSeconds": offer.max_timeout_s,
            "asset": offer.asset,
            "extra": dict(offer.extra),
            "resource": resource.url,
        }
        for offer in _nameable(offers)
    ]


def _nameable(offers: Sequence[Requirements]) -> list[Requirements]:
    """The offers that a version 1 payment can mean; of several that it cannot tell apart, the first.

    A payment names scheme and network and signs recipient and value. Two assets at one price
    could only be told apart by trying both signatures, so only one of them is offered.
    """
    told_apart: dict[tuple[str, str, int], Requirements] = {}
    for offer in offers:
        if offer.scheme == exact.NAME and offer.network in _NAMES:
            told_apart.setdefault((offer.network, offer.pay_to.lower(), offer.amount), offer)
    return list(told_apart.values())
