"""Books: accounts and journals read as they were booked."""

from contextlib import closing
from functools import partial
from typing import Any

from ledger import book
from ledger.book import Created
from ledger.money import nano
from ledger.transfers import Journal, Transfer
from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.finops import books
from tests.ledger.examples import CASH, SALES
from tests.sidecar.shop import FACILITATOR, FEE, TOOL, Sale, Shop, paid

PAYER = "0x" + "aa" * 20


def accounts(shop: Shop, limit: int, cursor: str | None = None) -> dict[str, Any]:
    with closing(open_read_only(shop.path)) as connection:
        rows = fetch(connection, "accounts", books.accounts_parameters(limit, cursor))
    return books.accounts_object(rows, limit)


def journals(shop: Shop, limit: int, cursor: int | None = None, subject: str | None = None) -> dict[str, Any]:
    with closing(open_read_only(shop.path)) as connection:
        rows = fetch(connection, "journals", books.journals_parameters(limit, cursor, subject))
    return books.journals_object(rows, limit)


async def test_an_account_has_four_counters_and_a_balance_on_its_side(shop: Shop) -> None:
    """Posted and held on both sides, in the account's own asset."""
    await shop.serve(Sale(1))
    await shop.admit(Sale(2))
    listed = {account["account"]: account for account in accounts(shop, 100)["items"]}

    assert listed[f"deposit:{PAYER}"] == {
        "account": f"deposit:{PAYER}",
        "asset": "USD",
        "class": "liability",
        "side": "credit",
        "debits": "0.050000000",
        "credits": "0.100000000",
        "debits_held": "0.050000000",
        "credits_held": "0.000000000",
        "balance": "0.050000000",
    }
    assert listed["revenue:POST /research"]["balance"] == "0.050000000"
    assert listed["revenue:POST /research"]["credits_held"] == "0.050000000"


async def test_accounts_are_paged_by_name(shop: Shop) -> None:
    """Walking all pages meets each account once, in the order of names."""
    await shop.serve(Sale(1), TOOL)
    names, cursor = [], None
    while True:
        page = accounts(shop, 3, cursor)
        names += [account["account"] for account in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert len(names) == 8
    assert names == sorted(set(names))


async def test_a_journal_is_read_with_its_entries_in_order(shop: Shop) -> None:
    """What moved, from where to where, how much, and what it resolved."""
    await shop.settle(await shop.admit(Sale(1)), paid(Sale(1)), FEE)

    (newest,) = journals(shop, 1)["items"]

    assert newest == {
        "seq": 2,
        "id": f"{Sale(1).call}/settled",
        "kind": "settled",
        "happened_at": "2026-05-01T12:00:00.000000Z",
        "recorded_at": "2026-05-01T12:00:00.000000Z",
        "subject": Sale(1).call,
        "note": None,
        "entries": [
            {
                "id": f"{Sale(1).call}/settled/0",
                "kind": "transfer",
                "debit": "reported:eip155%3A84532:https%3A//facilitator.example%3A8443",
                "credit": f"authorized:eip155%3A84532:{PAYER}",
                "asset": "USD",
                "amount": "0.050000000",
                "resolves": None,
            },
            {
                "id": f"{Sale(1).call}/settled/fee",
                "kind": "transfer",
                "debit": "fee:facilitator:https%3A//facilitator.example%3A8443",
                "credit": "facilitator_payable:https%3A//facilitator.example%3A8443",
                "asset": "USD",
                "amount": "0.001000000",
                "resolves": None,
            },
        ],
    }
    assert FACILITATOR == "https://facilitator.example:8443"


async def test_a_resolution_names_its_hold(shop: Shop) -> None:
    """Posting a hold says which."""
    await shop.serve(Sale(1))

    (delivered, _, _) = journals(shop, 3)["items"]

    assert delivered["entries"][0]["resolves"] == f"{Sale(1).call}/hold"


async def test_journals_are_paged_newest_first_also_of_one_subject(shop: Shop) -> None:
    """All journals, or those about one call; each is met once."""
    await shop.serve(Sale(1))
    await shop.serve(Sale(2))
    first = journals(shop, 4)
    second = journals(shop, 4, int(first["next_cursor"]))
    about = journals(shop, 2, None, Sale(1).call)
    rest = journals(shop, 2, int(about["next_cursor"]), Sale(1).call)

    assert [journal["seq"] for journal in (*first["items"], *second["items"])] == [6, 5, 4, 3, 2, 1]
    assert second["next_cursor"] is None
    assert [journal["kind"] for journal in (*about["items"], *rest["items"])] == [
        "delivered",
        "settled",
        "admit",
    ]
    assert rest["next_cursor"] is None


async def test_journals_about_something_are_found_whatever_their_ids(shop: Shop) -> None:
    """Those of a call begin with its id, a person's do not; another call's are not among them."""
    call = Sale(1).call
    await shop.serve(Sale(1))
    for name, subject in (
        ("manual/m1", call),
        (f"{call}/x", f"{call}/delivered"),
        ("manual/m2", f"{call}/delivered"),
        (f"{call}/y", call),
        (f"{call}0/z", f"{call}0"),
        (call, call),
    ):
        moved = Transfer(name, debit=CASH, credit=SALES, amount=nano(1))
        asked = Journal(name, "manual", (moved,), Sale(1).at_us, subject=subject)
        assert isinstance(await shop.store.run(partial(book.submit, journal=asked)), Created)

    def found(subject: str) -> list[str]:
        return [journal["id"] for journal in journals(shop, 100, None, subject)["items"]]

    paged, cursor = list[str](), None
    while page := journals(shop, 2, cursor, call):
        paged += [journal["id"] for journal in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = int(page["next_cursor"])
    of_call = [f"{call}/{role}" for role in ("delivered", "settled", "admit")]
    assert found(call) == paged == [call, f"{call}/y", "manual/m1", *of_call]
    assert found(f"{call}/delivered") == ["manual/m2", f"{call}/x"]
    assert found(f"{call}0") == [f"{call}0/z"]
    assert len(found("")) == 9
