"""`sidecar ledger audit` and its like."""

import json
from collections.abc import Callable

import pytest

from tests.sidecar.shop import TOOL, Sale, Shop, forced

Run = Callable[..., tuple[int, str, str]]


async def test_clean_books_end_with_zero(run: Run, shop: Shop) -> None:
    """Every check with its count, and the verdict."""
    await shop.serve(Sale(), TOOL)
    code, out, err = run("ledger", "audit")
    rows = [row.split() for row in out.splitlines()]

    assert (code, err) == (0, "")
    assert rows[0] == ["check", "rows"]
    assert ["hash_chain", "0"] in rows
    assert ["costs_booked", "0"] in rows
    assert rows[-1] == ["the", "books", "are", "clean"]


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_a_finding_ends_with_one(run: Run, shop: Shop, words: tuple[str, ...]) -> None:
    """What was found is printed, and the sentence names the check."""
    await shop.serve(Sale(), TOOL)
    with forced(shop.path) as connection:
        connection.execute("UPDATE calls SET captured_nano = 0, credited_nano = 0")
        connection.execute("UPDATE payments SET state = 'suspended', proof = 'disproved'")
        connection.execute("DELETE FROM journals")
    code, out, err = run("ledger", "audit", *words)

    assert code == 1
    assert err.startswith("sidecar: the books are not clean: ")
    assert "revenue_captured" in err
    assert "revenue:POST /research 50000000" in out
    assert "are clean" not in out


async def test_the_audit_as_json(run: Run, shop: Shop) -> None:
    """The object of the API."""
    await shop.serve(Sale())
    answer = json.loads(run("ledger", "audit", "--json")[1])

    assert answer["clean"] is True
    assert {"id": "served_paid", "rows": 0, "found": []} in answer["checks"]


async def test_the_trial_balance_is_for_people(run: Run, shop: Shop) -> None:
    """Each account, then per asset two sums that are one."""
    await shop.serve(Sale(), TOOL)
    code, out, err = run("ledger", "trial-balance")
    rows = [row.split() for row in out.splitlines()]

    assert (code, err) == (0, "")
    assert rows[0] == ["account", "asset", "debits", "credits", "balance"]
    assert ["tool_payable:web_search", "USD", "0.0000", "0.0036", "0.0036"] in rows
    assert rows[-1] == ["total", "USD", "0.1546", "0.1546", "-"]


async def test_the_trial_balance_as_json(run: Run, shop: Shop) -> None:
    """Items with exact amounts in the account's asset, and the totals."""
    await shop.serve(Sale())
    answer = json.loads(run("ledger", "trial-balance", "--json")[1])

    assert answer["balanced"] is True
    assert answer["next_cursor"] is None
    assert answer["totals"] == [{"asset": "USD", "debits": "0.151000000", "credits": "0.151000000"}]
    assert answer["items"][-1] == {
        "account": "revenue:POST /research",
        "asset": "USD",
        "debits": "0.000000000",
        "credits": "0.050000000",
        "balance": "0.050000000",
    }


async def test_books_that_do_not_balance_end_with_one(run: Run, shop: Shop) -> None:
    """A trial balance that is not balanced says so by its exit code."""
    await shop.serve(Sale())
    with forced(shop.path) as connection:
        connection.execute("UPDATE accounts SET kind = 'memorandum' WHERE id LIKE 'revenue:%'")
    code, out, err = run("ledger", "trial-balance")

    assert code == 1
    assert out.startswith("account")
    assert err == "sidecar: the books do not balance\n"
