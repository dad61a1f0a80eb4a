"""The official Python SDK as an oracle: its client, and its facilitator on a chain of plain accounts."""

from __future__ import annotations

from typing import Any

from eth_account import Account
from x402.client import x402ClientSync
from x402.http.utils import decode_payment_required_header, encode_payment_signature_header
from x402.mechanisms.evm.exact import ExactEvmClientScheme, ExactEvmFacilitatorScheme
from x402.mechanisms.evm.exact.v1.client import ExactEvmSchemeV1 as ExactEvmClientSchemeV1
from x402.schemas import VerifyRequest
from x402.schemas.helpers import parse_payment_required

from tests.sidecar.x402.signing import OFFER, WALLET


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
    reply = ExactEvmFacilitatorScheme(chain).verify(request.payment_payload, request.payment_requirements)
    return "valid" if reply.is_valid else str(reply.invalid_reason)
