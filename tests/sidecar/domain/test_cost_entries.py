"""Late journals: what came late is booked, what it corrects is taken back in full, and nothing is silent."""

from ledger.money import nano
from ledger.transfers import Transfer
from pricing.cost import Kind, Source
from sidecar.domain import chart
from sidecar.domain.cost_entries import kind_booked, late
from sidecar.domain.costs import Evidence, ReportedCall
from tests.sidecar.told import told

SERVED = ReportedCall("call_1", "POST /research", "served", 7)
FAILED = ReportedCall("call_1", "POST /research", "failed", 7)
SEARCH = told(300, kind=Kind.TOOL, name="web_search")


def test_a_correction_is_one_journal_of_both() -> None:
    """The earlier line goes back the way it came, the better one stands beside it, and the note tells."""
    wrong = Evidence(2, told(100, Source.HEADER, name="openai/gpt-4o", provider="openai"), booked=True)
    journal = late(SERVED, 5, [told(250, provider="openai")], [wrong], 9)

    assert journal is not None
    role = "call_1/late_costs/5"
    owed = chart.payable("model", "openai")
    assert journal.entries == (
        Transfer(
            f"{role}/corrects/2",
            debit=owed,
            credit=chart.cost("model", "POST /research", "openai/gpt-4o"),
            amount=nano(100),
        ),
        Transfer(
            f"{role}/0", debit=chart.cost("model", "POST /research", "gpt-4o"), credit=owed, amount=nano(250)
        ),
    )
    assert (journal.id, journal.kind, journal.note) == (role, "correction", "corrects 2")
    assert (journal.happened_us, journal.subject) == (9, "call_1")


def test_what_was_not_delivered_is_a_retry_and_owed_to_the_same() -> None:
    """The kind of its cost is another, whom we owe is not; a fee stays a fee."""
    fee = told(7, kind=Kind.FEE, name="proxy")
    journal = late(FAILED, 0, [SEARCH, fee], [], 9)

    assert journal is not None
    assert [(e.debit.id, e.credit.id) for e in journal.entries if isinstance(e, Transfer)] == [
        (("cost", "retry", "POST /research", "web_search"), ("tool_payable", "web_search")),
        (("fee", "declared", "proxy"), ("tool_payable", "proxy")),
    ]
    assert (journal.kind, journal.note) == ("late_costs", "")


def test_what_has_no_amount_is_no_journal() -> None:
    """Unknown and zero are lines, and no money."""
    unknown = Evidence(1, told(None, Source.USAGE), booked=True)

    assert late(SERVED, 2, [told(0), told(None)], [unknown], 9) is None


def test_the_kind_that_is_booked() -> None:
    """Only undelivered work changes its kind, and fees never do."""
    fee = told(1, kind=Kind.FEE)

    assert kind_booked(SEARCH, retry=False) is Kind.TOOL
    assert kind_booked(SEARCH, retry=True) is Kind.RETRY
    assert kind_booked(fee, retry=True) is Kind.FEE
