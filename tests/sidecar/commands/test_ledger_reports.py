"""`sidecar ledger audit` and its like."""

import json
from collections.abc import Callable
from pathlib import Path

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
    assert err == "sidecar: the books do not balance; `sidecar ledger audit` says where\n"


async def test_a_trial_balance_of_another_time(run: Run, shop: Shop) -> None:
    """Nothing had happened the day before."""
    await shop.serve(Sale())
    answer = json.loads(run("ledger", "trial-balance", "--as-of", "2026-04-30", "--json")[1])

    assert answer == {"balanced": True, "totals": [], "items": [], "next_cursor": None}


async def test_a_statement_is_for_people(run: Run, shop: Shop) -> None:
    """Each entry on its side, the balance after it, and how to go on."""
    await shop.serve(Sale())
    code, out, err = run("ledger", "statement", "revenue:POST /research", "--limit", "1")
    (title, first, more) = out.splitlines()

    assert (code, err) == (0, "")
    assert title.split() == ["happened", "journal", "kind", "other", "debit", "credit", "balance"]
    assert first.split()[-3:] == ["-", "0.05", "0.00"]
    cursor = more.removeprefix("more: --cursor ")
    page = json.loads(run("ledger", "statement", "revenue:POST /research", "--cursor", cursor, "--json")[1])
    assert [each["balance"] for each in page["items"]] == ["0.050000000"]


@pytest.mark.parametrize(
    "words", [("nobody",), ("revenue:POST /research", "--cursor", "x"), ("nobody", "--limit", "0")]
)
async def test_a_statement_asked_wrongly_is_wrong_usage(run: Run, words: tuple[str, ...]) -> None:
    """One sentence says what is wrong."""
    code, out, err = run("ledger", "statement", *words)

    assert (code, out) == (2, "")
    assert err.count("\n") == 1


async def test_an_export_goes_where_it_should(run: Run, shop: Shop, tmp_path: Path) -> None:
    """To a file or to standard output; `--json` is JSON lines."""
    await shop.serve(Sale())
    path = tmp_path / "books.csv"
    assert run("ledger", "export", "--output", str(path)) == (0, "", "")
    assert path.read_text().replace("\r\n", "\n") == run("ledger", "export")[1].replace("\r\n", "\n")

    lines = run("ledger", "export", "--json")[1].splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]
    code, _, err = run("ledger", "export", "--output", str(tmp_path / "none" / "books.csv"))
    assert (code, "cannot be written: No such file" in err) == (3, True)
