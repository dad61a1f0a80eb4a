"""Transfers and journals: what a caller asks the book to record. Knows no balance and no store.

A transfer has one debit account, one credit account of the same asset and one
positive amount, so an unbalanced state cannot be written down. Two-phase money
moves by a Pending (a *hold*), resolved exactly once by a new entry: Post, Void
or Expire. Ids are derived by the caller, so the same event is the same journal.
"""

from dataclasses import KW_ONLY
from enum import StrEnum

from ledger.accounts import Account
from ledger.money import Amount
from ledger.values import value


class Kind(StrEnum):
    """What an entry does to its two accounts."""

    TRANSFER = "transfer"
    PENDING = "pending"
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"

    __hash__ = str.__hash__  # an enum's own hashes its name anew for each look into a table


@value
class Transfer:
    """Move *amount* at once."""

    id: str
    _: KW_ONLY
    debit: Account
    credit: Account
    amount: Amount


@value
class Pending:
    """Hold *amount* for a later Post, Void or Expire. It counts against the debit side at once."""

    id: str
    _: KW_ONLY
    debit: Account
    credit: Account
    amount: Amount


@value
class Post:
    """Move *amount* of a hold, at most all of it; the rest returns. To move nothing, void the hold."""

    id: str
    _: KW_ONLY
    pending_id: str
    amount: Amount


@value
class Void:
    """Return a hold by decision."""

    id: str
    _: KW_ONLY
    pending_id: str


@value
class Expire:
    """Return a hold because its time is over."""

    id: str
    _: KW_ONLY
    pending_id: str


Entry = Transfer | Pending | Post | Void | Expire


@value
class Journal:
    """Entries that stand or fall together; later ones see the effect of earlier ones.

    `happened_us`: when it happened (the book adds when it learned it).
    `subject`: what it is about, such as a call's id; found again by it.
    """

    id: str
    kind: str
    entries: tuple[Entry, ...]
    happened_us: int
    subject: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a journal that records nothing."""
        assert self.entries, "a journal has at least one entry"


@value
class Row:
    """One entry as the book keeps it: a resolution carries the accounts of its hold.

    `amount` of a Post is what it moved; of a Void or Expire, what it returned.
    """

    id: str
    kind: Kind
    debit: Account
    credit: Account
    units: int
    pending_id: str | None


@value
class Booked:
    """A journal as the book keeps it. `recorded_us`: when the book learned it; never decreases with `seq`."""

    seq: int
    id: str
    kind: str
    happened_us: int
    recorded_us: int
    subject: str
    note: str
    rows: tuple[Row, ...]

    @staticmethod
    def of(journal: Journal, *, seq: int, recorded_us: int, rows: tuple[Row, ...]) -> "Booked":
        """Return *journal* as number *seq* of the book."""
        return Booked(
            seq=seq,
            id=journal.id,
            kind=journal.kind,
            happened_us=journal.happened_us,
            recorded_us=recorded_us,
            subject=journal.subject,
            note=journal.note,
            rows=rows,
        )
