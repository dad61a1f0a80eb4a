"""A person books on a person's accounts, and beside those that calls explain."""

from typing import Any

import pytest

from ledger.accounts import Account, AccountId, parse
from ledger.money import USD, nano
from ledger.transfers import Journal, Transfer
from sidecar.domain import chart, manual
from sidecar.domain.manual import KINDS, Manual, Unfit, Untouchable, touchable
from sidecar.finops import instants

NETWORK, ASSET, PAY_TO = "eip155:84532", "0x03", "0xcc"
NOON_US = 1_777_636_800_000_000
BOOKED = {
    account.id: account
    for account in (
        chart.onchain(NETWORK, ASSET, PAY_TO),
        chart.token(NETWORK, ASSET, PAY_TO, 6),
        chart.bridge(NETWORK, ASSET, 6),
        chart.suspense(NETWORK),
        chart.revenue("POST /research"),
        chart.buyer("0xaa"),
        chart.deposit("0xaa"),
        chart.authorized(NETWORK, "0xaa"),
        chart.payable("model", "openai"),
    )
}
ONCHAIN = "onchain:eip155%3A84532:0x03:0xcc"


def find(name: AccountId) -> Account | None:
    return BOOKED.get(name)


def a_document(**changes: Any) -> dict[str, Any]:
    entry = {"debit": "owner", "credit": f"adjustment:{ONCHAIN}", "amount": "12.5"}
    document = {
        "id": "sweep-1",
        "kind": "sweep",
        "reason": "to the cold wallet",
        "happened_at": "2026-05-01T12:00:00Z",
        "entries": [entry],
    }
    return document | changes


def read(document: object) -> Manual | Unfit:
    return manual.read(document, instants.parse)


def booked(document: dict[str, Any]) -> Journal | Unfit:
    written = read(document)
    assert isinstance(written, Manual), written
    return manual.journal(written, key="ab12", now_us=NOON_US, find=find)


def test_a_document_becomes_a_journal() -> None:
    """Ids are derived from its own, the note tells why and by whom."""
    journal = booked(a_document())

    assert isinstance(journal, Journal)
    assert (journal.id, journal.kind, journal.happened_us) == ("manual/sweep-1", "manual:sweep", NOON_US)
    assert journal.note == "to the cold wallet (key ab12)"
    (entry,) = journal.entries
    assert isinstance(entry, Transfer)
    assert (entry.id, entry.amount) == ("manual/sweep-1/0", nano(12_500_000_000))
    assert entry.credit.id == ("adjustment", "onchain", NETWORK, ASSET, PAY_TO)


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("provider_payable:openai", chart.payable("model", "openai")),
        ("tool_payable:search", chart.payable("tool", "search")),
        ("facilitator_payable:f", chart.facilitator_payable("f")),
        ("platform_payable", chart.platform_payable()),
    ],
)
def test_debts_are_the_accounts_that_calls_book_on(name: str, like: Account) -> None:
    """What a call owes is paid from the very same account."""
    assert touchable(parse(name), find) == like


@pytest.mark.parametrize(
    "name", ["bank", "bank:first", "owner", "owner:eip155%3A84532:USDC", "breakage", "write_off:x"]
)
def test_a_persons_accounts_are_in_dollars(name: str) -> None:
    """They need not be used before."""
    account = touchable(parse(name), find)

    assert (account.id, account.asset) == (parse(name), USD)


@pytest.mark.parametrize(
    "name", [ONCHAIN, "token:eip155%3A84532:0x03:0xcc", "suspense:eip155%3A84532", "revenue:POST /research"]
)
def test_what_calls_explain_is_adjusted_beside_it(name: str) -> None:
    """The adjustment has the account's asset, class and side, so both add up to what is there."""
    of, beside = BOOKED[parse(name)], touchable(parse(f"adjustment:{name}"), find)

    assert (beside.asset, beside.kind, beside.side) == (of.asset, of.kind, of.side)
    with pytest.raises(Untouchable, match=f"book on adjustment:{name} beside it"):
        touchable(parse(name), find)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("banc", "there is no account banc; book on one of bank, owner"),
        ("adjustment", "there is no account adjustment"),
        ("buyer:0xaa", "buyer:0xaa decides over calls, so nothing is booked on it by hand"),
        ("bank:a:b", "has at most 1 more parts"),
        ("write_off:", "is no account"),
        ("breakage:x", "has at most 0 more parts"),
        ("fx:nowhere:0x", "there is no account"),
        ("adjustment:onchain:nowhere", "there is no account onchain:nowhere to adjust"),
        ("adjustment:buyer:0xaa", "decides over calls"),
        ("adjustment:deposit:0xaa", "decides over calls"),
        ("adjustment:authorized:eip155%3A84532:0xaa", "decides over calls"),
        ("adjustment:provider_payable:openai", "is a person's own"),
        ("adjustment:fx:eip155%3A84532:0x03", "is a person's own"),
    ],
)
def test_other_accounts_are_not_touched(name: str, why: str) -> None:
    """One sentence says why not."""
    with pytest.raises(Untouchable, match=why):
        touchable(parse(name), find)


def test_the_bridge_of_a_token_is_a_persons_too() -> None:
    """A sweep in the token's units has the same two sides as what came in."""
    assert touchable(("fx", NETWORK, ASSET), find) == chart.bridge(NETWORK, ASSET, 6)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"id": ""}, "id has 1 to 64"),
        ({"id": "a b"}, "id has 1 to 64"),
        ({"id": 7}, "id has 1 to 64"),
        ({"kind": "theft"}, "kind is one of"),
        ({"kind": ["sweep"]}, "kind is one of"),
        ({"reason": " "}, "reason is one line"),
        ({"reason": "a\nb"}, "reason is one line"),
        ({"reason": "x" * 501}, "reason is one line"),
        ({"happened_at": "noon"}, "is not a time"),
        ({"entries": []}, "entries is a list of 1 to 100"),
        ({"entries": [{}] * 101}, "entries is a list of 1 to 100"),
        ({"entries": [{}]}, "an entry has exactly"),
        ({"entries": ["x"]}, "an entry has exactly"),
        ({"entries": [{"debit": "bank", "credit": "owner", "amount": 1.5}]}, "write the amount in quotes"),
        ({"entries": [{"debit": "%zz", "credit": "owner", "amount": "1"}]}, "is not the name of an account"),
        ({"more": 1}, "exactly these members"),
        ({"entries": [{"debit": "bank:\n", "credit": "owner", "amount": "1"}]}, "is one line of at most"),
        ({"entries": [{"debit": "bank", "credit": "owner:\ud800", "amount": "1"}]}, "is one line of at most"),
        ({"entries": [{"debit": "bank:" + "x" * 496, "credit": "owner", "amount": "1"}]}, "at most 500"),
        ({"corrects": 7}, "corrects is the id of a journal"),
        ({"corrects": "call_\ud800"}, "corrects is the id of a journal"),
    ],
)
def test_what_is_not_a_journal_is_told(changes: dict[str, Any], why: str) -> None:
    """One sentence for whoever wrote it."""
    answer = read(a_document(**changes))

    assert isinstance(answer, Unfit)
    assert why in answer.sentence


@pytest.mark.parametrize("document", [None, [], "text", {}])
def test_another_document_is_no_journal(document: object) -> None:
    """Nothing is guessed."""
    assert isinstance(read(document), Unfit)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"happened_at": "2026-05-01T12:00:01Z"}, "lies in the future"),
        (
            {"entries": [{"debit": "bank", "credit": "owner", "amount": "-1"}]},
            "entry 1: '-1' is not an amount",
        ),
        (
            {"entries": [{"debit": "bank", "credit": "buyer:0xaa", "amount": "1"}]},
            "entry 1: buyer:0xaa decides over calls",
        ),
    ],
)
def test_what_cannot_be_booked_is_told(changes: dict[str, Any], why: str) -> None:
    """Money is exact, time has passed, and accounts are a person's."""
    answer = booked(a_document(**changes))

    assert isinstance(answer, Unfit)
    assert why in answer.sentence


def test_a_correction_names_what_it_corrects() -> None:
    """It is found again by it, as everything about a call is by the call."""
    journal = booked(a_document(corrects="manual/sweep-0"))

    assert isinstance(journal, Journal)
    assert journal.subject == "manual/sweep-0"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_booked(kind: str) -> None:
    """The kind is the journal's, for reports."""
    journal = booked(a_document(kind=kind))

    assert isinstance(journal, Journal)
    assert journal.kind == f"manual:{kind}"
