"""The agent's listener takes reports under its limits, and refuses everything else in one form."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.http.agent import REPORTS_BYTES_MAX
from tests.sidecar.reporter import SEARCH, TOKENS, Reporter, reporter_of
from tests.sidecar.stall import open_stall
from tests.sidecar.x402.signing import NOW_S

SELLING = Path(__file__).resolve().parents[3] / "docs/selling.md"
UNAUTHORIZED = (401, "unauthorized", "fix")


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Reporter]:
    """Open an agent listener whose stall has sold one call, and closed it."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as reporter:
        await stall.buy()
        yield reporter


async def test_it_says_that_it_is_there(agent: Reporter) -> None:
    """GET and HEAD, without any token."""
    assert (await agent.client.get("/healthz")).json() == {"status": "ok"}
    assert (await agent.client.head("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz/", "/nothing", "/v1/costs/x", "/v1/costs/", "/__402/health"])
async def test_what_is_not_here_is_a_problem_document(agent: Reporter, path: str) -> None:
    """No redirect, no page: a client reads one form."""
    answer = await agent.client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["action"]) == ("not_found", "fix")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/healthz", {"GET", "HEAD"}), ("GET", "/v1/costs", {"POST"}), ("PUT", "/v1/costs", {"POST"})],
)
async def test_another_method_is_told_which_there_are(
    agent: Reporter, method: str, path: str, allowed: set[str]
) -> None:
    """405 names the allowed ones (RFC 9110 section 15.5.6)."""
    answer = await agent.client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {each.strip() for each in answer.headers["allow"].split(",")} == allowed


async def test_a_report_is_answered_with_what_became_of_it(agent: Reporter) -> None:
    """One report or a list of them; the same again exists."""
    assert (await agent.report(SEARCH)).json() == {"items": [{"id": "r1", "status": "booked"}]}
    again = {**SEARCH, "id": "r2"}
    assert await agent.statuses(SEARCH, again) == ["exists", "booked"]
    assert (await agent.send(b"[" + json.dumps(SEARCH).encode() + b"]")).status_code == 200


async def test_the_example_of_the_page_for_sellers_is_taken(agent: Reporter) -> None:
    """What people copy works as it stands."""
    page = SELLING.read_text(encoding="utf-8")
    example = page.partition("## What the agent reports")[2].partition("-d '")[2].partition("'")[0]

    assert [item["status"] for item in (await agent.send(example.encode())).json()["items"]] == ["booked"] * 2


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic {token}",
        "{token}",
        "Bearer {token} {token}",
        "Bearer {token}x",
        "Bearer {other}",
    ],
)
async def test_only_the_calls_own_token_opens(agent: Reporter, authorization: str) -> None:
    """Everything else is refused alike, before the body is looked at."""
    token, other = TOKENS.for_call("call_1", NOW_S), TOKENS.for_call("call_1", NOW_S).replace("_1", "_2")
    given = authorization.format(token=token, other=other)
    answer = await agent.send(b"rubbish", Authorization=given)

    members = answer.json()
    assert (answer.status_code, members["code"], members["action"]) == UNAUTHORIZED
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "call" not in members


async def test_two_tokens_are_none(agent: Reporter) -> None:
    """Two readers would take two different ones."""
    given = [("Authorization", f"Bearer {TOKENS.for_call('call_1', NOW_S)}")] * 2
    answer = await agent.client.post("/v1/costs", headers=given, json=dict(SEARCH))

    assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"1",
        b'"r1"',
        b"[1]",
        b"[]",
        b'{"id":"a","id":"b"}',
        b'{"amount_usd":0.1}',
        b"\xff",
    ],
)
async def test_what_cannot_be_read_in_one_way_is_malformed(agent: Reporter, body: bytes) -> None:
    """Strict JSON, at least one report, and one sentence about what is wrong."""
    answer = await agent.send(body)

    members = answer.json()
    assert (answer.status_code, members["code"], members["action"]) == (400, "reports_malformed", "fix")
    assert (members["call"], members["reason"][-1]) == ("call_1", ".")


async def test_an_amount_that_is_a_number_is_told_to_be_a_string(agent: Reporter) -> None:
    """It is the likeliest mistake, and the JSON is not what is wrong with it."""
    answer = await agent.report({**SEARCH, "amount_usd": 0.0036})

    assert answer.json()["reason"].endswith('an amount is a string, such as "0.0036".')


async def test_a_report_that_is_wrong_is_named(agent: Reporter) -> None:
    """The second of two has no kind: none of them is taken."""
    before = agent.stall.books.trace()
    answer = await agent.report(SEARCH, {"id": "r2", "name": "x", "amount_usd": "1"})

    assert answer.json()["reason"] == "Report 2: `kind` is a short printable string."
    assert agent.stall.books.trace() == before


async def test_a_body_has_a_limit(agent: Reporter) -> None:
    """Up to and with 64 KiB it is read, and nothing beyond is."""
    report = json.dumps(SEARCH).encode()

    assert (await agent.send(report.ljust(REPORTS_BYTES_MAX))).status_code == 200
    answer = await agent.send(report.ljust(REPORTS_BYTES_MAX + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "reports_too_large")


async def test_a_conflict_names_the_report(agent: Reporter) -> None:
    """The agent is told which id it used twice."""
    await agent.report(SEARCH)
    answer = await agent.report({**SEARCH, "amount_usd": "1"})

    members = answer.json()
    assert (answer.status_code, members["code"], members["report"]) == (409, "report_conflict", "r1")
