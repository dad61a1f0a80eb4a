"""Closing: ends a period for ever, with a signed trial balance, or an account. The only writer of either.

The balance is added up beside the writer, since that takes seconds on a large
book; the unit only makes sure that nothing came in between.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger import periods
from ledger.accounts import AccountId, Closure
from ledger.periods import Period, Standing
from ledger.signing import NO_STATEMENT, Signed, Signer
from ledger.store import ClosableTx

LATE_US: Final = 3_600_000_000
"""How long after its end a period can be closed at the earliest: by then its events have been booked."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What accounts held of all that had happened until a time, when the book's end was journal `seq`."""

    seq: int
    standings: tuple[Standing, ...]


class NotClosed(StrEnum):
    """Why a period was not closed, in order of precedence."""

    ENDS_LATER = "ends_later"  # or not LATE_US ago
    CLOSED_BEFORE = "closed_before"  # a later time is closed already
    NOTHING_BOOKED = "nothing_booked"
    CHANGED_MEANWHILE = "changed_meanwhile"  # after the trial balance was added up: add it up again


def close_account(tx: ClosableTx, account_id: AccountId, *, reason: str, key: str) -> Closure | None:
    """Book nothing new on an account from now on; what it holds may still be resolved, one way or another.

    Returns how it is closed: again, how it was the first time. None: there is no such account.
    """
    assert reason, "an account is closed for a reason"
    before = tx.closure(account_id)
    if before is not None:
        return before
    if tx.account(account_id) is None:
        return None
    closure = Closure(account_id, tx.recorded_us, reason, key)
    tx.add_closure(closure)
    return closure


def close(tx: ClosableTx, signer: Signer, through_us: int, trial: Trial) -> Signed | NotClosed:
    """Close everything that happened until *through_us*, that time included; *trial* is as of then.

    The same time again answers with what was signed the first time.
    """
    before = tx.last_period()
    if before is not None and through_us == tx.closed_through_us:
        return before
    if through_us > tx.recorded_us - LATE_US:
        return NotClosed.ENDS_LATER
    if through_us < tx.closed_through_us:
        return NotClosed.CLOSED_BEFORE
    if tx.head.seq == 0:
        return NotClosed.NOTHING_BOOKED
    if tx.happened_since(seq=trial.seq, through_us=through_us):
        return NotClosed.CHANGED_MEANWHILE
    period = Period(
        number=1 if before is None else periods.read(before.statement).number + 1,
        through_us=through_us,
        closed_us=tx.recorded_us,
        head=tx.head,
        previous=NO_STATEMENT if before is None else before.digest,
        standings=trial.standings,
    )
    signed = signer.sign(period.statement())
    tx.add_period(period, signed)
    return signed
