"""What the server has locked and read for a decision, as values."""

from collections.abc import Sequence

from ledger.balances import Balance

Texts = Sequence[bytes | None]
EntryRow = tuple[str, str, int, int, int, str | None, str | None]
"""id, kind, debit, credit, amount, hold, resolution."""
JournalRow = tuple[int, str, int, int, str, str]
"""seq, kind, happened_us, recorded_us, subject, note."""


def balance(row: Texts) -> tuple[int, Balance]:
    """Read an account's number and its counters."""
    no, *counters = map(_whole, row)
    return no, Balance(*counters)


def entry(row: Texts) -> EntryRow:
    """Read an entry, and how it was resolved."""
    name, kind, debit_no, credit_no, units, pending_id, resolution = row
    return (
        _text(name),
        _text(kind),
        _whole(debit_no),
        _whole(credit_no),
        _whole(units),
        _maybe(pending_id),
        _maybe(resolution),
    )


def number(row: Texts) -> tuple[int, JournalRow | None]:
    """Read a number for a new journal, and the journal that has its id already, if there is one."""
    drawn, seq, kind, happened_us, recorded_us, subject, note = row
    if seq is None:
        return _whole(drawn), None
    found = _whole(seq), _text(kind), _whole(happened_us), _whole(recorded_us), _text(subject), _text(note)
    return _whole(drawn), found


def _whole(text: bytes | None) -> int:
    assert text is not None, "a number is not NULL"
    return int(text)


def _text(text: bytes | None) -> str:
    assert text is not None, "a text is not NULL"
    return text.decode()


def _maybe(text: bytes | None) -> str | None:
    return None if text is None else text.decode()
