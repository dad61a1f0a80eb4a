"""The sandbox's accounts: test keys only, the same on every start. Knows no chain and no network.

Each key is the hash of a published label, so anybody can spend from it. Never send real money to
one of these addresses, on any network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import coincurve
import sha3


@dataclass(frozen=True, slots=True)
class TestAccount:
    """An address in EIP-55 spelling and its published private key, both with 0x."""

    __test__ = False  # pytest collects classes by this name otherwise

    address: str
    private_key: str


def checksummed(address: bytes) -> str:
    """Spell 20 *address* bytes as EIP-55 does: a letter is upper case where the hash has a high nibble."""
    assert len(address) == 20, "an address has 20 bytes"
    digits = address.hex()
    nibbles = sha3.keccak_256(digits.encode()).hexdigest()
    cased = (c.upper() if int(n, 16) >= 8 else c for c, n in zip(digits, nibbles, strict=False))
    return "0x" + "".join(cased)


def published(label: str) -> TestAccount:
    """Derive the account that everybody can derive from *label*."""
    secret = sha256(f"x402 sidecar sandbox, worthless test key: {label}".encode()).digest()
    public = coincurve.PrivateKey(secret).public_key.format(compressed=False)
    address = sha3.keccak_256(public[1:]).digest()[-20:]
    return TestAccount(address=checksummed(address), private_key="0x" + secret.hex())


FACILITATOR: Final = published("facilitator")
RIVAL: Final = published("rival")
"""Who broadcasts other people's authorizations, where a mode asks for it."""
PAY_TO: Final = published("seller")
BUYERS: Final = tuple(published(f"buyer {number}") for number in range(1, 6))
PENNILESS: Final = published("buyer without money")

BUYER_TOKENS: Final = 10_000_000_000  # 10,000 USDC in its smallest unit
BUYER_WEI: Final = 10**18  # enough gas to cancel an authorization, or to settle as a sidecar's own signer
FACILITATOR_WEI: Final = 1_000 * 10**18  # the rival's too


def tokens() -> Mapping[str, int]:
    """Token balances at genesis, in the token's smallest unit, by address."""
    return {buyer.address: BUYER_TOKENS for buyer in BUYERS}


def wei() -> Mapping[str, int]:
    """Native balances at genesis, in wei, by address."""
    senders = {FACILITATOR.address: FACILITATOR_WEI, RIVAL.address: FACILITATOR_WEI}
    return senders | {buyer.address: BUYER_WEI for buyer in BUYERS}
