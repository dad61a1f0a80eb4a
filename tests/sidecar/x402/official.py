"""The official Python SDK as an oracle: client, server, and facilitator on a chain of plain accounts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import x402
from eth_account import Account
from x402.client import x402ClientSync
from x402.http.utils import (
    decode_payment_required_header,
    decode_payment_signature_header,
    encode_payment_signature_header,
)
from x402.mechanisms.evm.exact import ExactEvmClientScheme, ExactEvmFacilitatorScheme
from x402.mechanisms.evm.exact.v1.client import ExactEvmSchemeV1 as ExactEvmClientSchemeV1
from x402.mechanisms.evm.exact.v1.facilitator import ExactEvmSchemeV1 as ExactEvmFacilitatorSchemeV1
from x402.schemas import PaymentPayload, PaymentRequirements, VerifyRequest
from x402.schemas.helpers import parse_payment_required
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1
from x402.server import x402ResourceServerSync

from sidecar.x402 import version1
from sidecar.x402.documents import Requirements, Resource
from sidecar.x402.terms import requirements_members
from tests.sidecar.x402.signing import OFFER, WALLET


def payment_identifier() -> ModuleType:
    """The SDK's package of that extension by itself: importing it by name asks for what the others need."""
    name = "official_payment_identifier"
    if name not in sys.modules:
        folder = Path(x402.__file__).parent / "extensions" / "payment_identifier"
        spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
        assert spec is not None, "the SDK has the extension"
        assert spec.loader is not None, "it is a plain package"
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Naming:
    """An extension of the official client that names every purchase, with the SDK's own helper."""

    key = "payment-identifier"
    hooks = None
    transport_hooks = None

    def __init__(self, name: str) -> None:
        self._name = name

    def enrich_payment_payload(self, payload: Any, required: Any) -> Any:
        append = payment_identifier().append_payment_identifier_to_extensions
        extensions = append(dict(payload.extensions or {}), self._name)
        return payload.model_copy(update={"extensions": extensions})


def paid_by_the_official_client(required: bytes) -> bytes:
    """What the official Python client answers to a PAYMENT-REQUIRED value of ours."""
    client = x402ClientSync()
    client.register("eip155:*", ExactEvmClientScheme(Account.from_key(WALLET.key)))
    payload = client.create_payment_payload(decode_payment_required_header(required.decode("ascii")))
    return encode_payment_signature_header(payload).encode("ascii")


def paid_in_version_1(body: bytes, network: str = "base-sepolia") -> bytes:
    """What the official Python client answers to the body of a 402 when it knows only version 1."""
    client = x402ClientSync()
    client.register_v1(network, ExactEvmClientSchemeV1(Account.from_key(WALLET.key)))
    payload = client.create_payment_payload(parse_payment_required(body))
    return encode_payment_signature_header(payload).encode("ascii")


class PlainChain:
    """Only the token has code, and every call succeeds."""

    def get_code(self, address: str) -> bytes:
        return b"\x60" if address.lower() == OFFER.asset.lower() else b""

    def read_contract(self, *_: Any) -> None:
        return None


def facilitator_verdict(body: bytes) -> str:
    """What the official facilitator says to a `/verify` body: "valid" or its reason."""
    request = VerifyRequest.model_validate_json(body)
    chain: Any = PlainChain()  # of the signer's methods only the two that verifying needs
    return _said(
        ExactEvmFacilitatorScheme(chain).verify(request.payment_payload, request.payment_requirements)
    )


class OfficialSeller:
    """A seller who does it all with the SDK: reads the header, finds the offer, has it verified.

    A version 1 payment does not say which offer it means, so there may be several verdicts.
    """

    def __init__(self, offers: Sequence[Requirements]) -> None:
        chain: Any = PlainChain()
        self._facilitator = ExactEvmFacilitatorScheme(chain)
        self._facilitator_v1 = ExactEvmFacilitatorSchemeV1(chain)
        self._server = x402ResourceServerSync()
        self._offers = [PaymentRequirements.model_validate(requirements_members(offer)) for offer in offers]
        entries = version1.accepts(offers, Resource("https://agent.example/"))
        self._offers_v1 = [PaymentRequirementsV1.model_validate(entry) for entry in entries]

    def verdicts(self, header: bytes) -> frozenset[str]:
        """Per offer it may mean: "valid", a reason, or where it raised ("unreadable", "crash")."""
        try:
            payment = decode_payment_signature_header(header.decode("latin-1"))
        except Exception:  # whatever it raises, it did not take the payment
            return frozenset({"unreadable"})
        try:
            if isinstance(payment, PaymentPayloadV1):
                return self._of_version_1(payment)
            return frozenset({self._of_version_2(payment)})
        except Exception:
            return frozenset({"crash"})

    def _of_version_2(self, payment: PaymentPayload) -> str:
        offer = self._server.find_matching_requirements(self._offers, payment)
        return "no match" if offer is None else _said(self._facilitator.verify(payment, offer))

    def _of_version_1(self, payment: PaymentPayloadV1) -> frozenset[str]:
        named = (payment.scheme, payment.network)
        near = [offer for offer in self._offers_v1 if (offer.scheme, offer.network) == named]
        return frozenset(
            [_said(self._facilitator_v1.verify(payment, offer)) for offer in near] or ["no match"]
        )


def _said(reply: Any) -> str:
    return "valid" if reply.is_valid else str(reply.invalid_reason)
