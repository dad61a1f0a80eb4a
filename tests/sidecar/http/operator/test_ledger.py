"""The books over HTTP: audit, accounts and journals."""

import asyncio

import httpx

from tests.sidecar.shop import Sale, Shop, forced


async def test_an_honest_book_is_clean(operator: httpx.AsyncClient, shop: Shop) -> None:
    """Every check of the ledger and of the sidecar is listed, and found nothing."""
    await shop.serve(Sale())
    audit = (await operator.get("/api/v1/ledger/audit")).json()

    assert audit["clean"] is True
    assert {"id": "hash_chain", "rows": 0, "found": []} in audit["checks"]
    assert {"id": "revenue_captured", "rows": 0, "found": []} in audit["checks"]


async def test_a_fault_is_shown_with_its_check(operator: httpx.AsyncClient, shop: Shop) -> None:
    """An audit that finds something still answers; it is not clean."""
    await shop.serve(Sale())
    with forced(shop.path) as connection:
        connection.execute("UPDATE calls SET captured_nano = 7")
    audit = (await operator.get("/api/v1/ledger/audit")).json()

    assert audit["clean"] is False
    (check,) = (check for check in audit["checks"] if check["id"] == "revenue_captured")
    assert check == {"id": "revenue_captured", "rows": 1, "found": ["revenue:POST /research 49999993"]}


async def test_audits_wait_for_each_other_and_block_nobody(operator: httpx.AsyncClient, shop: Shop) -> None:
    """Several at once all answer, and so does another report meanwhile."""
    await shop.serve(Sale())
    audits = [operator.get("/api/v1/ledger/audit") for _ in range(3)]
    *reports, calls = await asyncio.gather(*audits, operator.get("/api/v1/calls"))

    assert all(report.json()["clean"] for report in reports)
    assert len(calls.json()["items"]) == 1


async def test_accounts_are_listed_in_pages(operator: httpx.AsyncClient, shop: Shop) -> None:
    """The cursor is where the next page starts."""
    await shop.serve(Sale())
    first = (await operator.get("/api/v1/ledger/accounts", params={"limit": 1})).json()
    rest = (await operator.get("/api/v1/ledger/accounts", params={"cursor": first["next_cursor"]})).json()

    assert first["items"][0]["account"] == f"authorized:eip155%3A84532:0x{'aa' * 20}"
    assert [account["account"] for account in rest["items"]][-1] == "revenue:POST /research"


async def test_journals_are_found_by_subject(operator: httpx.AsyncClient, shop: Shop) -> None:
    """The journals of one call, newest first."""
    await shop.serve(Sale(1))
    await shop.serve(Sale(2))
    params = {"subject": Sale(1).call, "limit": "2"}
    page = (await operator.get("/api/v1/ledger/journals", params=params)).json()
    params["cursor"] = page["next_cursor"]
    last = (await operator.get("/api/v1/ledger/journals", params=params)).json()

    assert [journal["kind"] for journal in page["items"]] == ["delivered", "settled"]
    assert [journal["kind"] for journal in last["items"]] == ["admit"]


async def test_a_journal_cursor_is_a_number(operator: httpx.AsyncClient) -> None:
    """Anything else is refused by name."""
    answer = await operator.get("/api/v1/ledger/journals", params={"cursor": "last"})

    assert (answer.status_code, answer.json()["detail"]) == (400, "cursor is a whole number.")
