"""The rules refuse by one documented order, and see the effect of earlier entries of the same journal."""

from dataclasses import replace
from typing import Final

import pytest

from ledger import book
from ledger.accounts import AccountClass, Closure, Constraint, Side
from ledger.book import Created, Rejected
from ledger.money import INT64_MAX, Amount, Asset
from ledger.periods import Period
from ledger.rules import JOURNAL, Accepted, decide, difference
from ledger.signing import NO_STATEMENT, Signer
from ledger.statuses import Status
from ledger.stores.memory import MemoryTx
from ledger.transfers import Booked, Entry, Journal, Post, Transfer
from tests.ledger.examples import (
    BUYER,
    CASH,
    OPEN,
    OWED,
    SALES,
    TILL,
    Ticks,
    expire,
    hold,
    journal,
    limited,
    move,
    post,
    void,
)

EURO = Asset("EUR", 9)
EURO_CASH = replace(CASH, id=("cash", "eur"), asset=EURO)


FUNDED: Final = (
    journal("fund", move("fund/0", units=100), hold("h", units=30)),
    journal("gone", *(hold(name, units=1) for name in ("posted", "voided", "expired"))),
    journal("end", post("p", "posted", 1), void("v", "voided"), expire("x", "expired")),
)


def a_book(*journals: Journal) -> MemoryTx:
    """Return a book that holds *journals*."""
    tx = MemoryTx(Ticks())
    for each in journals:
        booked = book.submit(tx, each)
        assert isinstance(booked, Created), f"the example must be bookable: {booked}"
    return tx


def funded() -> MemoryTx:
    """Return a book in which the buyer has 100, 30 of it held as `h`, and holds that were resolved."""
    return a_book(*FUNDED)


REFUSED: Final[list[tuple[Entry, Status, str]]] = [
    (move("fund/0"), Status.ENTRY_ID_TAKEN, "id"),
    (move("t", units=0), Status.AMOUNT_NOT_POSITIVE, "amount"),
    (move("t", units=-1), Status.AMOUNT_NOT_POSITIVE, "amount"),
    (post("t", "h", 0), Status.AMOUNT_NOT_POSITIVE, "amount"),
    (move("t", debit=EURO_CASH), Status.ASSETS_DIFFER, "credit"),
    (Transfer("t", debit=CASH, credit=BUYER, amount=Amount(1, EURO)), Status.ASSETS_DIFFER, "amount"),
    (Post("t", pending_id="h", amount=Amount(1, EURO)), Status.ASSETS_DIFFER, "amount"),
    (move("t", debit=CASH, credit=CASH), Status.ACCOUNTS_SAME, "credit"),
    (move("t", debit=replace(CASH, kind=AccountClass.EXPENSE)), Status.ACCOUNT_DIFFERS, "debit.kind"),
    (move("t", debit=replace(CASH, side=Side.CREDIT)), Status.ACCOUNT_DIFFERS, "debit.side"),
    (
        move("t", credit=replace(BUYER, constraint=Constraint.NONE)),
        Status.ACCOUNT_DIFFERS,
        "credit.constraint",
    ),
    (post("t", "nowhere"), Status.PENDING_NOT_FOUND, "pending_id"),
    (void("t", "fund/0"), Status.PENDING_NOT_PENDING, "pending_id"),
    (post("t", "posted", 1), Status.PENDING_ALREADY_POSTED, "pending_id"),
    (void("t", "voided"), Status.PENDING_ALREADY_VOIDED, "pending_id"),
    (expire("t", "expired"), Status.PENDING_ALREADY_EXPIRED, "pending_id"),
    (post("t", "h", 31), Status.EXCEEDS_PENDING, "amount"),
    (hold("t", units=71), Status.EXCEEDS_CREDITS, "debit"),
    (move("t", debit=BUYER, credit=SALES, units=71), Status.EXCEEDS_CREDITS, "debit"),
    (move("t", debit=CASH, credit=TILL, units=1), Status.EXCEEDS_DEBITS, "credit"),
    (hold("t", debit=CASH, credit=TILL, units=1), Status.EXCEEDS_DEBITS, "credit"),
    (move("t", debit=OPEN, credit=CASH, units=1001), Status.EXCEEDS_LIMIT, "debit"),
    (hold("t", debit=CASH, credit=OWED, units=1001), Status.EXCEEDS_LIMIT, "credit"),
    (move("t", debit=CASH, credit=SALES, units=INT64_MAX + 1), Status.OVERFLOW, "amount"),
    (move("t", debit=CASH, credit=BUYER, units=INT64_MAX), Status.OVERFLOW, "credit"),
    (move("t", debit=limited(OPEN, None), credit=CASH, units=INT64_MAX + 1), Status.OVERFLOW, "amount"),
]


@pytest.mark.parametrize(("entry", "status", "field"), REFUSED)
def test_each_reason_has_its_status_and_field(entry: Entry, status: Status, field: str) -> None:
    """A refused entry is answered with why, which entry, and which field of it."""
    assert decide(funded(), journal("j", move("j/ok", units=1), entry)) == Rejected(status, 1, field)


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (move("fund/0", units=0), Status.ENTRY_ID_TAKEN),
        (move("t", debit=EURO_CASH, units=0), Status.AMOUNT_NOT_POSITIVE),
        (move("t", debit=EURO_CASH, credit=replace(EURO_CASH, asset=CASH.asset)), Status.ASSETS_DIFFER),
        (move("t", debit=CASH, credit=replace(CASH, side=Side.CREDIT)), Status.ACCOUNTS_SAME),
        (move("t", debit=replace(BUYER, side=Side.DEBIT), credit=SALES, units=900), Status.ACCOUNT_DIFFERS),
        (Post("t", pending_id="posted", amount=Amount(9, EURO)), Status.ASSETS_DIFFER),
        (post("t", "posted", 2), Status.PENDING_ALREADY_POSTED),
        (move("t", debit=BUYER, credit=TILL, units=900), Status.EXCEEDS_CREDITS),
        (move("t", debit=OPEN, credit=TILL, units=2000), Status.EXCEEDS_DEBITS),
        (move("t", debit=OPEN, credit=CASH, units=INT64_MAX + 1), Status.EXCEEDS_LIMIT),
    ],
)
def test_the_first_status_in_order_is_answered(entry: Entry, status: Status) -> None:
    """An entry with several faults is refused for the one that stands first in Status."""
    verdict = decide(funded(), journal("j", entry))

    assert isinstance(verdict, Rejected)
    assert verdict.status is status


def test_the_first_bad_entry_is_answered() -> None:
    """Entries are judged in their order, whatever their faults are."""
    entries = (move("a", units=1), post("b", "nowhere"), move("c", units=0))

    assert decide(funded(), journal("j", *entries)) == Rejected(Status.PENDING_NOT_FOUND, 1, "pending_id")


@pytest.mark.parametrize(
    "entries",
    [
        (move("a", units=500), hold("b", units=500)),
        (post("a", "h", 10), move("b", debit=BUYER, credit=SALES, units=87)),
        (void("a", "h"), hold("b", units=97)),
        (hold("a", units=67), void("b", "a"), hold("c", units=67)),
        (hold("a", units=67), post("b", "a", 7), move("c", debit=BUYER, credit=CASH, units=60)),
        (move("a", debit=OPEN, credit=CASH, units=1000), move("b", debit=CASH, credit=OPEN, units=1000)),
    ],
)
def test_later_entries_see_earlier_ones(entries: tuple[Entry, ...]) -> None:
    """What an entry brings in, or gives back, the next one may take."""
    assert isinstance(decide(funded(), journal("j", *entries)), Accepted)


@pytest.mark.parametrize(
    "entry",
    [
        Transfer("a", debit=CASH, credit=BUYER, amount=Amount(1, Asset("USD", 9))),
        move("a", debit=CASH, credit=replace(SALES, asset=Asset("USD", 9))),
        move("a", debit=CASH, credit=OPEN, units=2000),
        move("a", debit=OPEN, credit=CASH, units=1000),
        move("a", debit=limited(OPEN, None), credit=limited(OWED, None), units=INT64_MAX),
    ],
    ids=["an equal asset", "an account in it", "below zero, by more than a limit", "the limit", "all"],
)
def test_what_breaks_no_bound_is_accepted(entry: Entry) -> None:
    """An asset is known by its values, a limit is of one side only, and a bound may be reached."""
    assert isinstance(decide(funded(), journal("j", entry)), Accepted)


@pytest.mark.parametrize(
    ("entries", "refused"),
    [
        ((move("a", units=1), move("a", units=1)), Rejected(Status.ENTRY_ID_TAKEN, 1, "id")),
        (
            (hold("a", units=1), void("b", "a"), post("c", "a", 1)),
            Rejected(Status.PENDING_ALREADY_VOIDED, 2, "pending_id"),
        ),
        (
            (void("a", "h"), expire("b", "h")),
            Rejected(Status.PENDING_ALREADY_VOIDED, 1, "pending_id"),
        ),
        ((hold("a", units=60), hold("b", units=10)), Rejected(Status.EXCEEDS_CREDITS, 1, "debit")),
        (
            (
                move("a", debit=TILL, credit=CASH, units=1),
                move("b", debit=CASH, credit=replace(TILL, side=Side.CREDIT), units=1),
            ),
            Rejected(Status.ACCOUNT_DIFFERS, 1, "credit.side"),
        ),
    ],
)
def test_later_entries_are_bound_by_earlier_ones(entries: tuple[Entry, ...], refused: Rejected) -> None:
    """What an entry takes, resolves or opens is taken, resolved or opened for the next one."""
    assert decide(funded(), journal("j", *entries)) == refused


def test_a_limit_binds_only_what_increases_the_account() -> None:
    """A limit lowered below the balance stops growth, not the way back."""
    tx = a_book(journal("a", move("a/0", debit=OPEN, credit=CASH, units=900), hold("a/h", OPEN, CASH, 100)))
    low = limited(OPEN, 10)

    assert isinstance(decide(tx, journal("b", move("b", debit=CASH, credit=low, units=500))), Accepted)
    assert isinstance(decide(tx, journal("b", post("b", "a/h", 100))), Accepted)
    assert decide(tx, journal("b", move("b", debit=low, credit=CASH, units=1))) == Rejected(
        Status.EXCEEDS_LIMIT, 0, "debit"
    )
    assert isinstance(decide(tx, journal("b", move("b", limited(OPEN, None), CASH, 10_000))), Accepted)


def test_holds_count_against_a_limit() -> None:
    """What may come in is bounded together with what has come in."""
    tx = a_book(journal("a", hold("a/h", debit=OPEN, credit=CASH, units=600)))

    assert decide(tx, journal("b", hold("b", debit=OPEN, credit=CASH, units=401))) == Rejected(
        Status.EXCEEDS_LIMIT, 0, "debit"
    )
    assert isinstance(decide(tx, journal("b", hold("b", debit=OPEN, credit=CASH, units=400))), Accepted)


def test_the_largest_amount_can_be_booked() -> None:
    """2^63 - 1 units is an amount like any other; one more on the same counter is refused."""
    largest = journal("a", move("a", debit=limited(OPEN, None), credit=CASH, units=INT64_MAX))
    tx = a_book(largest)

    assert decide(tx, journal("b", move("b", debit=limited(OPEN, None), credit=CASH, units=1))) == Rejected(
        Status.OVERFLOW, 0, "debit"
    )


BOOKED = journal("j", move("j/0"), hold("j/1"), post("j/2", "j/1", 40), subject="call_1")


OTHER_JOURNALS: Final[list[tuple[Journal, Status, str]]] = [
    (replace(BOOKED, kind="x"), Status.EXISTS_WITH_DIFFERENT_KIND, "kind"),
    (replace(BOOKED, happened_us=1), Status.EXISTS_WITH_DIFFERENT_HAPPENED_US, "happened_us"),
    (replace(BOOKED, subject="x"), Status.EXISTS_WITH_DIFFERENT_SUBJECT, "subject"),
    (replace(BOOKED, note="x"), Status.EXISTS_WITH_DIFFERENT_NOTE, "note"),
    (
        replace(BOOKED, entries=BOOKED.entries[:2]),
        Status.EXISTS_WITH_DIFFERENT_ENTRIES,
        "entries",
    ),
]


@pytest.mark.parametrize(("again", "status", "field"), OTHER_JOURNALS)
def test_other_content_of_the_journal_is_named(again: Journal, status: Status, field: str) -> None:
    """The same id with another field is a conflict that says which."""
    assert difference(booked(), again) == Rejected(status, JOURNAL, field)


OTHER_ENTRIES: Final[list[tuple[int, Entry, Status, str]]] = [
    (0, move("other"), Status.EXISTS_WITH_DIFFERENT_ENTRY_ID, "id"),
    (0, hold("j/0", debit=CASH, credit=BUYER), Status.EXISTS_WITH_DIFFERENT_ENTRY_KIND, "kind"),
    (0, move("j/0", debit=TILL), Status.EXISTS_WITH_DIFFERENT_DEBIT, "debit"),
    (0, move("j/0", credit=SALES), Status.EXISTS_WITH_DIFFERENT_CREDIT, "credit"),
    (0, move("j/0", units=99), Status.EXISTS_WITH_DIFFERENT_AMOUNT, "amount"),
    (1, hold("j/1", units=99), Status.EXISTS_WITH_DIFFERENT_AMOUNT, "amount"),
    (2, post("j/2", "j/1", 41), Status.EXISTS_WITH_DIFFERENT_AMOUNT, "amount"),
    (2, post("j/2", "j/0", 40), Status.EXISTS_WITH_DIFFERENT_PENDING_ID, "pending_id"),
    (2, void("j/2", "j/1"), Status.EXISTS_WITH_DIFFERENT_ENTRY_KIND, "kind"),
]


@pytest.mark.parametrize(("index", "entry", "status", "field"), OTHER_ENTRIES)
def test_other_content_of_an_entry_is_named(index: int, entry: Entry, status: Status, field: str) -> None:
    """A conflict in an entry says which entry and which field."""
    entries = list(BOOKED.entries)
    entries[index] = entry

    again = replace(BOOKED, entries=tuple(entries))

    assert difference(booked(), again) == Rejected(status, index, field)


def test_another_limit_is_the_same_journal() -> None:
    """A limit is a setting of the moment, not content."""
    tx = a_book(journal("j", move("j/0", debit=OPEN, credit=CASH, units=5)))
    stored = tx.journal("j")

    assert stored is not None
    assert difference(stored, journal("j", move("j/0", debit=limited(OPEN, 7), credit=CASH, units=5))) is None


def test_a_closed_period_is_the_first_thing_that_is_looked_at() -> None:
    """Whatever else is wrong with the journal, and none of its entries is judged."""
    tx = funded()
    signed = Signer(bytes(32)).sign("")
    tx.add_period(Period(1, 7, 9, tx.head, NO_STATEMENT, ()), signed)

    refused = Rejected(Status.PERIOD_CLOSED, JOURNAL, "happened_us")
    assert decide(tx, journal("j", move("fund/0", units=0), happened_us=7)) == refused
    assert isinstance(decide(tx, journal("j", move("t"), happened_us=8)), Accepted)


def test_a_closed_account_takes_nothing_new() -> None:
    """On either side, a hold or a transfer; what it held is posted, voided or runs out as ever."""
    tx = funded()
    held = hold("h9", BUYER, SALES, 5)
    assert isinstance(book.submit(tx, journal("held", held)), Created)
    tx.add_closure(Closure(SALES.id, 9, "the endpoint is gone", "k"))

    for entry in (hold("n", BUYER, SALES, 1), move("n", BUYER, SALES, 1)):
        assert decide(tx, journal("j", entry)) == Rejected(Status.ACCOUNT_CLOSED, 0, "credit")
    assert decide(tx, journal("j", move("n", SALES, BUYER, 1))) == Rejected(Status.ACCOUNT_CLOSED, 0, "debit")
    another = replace(SALES, side=Side.DEBIT)
    assert decide(tx, journal("j", move("n", another, BUYER, 1))) == Rejected(
        Status.ACCOUNT_DIFFERS, 0, "debit.side"
    )
    for end in (post("r", "h9", 3), void("r", "h9"), expire("r", "h9")):
        assert isinstance(decide(tx, journal("j", end)), Accepted)


def test_every_status_is_reached() -> None:
    """No status is documented that the rules cannot answer."""
    tested = {Status.PERIOD_CLOSED, Status.ACCOUNT_CLOSED} | {
        status for _, status, _ in [*REFUSED, *OTHER_JOURNALS]
    }
    tested |= {status for _, _, status, _ in OTHER_ENTRIES}

    assert tested == set(Status)


def booked() -> Booked:
    """Return BOOKED as a store keeps it."""
    stored = a_book(BOOKED).journal("j")
    assert stored is not None
    return stored
