"""EVM networks by name, and the USDC each one has. Data and look-ups; knows no setting.

A network is listed where its USDC settles EIP-3009 authorizations; a test
compares the table with the official SDK's. Any other EVM network can be named
by its CAIP-2 id, with its token written out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sidecar.configuration.addresses import address
from sidecar.configuration.model import Asset402
from sidecar.configuration.problems import WrongValue, did_you_mean

NETWORK: Final = r"eip155:[1-9][0-9]{0,15}"
LOCAL_CHAINS: Final = frozenset({84532, 31337})
"""Chain ids of local test chains; the first is also Base Sepolia, whose money is play money."""


@dataclass(frozen=True, slots=True)
class _Usdc:
    chain_id: int
    address: str
    name: str  # of the EIP-712 domain; it is not the same everywhere


_BY_ALIAS: Final[Mapping[str, _Usdc]] = {
    "base": _Usdc(8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin"),
    "base-sepolia": _Usdc(84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC"),
    "ethereum": _Usdc(1, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin"),
    "avalanche": _Usdc(43114, "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "USD Coin"),
    "polygon": _Usdc(137, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USD Coin"),
    "arbitrum": _Usdc(42161, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "USD Coin"),
    "arbitrum-sepolia": _Usdc(421614, "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d", "USD Coin"),
    "monad": _Usdc(143, "0x754704Bc059F8C67012fEd69BC8A327a5aafb603", "USDC"),
    "celo": _Usdc(42220, "0xcebA9300f2b948710d2653dD7B07f33A8B32118C", "USDC"),
    "sei": _Usdc(1329, "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392", "USDC"),
    "sei-testnet": _Usdc(1328, "0x4fCF1784B31630811181f670Aea7A7bEF803eaED", "USDC"),
}

ALIASES: Final[tuple[str, ...]] = tuple(_BY_ALIAS)


def network(value: object) -> int:
    """Read an alias or a CAIP-2 id as the EVM chain id."""
    text = value if isinstance(value, str) else ""
    if text in _BY_ALIAS:
        return _BY_ALIAS[text].chain_id
    if re.fullmatch(NETWORK, text):
        return int(text.removeprefix("eip155:"))
    if re.fullmatch(r"[a-z0-9-]{3,8}:[-_a-zA-Z0-9]{1,32}", text) and not text.startswith("eip155:"):
        raise WrongValue("network_unsupported", "only EVM networks (eip155:...) are supported")
    advice = did_you_mean(text, ALIASES)
    raise WrongValue("network_unknown", f"a network is an id such as eip155:8453 or a known name; {advice}")


def caip2(chain_id: int) -> str:
    """Return the network's name on the wire."""
    return f"eip155:{chain_id}"


def usdc(chain_id: int) -> Asset402 | None:
    """Return the network's USDC, or None where it is not known."""
    for known in _BY_ALIAS.values():
        if known.chain_id == chain_id:
            raw = address(known.address)
            return Asset402(raw, known.address, "USDC", decimals=6, name=known.name, version="2")
    return None
