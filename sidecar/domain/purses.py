"""Purses: what the chain said that payers have, and what that is still good for. Pure; time is an argument.

A balance covers what was open when it was read, and all that the payer signed since then: what was
settled meanwhile is not there any more, however little is open now.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.money import Amount, nano
from sidecar.domain.records import Authorized

GOOD_US: Final = 10_000_000
"""How long a balance may be reused."""
KEPT_MAX: Final = 10_000
_NOTHING: Final = nano(0)

Purse = tuple[str, bytes, bytes]
"""Network, asset and payer."""


@dataclass(frozen=True, slots=True)
class _Read:
    balance: int
    authorized: Authorized
    asked_us: int


class Purses:
    """The newest balance read of each payer, as many as are kept; those read last."""

    def __init__(self) -> None:
        self._read: dict[Purse, _Read] = {}

    def covers(
        self, purse: Purse, authorized: Authorized, atomic: Callable[[Amount], int], now_us: int
    ) -> bool:
        """Tell whether a balance that is known covers all that the payer may still have to pay.

        *atomic* turns money into units of the asset. False says only that the chain must be asked.
        """
        read = self._read.get(purse)
        if read is None or now_us - read.asked_us >= GOOD_US:
            return False
        since = max(authorized.ever - read.authorized.ever, _NOTHING)
        return read.balance >= atomic(read.authorized.open + since)

    def saw(self, purse: Purse, balance: int, authorized: Authorized, asked_us: int) -> None:
        """Note a balance in atomic units: the chain was asked at *asked_us* for a call admitted with this."""
        before = self._read.pop(purse, None)
        if before is not None and before.authorized.ever > authorized.ever:
            self._read[purse] = before  # an answer to a question that was put before
            return
        self._read[purse] = _Read(balance, authorized, asked_us)
        if len(self._read) > KEPT_MAX:
            del self._read[next(iter(self._read))]
