"""A good payment in the making: signed, written as a document, as JSON text, as a header value.

A change belongs to one of these stages. Signing is done with coincurve through our own digest,
which other tests hold against eth_account: a wallet would cost a hundred times as much.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from coincurve import PrivateKey

from sidecar.x402.documents import Authorization, Requirements
from sidecar.x402.eip712 import domain_separator, keccak, transfer_digest
from sidecar.x402.evm_text import address_bytes, checksummed
from sidecar.x402.terms import requirements_members
from sidecar.x402.version1 import network_name
from tests.sidecar.x402.signing import NOW_S, OFFER, an_offer

KEYS: Final = tuple(PrivateKey(bytes([n]) * 32) for n in range(1, 6))
OTHER: Final = "0x" + "22" * 20
OFFERS: Final = (
    OFFER,
    an_offer(network="eip155:8453", amount=1_000_000, extra={"name": "USD Coin", "version": "2"}),
    an_offer(amount=7, pay_to=OTHER),
    an_offer(
        network="eip155:137",
        asset=OFFER.asset.lower(),
        pay_to=OFFER.pay_to.lower(),
        extra={"name": "USD₮0 é", "version": "1"},
    ),
    an_offer(network="eip155:10", amount=2**70),
    an_offer(network="eip155:43114", extra={"name": "USDC"}),
)


def address_of(key: PrivateKey) -> bytes:
    return keccak(key.public_key.format(compressed=False)[1:])[12:]


ADDRESSES: Final = {key.secret: address_of(key) for key in KEYS}


@dataclass(slots=True)
class Draft:
    """What goes into one payment, and what to change at each stage of making it."""

    version: int
    offer: Requirements
    key: PrivateKey
    message: dict[str, Any]
    domain: dict[str, Any] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    of_signature: list[Callable[[bytes], bytes]] = field(default_factory=list)
    of_document: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    of_text: list[Callable[[bytes], bytes]] = field(default_factory=list)
    of_header: list[Callable[[bytes], bytes]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        document = self._signed()
        for change in self.of_document:
            change(document)
        return document

    def header(self) -> bytes:
        """The finished value: JSON of the document in base64, with what was changed at each stage."""
        text = json.dumps(self.document(), separators=(",", ":")).encode()
        for change in self.of_text:
            text = change(text)
        value = base64.b64encode(text)
        for change in self.of_header:
            value = change(value)
        return value

    def _signed(self) -> dict[str, Any]:
        message, offer = self.message, self.offer
        authorization = {
            "from": checksummed(message["from_"]),
            "to": checksummed(message["to"]),
            "value": str(message["value"]),
            "validAfter": str(message["valid_after"]),
            "validBefore": str(message["valid_before"]),
            "nonce": "0x" + message["nonce"].hex(),
        }
        payload = {"signature": "0x" + self._signature().hex(), "authorization": authorization}
        if self.version == 1:
            network = network_name(offer.network)
            return {"x402Version": 1, "scheme": offer.scheme, "network": network, "payload": payload}
        return {
            "x402Version": 2,
            "payload": payload,
            "accepted": requirements_members(offer),
            "resource": {"url": "https://agent.example/research", "description": "", "mimeType": ""},
        }

    def _signature(self) -> bytes:
        offer = self.offer
        domain = {
            "name": offer.extra.get("name", ""),
            "version": offer.extra.get("version", ""),
            "chain_id": int(offer.network.removeprefix("eip155:")),
            "contract": address_bytes(offer.asset),
        } | self.domain
        digest = transfer_digest(domain_separator(**domain), Authorization(**self.message))
        signed = self.key.sign_recoverable(digest, hasher=None)
        signature = signed[:64] + bytes((signed[64] + 27,))
        for change in self.of_signature:
            signature = change(signature)
        return signature


def a_draft(random: Random, version: int, offer: Requirements) -> Draft:
    key = random.choice(KEYS)
    message = {
        "from_": ADDRESSES[key.secret],
        "to": address_bytes(offer.pay_to),
        "value": offer.amount,
        "valid_after": NOW_S - 600,
        "valid_before": NOW_S + 180,
        "nonce": random.randbytes(32),
    }
    return Draft(version, offer, key, message)
