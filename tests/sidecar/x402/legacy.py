"""What the legacy npm client (x402 1.2.0) requires of an entry of `accepts`, rule by rule.

It parses every entry of the body before it looks at one, so a single wrong entry costs the
buyer the whole answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

NETWORKS: Final = frozenset(
    (
        "abstract", "abstract-testnet", "avalanche", "avalanche-fuji", "base", "base-sepolia", "educhain",
        "iotex", "peaq", "polygon", "polygon-amoy", "sei", "sei-testnet", "skale-base-sepolia", "solana",
        "solana-devnet", "story",
    )
)  # fmt: skip
_ADDRESS: Final = re.compile(r"0x[0-9A-Fa-f]{40}")
_WHOLE: Final = re.compile(r"[0-9]+")


def _text(value: object) -> bool:
    return isinstance(value, str)


def _url(value: object) -> bool:
    parts = urlsplit(value) if isinstance(value, str) else None
    return parts is not None and parts.scheme in {"http", "https"} and bool(parts.netloc)


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_REQUIRED: Final[Mapping[str, Callable[[object], bool]]] = {
    "scheme": lambda value: value == "exact",
    "network": lambda value: value in NETWORKS,
    "maxAmountRequired": _matches(_WHOLE),
    "resource": _url,
    "description": _text,
    "mimeType": _text,
    "payTo": _matches(_ADDRESS),
    "maxTimeoutSeconds": lambda value: type(value) is int,
    "asset": _matches(_ADDRESS),
}
_OPTIONAL: Final = ("outputSchema", "extra")  # an object or not there at all; null is neither


def faults(entry: Mapping[str, object]) -> list[str]:
    """The members over which the client would give up."""
    wrong = [name for name, holds in _REQUIRED.items() if not holds(entry.get(name))]
    return wrong + [name for name in _OPTIONAL if name in entry and not isinstance(entry[name], dict)]
