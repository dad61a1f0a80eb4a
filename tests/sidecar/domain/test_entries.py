"""Entries: each event is one balanced journal on the chart, and its name says which event it is."""

from collections.abc import Callable
from typing import Final

import pytest

from ledger import accounts
from ledger.money import USD, nano
from ledger.transfers import Journal, Pending, Post, Transfer, Void
from pricing.cost import CostLine, Kind
from sidecar.domain import chart, entries
from sidecar.domain.records import Payment
from tests.sidecar.builders import AMPLE, NOW_US, PAYER, Books, an_endpoint, verified
from tests.sidecar.shop import FACILITATOR, TOOL, line

FEE: Final = nano(1_000)
BUYER: Final = "0x" + PAYER.hex()


@pytest.fixture
async def payment(books: Books) -> Payment:
    """Give a payment of $0.0000015, signed as 2 atomic units, that was sent."""
    return await books.sending(await books.admitted(verified(an_endpoint(nano(1_500)))))


def moves(journal: Journal | None) -> list[tuple[str, str, int]]:
    """Return debit, credit and units of what a journal moves at once."""
    assert journal is not None
    return [
        (entry.debit.id[0], entry.credit.id[0], entry.amount.units)
        for entry in journal.entries
        if isinstance(entry, Transfer)
    ]


def names(journal: Journal) -> list[str]:
    return [entry.id for entry in journal.entries]


def test_admit_takes_the_deposit_and_holds_the_price_out_of_it(payment: Payment) -> None:
    """The authorized money is bounded by the cap; price and surplus are held apart."""
    journal = entries.admit(payment, AMPLE, NOW_US)

    assert moves(journal) == [("authorized", "deposit", 2_000)]
    holds = [entry for entry in journal.entries if isinstance(entry, Pending)]
    assert [(hold.id, hold.debit.id[0], hold.credit.id[0], hold.amount.units) for hold in holds] == [
        ("call_1/hold", "deposit", "revenue", 1_500),
        ("call_1/hold/rounding", "deposit", "rounding", 500),
    ]
    assert isinstance(journal.entries[0], Transfer)
    assert journal.entries[0].debit == chart.authorized("eip155:84532", BUYER, AMPLE)


@pytest.mark.parametrize(
    ("build", "kind", "expected"),
    [
        (lambda p: entries.release(p, 1), "release", [("deposit", "authorized", 2_000)]),
        (lambda p: entries.settled_by_word(p, None, 1), "settled", [("reported", "authorized", 2_000)]),
        (
            lambda p: entries.settled_by_word(p, FEE, 1),
            "settled",
            [("reported", "authorized", 2_000), ("fee", "facilitator_payable", 1_000)],
        ),
        (lambda p: entries.settled_by_word(p, nano(0), 1), "settled", [("reported", "authorized", 2_000)]),
        (
            lambda p: entries.settled_by_chain(p, FEE, 1),
            "settled",
            [
                ("onchain", "authorized", 2_000),
                ("token", "fx", 2),
                ("fee", "facilitator_payable", 1_000),
            ],
        ),
        (lambda p: entries.seen(p, 1), "seen", [("onchain", "reported", 2_000), ("token", "fx", 2)]),
        (lambda p: entries.late(p, None, 1), "late", [("onchain", "buyer", 2_000), ("token", "fx", 2)]),
        (
            lambda p: entries.late(p, FEE, 1),
            "late",
            [("onchain", "buyer", 2_000), ("token", "fx", 2), ("fee", "facilitator_payable", 1_000)],
        ),
        (lambda p: entries.defaulted(p, 1), "defaulted", [("bad_debt", "authorized", 2_000)]),
        (lambda p: entries.repaid(p, 1), "repaid", [("buyer", "bad_debt", 2_000)]),
        (
            lambda p: entries.debt_arrived(p, FEE, 1),
            "debt_arrived",
            [("onchain", "bad_debt", 2_000), ("token", "fx", 2), ("fee", "facilitator_payable", 1_000)],
        ),
        (lambda p: entries.disproved(p, 1), "disproved", [("suspense", "reported", 2_000)]),
        (lambda p: entries.undecidable(p, 1), "undecidable", [("suspense", "authorized", 2_000)]),
        (lambda p: entries.undelivered(p, 1), "undelivered", [("deposit", "buyer", 2_000)]),
        (lambda p: entries.delivered(p, None, 1), "delivered", []),
        (lambda p: entries.delivered(p, nano(0), 1), "delivered", []),
        (lambda p: entries.delivered(p, nano(1), 1), "delivered", [("fee", "platform_payable", 1)]),
    ],
)
def test_each_event_is_the_journal_of_the_design(
    payment: Payment,
    build: Callable[[Payment], Journal],
    kind: str,
    expected: list[tuple[str, str, int]],
) -> None:
    """All of what was signed moves, once; a fee of nothing is no entry."""
    journal = build(payment)

    assert moves(journal) == expected
    assert (journal.id, journal.kind) == (f"call_1/{kind}", kind)
    assert (journal.subject, journal.happened_us) == ("call_1", 1)
    assert all(name.startswith(f"call_1/{kind}/") for name in names(journal))
    assert len(set(names(journal))) == len(journal.entries)


@pytest.mark.parametrize("build", [entries.release, entries.undelivered])
def test_what_is_not_charged_voids_both_holds(
    payment: Payment, build: Callable[[Payment, int], Journal]
) -> None:
    """The price and its surplus return before the deposit does."""
    voids = build(payment, 1).entries[:2]

    assert [entry.pending_id for entry in voids if isinstance(entry, Void)] == [
        "call_1/hold",
        "call_1/hold/rounding",
    ]


def test_delivery_posts_both_holds_whole(payment: Payment) -> None:
    """The price becomes revenue, what rounding added has its own account."""
    posts = entries.delivered(payment, None, 1).entries

    assert [(post.pending_id, post.amount.units) for post in posts if isinstance(post, Post)] == [
        ("call_1/hold", 1_500),
        ("call_1/hold/rounding", 500),
    ]


def test_on_credit_the_price_alone_is_held_out_of_the_credit(payment: Payment) -> None:
    """Nothing comes in, nothing is rounded: hold, void and post are of the price, out of the credit."""
    spending = payment._replace(on_credit=True)
    admit, release = entries.admit(spending, AMPLE, 1), entries.release(spending, 1)
    (hold,) = admit.entries

    assert isinstance(hold, Pending)
    assert (hold.id, hold.amount.units) == ("call_1/hold", 1_500)
    assert (hold.debit, hold.credit) == (chart.buyer(BUYER), chart.revenue("POST /research"))
    assert release.entries == (Void("call_1/release/0", pending_id="call_1/hold"),)
    assert entries.delivered(spending, None, 1).entries == (
        Post("call_1/delivered/0", pending_id="call_1/hold", amount=nano(1_500)),
    )


def test_the_token_is_counted_in_its_own_units(payment: Payment) -> None:
    """Dollars and atomic units are two assets, and neither is moved to an account of the other."""
    usd, units = (entry for entry in entries.seen(payment, 1).entries if isinstance(entry, Transfer))

    assert (usd.amount.asset, usd.amount.units) == (USD, 2_000)
    assert (units.amount.asset.decimals, units.amount.units) == (6, 2)
    assert units.amount.asset.code.startswith("eip155:84532/0x036cbd53")


def test_costs_are_owed_line_by_line() -> None:
    """Each known line is a debt to who did the work; unknown and zero lines are no entries."""
    lines = (
        line(units=12),
        line(name="new-model", units=None),
        TOOL,
        line(Kind.TOOL, "cache", 0),
        line(Kind.EXTERNAL, "crawler", 1, provider="apify"),
        line(Kind.RETRY, "gpt-4o", 7),
        line(Kind.FEE, "proxy", 3, provider=""),
    )
    journal = entries.costs("call_1", "GET /a:b", lines, 1, retry=False)

    assert journal is not None
    assert [
        (accounts.text(entry.debit.id), accounts.text(entry.credit.id), entry.amount.units)
        for entry in journal.entries
        if isinstance(entry, Transfer)
    ] == [
        ("cost:model:GET /a%3Ab:gpt-4o", "provider_payable:openai", 12),
        ("cost:tool:GET /a%3Ab:web_search", "tool_payable:web_search", 3_600_000),
        ("cost:external:GET /a%3Ab:crawler", "provider_payable:apify", 1),
        ("cost:retry:GET /a%3Ab:gpt-4o", "provider_payable:openai", 7),
        ("fee:declared:proxy", "tool_payable:proxy", 3),
    ]


def test_work_that_was_not_delivered_is_a_retrys_and_owed_to_whom_it_was() -> None:
    """The cost changes its kind, the debt does not; a declared fee stays one."""
    lines = (line(units=12), TOOL, line(Kind.FEE, "proxy", 3, provider=""))
    journal = entries.costs("call_1", "GET /", lines, 1, retry=True)

    assert journal is not None
    assert [
        (accounts.text(entry.debit.id), accounts.text(entry.credit.id))
        for entry in journal.entries
        if isinstance(entry, Transfer)
    ] == [
        ("cost:retry:GET /:gpt-4o", "provider_payable:openai"),
        ("cost:retry:GET /:web_search", "tool_payable:web_search"),
        ("fee:declared:proxy", "tool_payable:proxy"),
    ]


@pytest.mark.parametrize("lines", [(), (line(units=None),), (line(units=0), line(units=None))])
def test_nothing_known_is_no_journal(lines: tuple[CostLine, ...]) -> None:
    """A journal records something, or there is none."""
    assert entries.costs("call_1", "GET /", lines, 1, retry=False) is None


def test_a_payment_books_on_whom_it_was_asked_of(payment: Payment) -> None:
    """What is reported stands under the facilitator's name on its network."""
    entry = entries.settled_by_word(payment, None, 1).entries[0]

    assert isinstance(entry, Transfer)
    assert entry.debit == chart.reported("eip155:84532", FACILITATOR)
