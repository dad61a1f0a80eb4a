"""What one statement has locked and read for a decision, as values."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.balances import Balance
from ledger.stores.postgres.direct import Answer

Texts = Sequence[bytes | None]
EntryRow = tuple[str, str, int, int, int, str | None, str | None]
"""id, kind, debit, credit, amount, hold, resolution."""
JournalRow = tuple[int, str, int, int, str, str]
"""seq, kind, happened_us, recorded_us, subject, note."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Counters by account, entries and perhaps a journal that are booked, and a number for a new one."""

    number: int
    balances: list[tuple[int, Balance]]
    entries: list[EntryRow]
    journal: JournalRow | None


def read(answer: Answer) -> Prepared:
    """Read the rows of `prepare` in `direct.sql`: each says first what it is."""
    number, balances, entries, journal = 0, list[tuple[int, Balance]](), list[EntryRow](), None
    for tag, *row in answer:
        match tag:
            case b"balance":
                balances.append(balance(row[:5]))
            case b"number":
                number = _whole(row[0])
            case b"entry":
                entries.append(_entry(row))
            case _:
                journal = _journal(row)
    return Prepared(number, balances, entries, journal)


def balance(row: Texts) -> tuple[int, Balance]:
    """Read an account's number and its counters."""
    no, *counters = map(_whole, row)
    return no, Balance(*counters)


def _entry(row: Texts) -> EntryRow:
    debit_no, credit_no, units = map(_whole, row[:3])
    entry, kind, pending_id, resolution = row[5:9]
    return _text(entry), _text(kind), debit_no, credit_no, units, _maybe(pending_id), _maybe(resolution)


def _journal(row: Texts) -> JournalRow:
    seq, happened_us, recorded_us = map(_whole, row[:3])
    kind, subject, note = map(_text, row[5:8])
    return seq, kind, happened_us, recorded_us, subject, note


def _whole(text: bytes | None) -> int:
    assert text is not None, "a number is not NULL"
    return int(text)


def _text(text: bytes | None) -> str:
    assert text is not None, "a text is not NULL"
    return text.decode()


def _maybe(text: bytes | None) -> str | None:
    return None if text is None else text.decode()
