"""Balances: the four counters of an account, and how each kind of entry moves them. Pure."""

from typing import Final

from ledger.accounts import Side
from ledger.transfers import Kind
from ledger.values import value

_DEBIT: Final = Side.DEBIT


@value
class Balance:
    """Sums of an account in units of its asset. Posted counters only grow; pending ones return to zero."""

    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    def net(self, side: Side) -> int:
        """Return what is posted on *side* beyond the other side."""
        if side is _DEBIT:
            return self.debits_posted - self.credits_posted
        return self.credits_posted - self.debits_posted

    def available(self, side: Side) -> int:
        """Return what can still be taken: holds of the other side count as if posted."""
        return self.net(side) - (self.credits_pending if side is _DEBIT else self.debits_pending)

    def exposure(self, side: Side) -> int:
        """Return the most it may become: holds of the same side count as if posted."""
        return self.net(side) + (self.debits_pending if side is _DEBIT else self.credits_pending)

    def largest(self) -> int:
        """Return the largest counter, for the int64 bound."""
        return max(self.debits_posted, self.credits_posted, self.debits_pending, self.credits_pending)


ZERO: Final = Balance()


def apply(balance: Balance, side: Side, kind: Kind, units: int, held: int = 0) -> Balance:
    """Return *balance* after an entry of *kind* on its *side*.

    *units* move or are held; *held* is the whole hold that a resolution takes
    out of the pending counter, whatever part of it was posted.
    """
    posted, pending = _EFFECT[kind]
    add, hold = posted * units, pending * (held if pending < 0 else units)
    if side is _DEBIT:
        return Balance(
            balance.debits_posted + add,
            balance.credits_posted,
            balance.debits_pending + hold,
            balance.credits_pending,
        )
    return Balance(
        balance.debits_posted,
        balance.credits_posted + add,
        balance.debits_pending,
        balance.credits_pending + hold,
    )


_EFFECT: Final = {
    Kind.TRANSFER: (1, 0),
    Kind.PENDING: (0, 1),
    Kind.POST: (1, -1),
    Kind.VOID: (0, -1),
    Kind.EXPIRE: (0, -1),
}
"""What each kind adds to the posted and to the pending counter of a side."""
