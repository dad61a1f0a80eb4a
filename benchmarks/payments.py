"""Payments for a benchmark: signed before the clock runs, each with a wallet and a nonce of its own."""

import base64
import json
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import httpx
from coincurve import PrivateKey

from sidecar.x402.documents import Authorization
from sidecar.x402.eip712 import domain_separator, keccak, transfer_digest
from sidecar.x402.evm_text import checksummed

CHAIN_ID: Final = 84532
NETWORK: Final = f"eip155:{CHAIN_ID}"
ASSET: Final = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
PAY_TO: Final = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
WALLETS: Final = 64
VALID_S: Final = 300


@dataclass(frozen=True, slots=True)
class Wallet:
    """A key and its address."""

    key: PrivateKey
    address: bytes


def wallets(count: int = WALLETS) -> list[Wallet]:
    """Return the same wallets each time."""
    found = []
    for number in range(count):
        key = PrivateKey(sha256(b"benchmark %d" % number).digest())
        found.append(Wallet(key, keccak(key.public_key.format(compressed=False)[1:])[-20:]))
    return found


def offered(url: str, method: str = "POST") -> tuple[str, dict[str, object]]:
    """Ask *url* unpaid; return the resource and the first requirement of its 402."""
    answer = httpx.request(method, url, json={"ask": "hello"}, trust_env=False)
    required = json.loads(base64.b64decode(answer.headers["payment-required"]))
    return required["resource"]["url"], required["accepts"][0]


def headers(count: int, url: str, *, payers: int = WALLETS, salt: str = "") -> list[bytes]:
    """Return *count* PAYMENT-SIGNATURE values for what *url* asks, dealt over the wallets in turn."""
    resource, accepted = offered(url)
    units, extra = int(str(accepted["amount"])), accepted["extra"]
    assert isinstance(extra, dict)
    separator = domain_separator(extra["name"], extra["version"], CHAIN_ID, bytes.fromhex(ASSET[2:]))
    now_s, purses = int(time.time()), wallets(payers)
    return [
        _header(resource, accepted, purses[number % payers], units, now_s, separator, f"{salt} {number}")
        for number in range(count)
    ]


def _header(
    resource: str,
    accepted: dict[str, object],
    payer: Wallet,
    units: int,
    now_s: int,
    separator: bytes,
    salt: str,
) -> bytes:
    nonce = sha256(f"{time.time_ns()} {salt}".encode()).digest()
    to = bytes.fromhex(PAY_TO[2:])
    message = Authorization(payer.address, to, units, now_s - 60, now_s + VALID_S, nonce)
    raw = payer.key.sign_recoverable(transfer_digest(separator, message), hasher=None)
    document = {
        "x402Version": 2,
        "resource": {"url": resource},
        "accepted": accepted,
        "payload": {
            "signature": "0x" + (raw[:64] + bytes((raw[64] + 27,))).hex(),
            "authorization": {
                "from": checksummed(payer.address),
                "to": PAY_TO,
                "value": str(units),
                "validAfter": str(message.valid_after),
                "validBefore": str(message.valid_before),
                "nonce": "0x" + nonce.hex(),
            },
        },
    }
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode())
