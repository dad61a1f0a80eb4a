"""The surface, row by row, on a running sidecar: what users type, send and read is what was promised."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from sidecar.sandbox.process import Sandbox
from tests.scenarios import reporter
from tests.scenarios.plain_agent import ANSWER, ERROR, ONLY_OURS
from tests.scenarios.stand import receipt, until
from tests.scenarios.surface_rows import (
    BODY_402,
    CALL,
    CODES,
    LINE,
    MARGIN,
    MARGIN_BY,
    MARGIN_COSTS,
    METRICS,
    PROBLEM,
    PUBLIC,
    RESOURCES,
    SAMPLE,
    TOWARDS_AGENT,
)
from tests.scenarios.surface_scenes import LAST, SCENES, buying, without_room_on_the_disk
from tests.scenarios.surface_stand import Surface, commanded, one_of_everything

LIMITS: Final = 'stored_answer: 2KiB, paid_body: 64KiB, uncharged_cost: "$0.01", '
MONEY: Final = re.compile(r"-?[0-9]+\.[0-9]{9}")
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def surface(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    with one_of_everything(tmp_path_factory.mktemp("surface"), sandbox, LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def last(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    with one_of_everything(tmp_path_factory.mktemp("last"), sandbox, "open_calls: 1, ") as running:
        yield running


@pytest.fixture(scope="module")
def sold(surface: Surface) -> tuple[httpx.Response, dict[str, Any]]:
    """Buy the call that has one of everything; return its answer and its object."""
    labels = {
        "Sidecar-Session-Id": "s-1",
        "Sidecar-Run-Id": "r-1",
        "traceparent": TRACE,
        "Sidecar-Payer": "0xking",
        "Sidecar-Price": "0",
        "Sidecar_Endpoint": "POST /free",
        "Alephant-Workflow": "mine",
    }
    answer = surface.buy("/loud", 0, b'{"ask": 1}', headers=labels)
    assert answer.status_code == 200
    return answer, surface.call(answer)


def refused_as_promised(code: str, answer: httpx.Response) -> None:
    """Hold one refusal against its row: status, body, and the fields that come with it."""
    status, retryable, action = CODES[code]
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code)
    assert (told["retryable"], told["action"], told["status"]) == (retryable, action, status)
    assert told.keys() >= (BODY_402 if status == 402 else PROBLEM)
    kind = "application/json" if status == 402 else "application/problem+json"
    assert answer.headers["content-type"] == kind
    assert re.fullmatch(r"call_[0-9A-Z]{26}", answer.headers["sidecar-call-id"])
    assert answer.headers["cache-control"] == "no-store"
    assert ("retry-after" in answer.headers) is retryable
    assert ("payment-required" in answer.headers) is (status == 402)
    assert "Traceback" not in answer.text
    assert "127.0.0.1" not in answer.text.replace("agent.scenario.invalid", "")


@pytest.mark.parametrize("code", SCENES)
def test_a_code_is_reached_and_answered_as_promised(surface: Surface, code: str) -> None:
    """Every row of the buyers' table, by what leads to it."""
    refused_as_promised(code, SCENES[code](surface))


@pytest.mark.parametrize("code", LAST)
def test_a_code_of_a_sidecar_at_its_bounds(last: Surface, code: str) -> None:
    """Full of calls, and about to stop."""
    refused_as_promised(code, LAST[code](last))


def test_the_codes_of_a_sidecar_without_a_facilitator_and_without_a_disk(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Nothing is taken while nobody settles, nor once nothing can be written down."""
    with one_of_everything(tmp_path, sandbox, away=["facilitator"]) as alone:
        refused_as_promised("facilitator_unavailable", buying("/chat")(alone))
        alone.facilitator.up()
        assert until(lambda: alone.buy("/chat").status_code == 200)
        refused_as_promised("storage_unavailable", without_room_on_the_disk(alone))


def test_the_reason_of_an_invalid_payment_and_of_a_failed_settlement_is_told(surface: Surface) -> None:
    """The spec's own words, and a receipt that says no; the methods of a path; the end of a budget's day."""
    failed = SCENES["settlement_failed"](surface)

    assert failed.json()["reason"] == "insufficient_funds"
    assert receipt(failed)["success"] is False
    assert ANSWER not in failed.content
    assert SCENES["payment_invalid"](surface).json()["reason"]
    assert SCENES["method_not_allowed"](surface).headers["allow"] == "POST"
    assert int(SCENES["budget_spent"](surface).headers["retry-after"]) > 1


def test_the_same_call_again_is_the_stored_answer_with_its_receipt(surface: Surface) -> None:
    """Nothing new is booked, and the call's id is the first one's."""
    payment = surface.running.signed(surface.stand.sandbox.buyers[0], "/chat")
    first = surface.running.send("/chat", payment)
    surface.call(first)
    asked = surface.agent.asked("/chat")
    again = surface.running.send("/chat", payment)

    assert (again.status_code, again.content) == (200, first.content)
    assert receipt(again) == receipt(first)
    assert again.headers["sidecar-call-id"] == first.headers["sidecar-call-id"]
    assert surface.agent.asked("/chat") == asked


@pytest.mark.parametrize(("path", "status"), [("/fail", 500), ("/error", 200)])
def test_an_answer_that_is_no_success_is_passed_on_and_not_charged(
    surface: Surface, path: str, status: int
) -> None:
    """Its status and body; the same payload may enter again, three times."""
    payment = surface.running.signed(surface.stand.sandbox.buyers[0], path)
    answers = []
    for _ in range(4):
        answers.append(surface.running.send(path, payment))
        call = surface.call(answers[-1])
        assert (call["outcome"], call["settlement"], call["captured_usd"]) == (
            "failed",
            "none",
            "0.000000000",
        )
    once_more = surface.running.send(path, payment)

    assert [(answer.status_code, answer.content) for answer in answers] == [(status, ERROR)] * 4
    assert all("payment-response" not in answer.headers for answer in answers)
    assert once_more.status_code == 409


def test_what_fails_after_an_upfront_payment_is_credit(surface: Surface) -> None:
    """Its status with the receipt, or a connection without a clean end; the price is the buyer's credit."""
    failed = surface.buy("/fail-upfront", 1)
    payment = surface.running.signed(surface.stand.sandbox.buyers[4], "/half")
    with pytest.raises(httpx.RemoteProtocolError):
        surface.running.send("/half", payment)

    assert (failed.status_code, failed.content) == (500, ERROR)
    assert receipt(failed)["success"] is True
    assert surface.call(failed)["credited_usd"] == "0.010000000"
    broken = surface.running.ask("/api/v1/calls?limit=1")["items"][0]
    assert (broken["endpoint"], broken["credited_usd"]) == ("POST /half", "0.010000000")


def test_the_agent_is_told_what_was_promised_and_nothing_of_the_payment(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]]
) -> None:
    """Whose call it is, by whom it came, and the buyer's own labels; nothing that a buyer tried to set."""
    _, call = sold
    (told,) = (fields for path, fields in surface.agent.seen if path == "/loud")

    assert {name for name in told if name.startswith("sidecar")} | {"traceparent"} == TOWARDS_AGENT
    assert not [name for name in told if "payment" in name or "alephant" in name or "_" in name]
    assert (told["sidecar-call-id"], told["sidecar-payer"]) == (call["id"], call["buyer"])
    assert (told["sidecar-endpoint"], told["sidecar-price"]) == ("POST /loud", "0.050000000")
    assert (told["sidecar-session-id"], told["sidecar-run-id"]) == ("s-1", "r-1")
    assert told["traceparent"] == TRACE


def test_the_agent_can_check_that_a_call_came_through_us(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]]
) -> None:
    """`t=<unix>,v1=<hex>` over time, method, target and the body's digest, with the origin's secret."""
    (told,) = (fields for path, fields in surface.agent.seen if path == "/loud")
    secrets = json.loads(Path(f"{surface.stand.database}.secrets").read_text(encoding="ascii"))
    found = re.fullmatch(r"t=([0-9]+),v1=([0-9a-f]{64})", told["sidecar-signature"])

    assert found is not None
    body = hashlib.sha256(b'{"ask": 1}').hexdigest()
    message = f"{found[1]}.POST./loud.{body}".encode()
    assert found[2] == hmac.new(bytes.fromhex(secrets["origin"]), message, hashlib.sha256).hexdigest()


def test_a_call_without_a_trace_begins_one(surface: Surface) -> None:
    """A fresh traceparent of the W3C's form."""
    surface.buy("/big")
    told = [fields for path, fields in surface.agent.seen if path == "/big"][-1]

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", told["traceparent"])
    assert not {"sidecar-run-id", "sidecar-session-id"} & told.keys()


def test_a_buyer_hears_nothing_that_is_only_ours(
    sold: tuple[httpx.Response, dict[str, Any]],
) -> None:
    """Costs, overrides and forged receipts end here; a paid answer is for its buyer alone."""
    answer, call = sold
    names = {name.lower() for name in ONLY_OURS} - {"payment-response", "sidecar-call-id"}

    assert not names & set(answer.headers)
    assert receipt(answer)["transaction"] == call["transaction"]
    assert answer.headers["sidecar-call-id"] == call["id"]
    assert answer.headers["cache-control"] == "private"
    assert answer.headers["vary"] == "PAYMENT-SIGNATURE, X-PAYMENT"


def test_a_call_object_has_every_member_and_every_cost(
    sold: tuple[httpx.Response, dict[str, Any]],
) -> None:
    """The model by its rate, the tool by its tariff, what the agent says itself, the fees, the margin."""
    _, call = sold
    lines = {line["name"]: line for line in call["costs"]}
    told = ("kind", "amount_usd", "basis", "source")

    assert call.keys() >= CALL
    assert all(line.keys() >= LINE for line in [*call["costs"], *call["fees"]])
    assert {name: tuple(line[each] for each in told) for name, line in lines.items()} == {
        # Its tokens have a rate; what the gateway said it cost is stronger.
        "gpt-4o-mini": ("model", "0.500000000", "reported", "header"),
        "web_search": ("tool", "0.010000000", "measured", "header"),
        "crawler": ("external", "0.000400000", "reported", "header"),
        "per_call": ("external", "0.000500000", "measured", "tariff"),
    }
    assert lines["web_search"]["rate"] == "tool web_search undated 0.010000000"
    assert (lines["crawler"]["step"], lines["crawler"]["attempt"]) == ("plan", 2)
    assert {fee["name"]: fee["amount_usd"] for fee in call["fees"]} == {
        "facilitator": "0.001000000",
        "platform": "0.001000000",
    }
    assert all(MONEY.fullmatch(call[name]) for name in CALL if name.endswith("_usd"))
    assert (call["agent"], call["workflow"], call["run"], call["session"]) == (
        "research-agent", "competitor-research", f"{call['buyer']}/r-1", f"{call['buyer']}/s-1",
    )  # fmt: skip
    assert call["known_margin_usd"] == "-0.462900000"


@pytest.mark.parametrize("by", MARGIN_BY)
def test_a_margin_table_has_every_member_by_every_unit(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]], by: str
) -> None:
    """The same from the API and from the command; every call is in one row."""
    answer = surface.running.ask(f"/api/v1/margin?by={by}")
    code, printed = surface.command("margin", "--by", by, "--json", "--config", "sidecar.yaml")

    assert code == 0
    assert json.loads(printed)["by"] == answer["by"] == by
    assert answer.keys() >= {"by", "from", "to", "items", "total"}
    assert any(row[by] is not None for row in answer["items"])
    for row in [*answer["items"], answer["total"]]:
        assert row.keys() >= MARGIN
        assert next(iter(row)) == by
        assert row["cost_usd"].keys() == MARGIN_COSTS
    assert sum(row["calls"] for row in answer["items"]) == answer["total"]["calls"]


def test_a_cost_in_a_streams_comment_and_one_that_nobody_knows(surface: Surface) -> None:
    """The comment's tool is booked; a model without a rate takes the route's fallback, outside the margin."""
    streamed = surface.call(surface.buy("/stream"))
    estimated = surface.call(surface.buy("/mystery"))

    assert {line["name"]: line["amount_usd"] for line in streamed["costs"]}["browser"] == "0.000700000"
    assert [(line["basis"], line["amount_usd"]) for line in estimated["costs"]] == [
        ("estimated", "0.002000000")
    ]
    assert (estimated["estimated_cost_usd"], estimated["cost_usd"]) == ("0.002000000", "0.000000000")
    rows = surface.running.ask("/api/v1/margin")["items"]
    (row,) = (row for row in rows if row["endpoint"] == "POST /mystery")
    assert (row["estimated_cost_usd"], row["unknown_cost_calls"]) == ("0.002000000", 1)


def test_an_undelivered_works_cost_is_a_retry(surface: Surface) -> None:
    """Whatever it was for: the agent was paid and nobody was charged."""
    call = surface.call(surface.buy("/fail-dearly", 3))

    assert [(line["kind"], line["name"]) for line in call["costs"]] == [("retry", "crawler")]


def test_a_report_has_every_member_and_is_taken_once(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]]
) -> None:
    """A tool without a figure, a model in tokens, a cost in dollars; with their step and attempt."""
    (told,) = (fields for path, fields in surface.agent.seen if path == "/loud")
    plan = {"step": "plan", "attempt": 2}
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}
    documents = [
        {"id": "1", "kind": "tool", "name": "summarize", **plan},
        {"id": "2", "kind": "model", "name": "gpt-4o-mini", "usage": usage, **plan},
        {"id": "3", "kind": "external", "name": "proxy", "amount_usd": "0.0004", **plan},
    ]
    taken = [reporter.report(surface.running, told["sidecar-call-token"], *documents).json() for _ in "12"]
    refused = reporter.report(surface.running, "call_x.1.aa", *documents)

    assert [[item["status"] for item in each["items"]] for each in taken] == [["booked"] * 3, ["exists"] * 3]
    assert refused.status_code == 401
    lines = surface.running.ask(f"/api/v1/calls/{sold[1]['id']}")["costs"]
    assert {line["name"]: line["amount_usd"] for line in lines if line["step"] == "plan"} == {
        "summarize": None,
        "gpt-4o-mini": "1.000000000",
        "proxy": "0.000400000",
        "crawler": "0.000400000",
    }


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_its_name_and_its_labels(surface: Surface, name: str) -> None:
    """And no other label: no wallet, run or session is ever one."""
    text = surface.running.operator("/metrics").text
    labels = re.findall(rf"^{name}(?:{{(.*)}})? ", text, re.MULTILINE)

    assert labels
    assert {label for each in labels for label in re.findall(r"(\w+)=", each)} <= METRICS[name]
    assert not any(buyer.address.lower() in text.lower() for buyer in surface.stand.sandbox.buyers)


@pytest.mark.parametrize("path", [*PUBLIC, *RESOURCES])
def test_an_operator_resource_is_there_and_asks_who_wants_it(surface: Surface, path: str) -> None:
    """Health, metrics and the description are open, everything else is for the operator."""
    assert surface.running.operator(path).status_code == 200
    assert surface.running.operator(path, token="").status_code == (200 if path in PUBLIC else 401)


def test_health_is_told_to_buyers(surface: Surface) -> None:
    """The one path of ours that needs nothing."""
    assert surface.running.send("/__402/health", method="GET").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("words", "members"),
    [
        ("margin --by endpoint", {"by", "from", "to", "items", "total"}),
        ("calls --limit 2", {"items", "next_cursor"}),
        ("ledger audit", {"clean", "checks"}),
        ("ledger trial-balance", {"items", "totals", "balanced"}),
        ("check", {"ok", "problems"}),
        ("reconcile", {"items", "next_cursor", "explained"}),
    ],
)
def test_a_command_prints_its_object(surface: Surface, words: str, members: set[str]) -> None:
    """Beside the running sidecar, with --json: one object with the promised members, and 0."""
    code, printed = surface.command(*words.split(), "--json", "--config", "sidecar.yaml")

    assert json.loads(printed).keys() >= members
    assert code == 0


@pytest.mark.parametrize("words", ["init", "schema"])
def test_a_command_without_a_config_prints_its_object(tmp_path: Path, words: str) -> None:
    """A starter config, and the schema of every config."""
    code, printed = commanded(tmp_path, words, "--json")

    assert (code, isinstance(json.loads(printed), dict)) == (0, True)


def test_the_command_for_one_call_is_the_apis_object(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]]
) -> None:
    """And for people it runs from the price to the margin, with what policy said and the session so far."""
    call = sold[1]["id"]
    code, printed = surface.command("call", call, "--json", "--config", "sidecar.yaml")
    _, shown = surface.command("call", call, "--config", "sidecar.yaml")
    words = {" ".join(line.split()[:2]) for line in shown.splitlines()}

    assert code == 0
    assert json.loads(printed) == surface.running.ask(f"/api/v1/calls/{call}")
    assert any(line.startswith("policy") and "allowed" in line for line in shown.splitlines())
    for name in ("model", "tool", "retry", "total", "session so", "known margin"):
        assert any(each.startswith(name) for each in words), name


def test_the_promised_config_passes(tmp_path: Path) -> None:
    """Every key of it is known, and nothing in it is refused."""
    (tmp_path / "sidecar.yaml").write_text(SAMPLE, encoding="utf-8")
    code, printed = commanded(tmp_path, "check", "--json", "--config", "sidecar.yaml")

    assert (code, json.loads(printed)["ok"]) == (0, True)


def test_the_books_are_clean_after_all_of_it(surface: Surface) -> None:
    """Whatever happened above, every unit is accounted for."""
    assert until(lambda: all(call["outcome"] != "running" for call in _calls(surface)))
    assert surface.running.ask("/api/v1/ledger/audit")["clean"] is True


def _calls(surface: Surface) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = surface.running.ask("/api/v1/calls?limit=1000")["items"]
    return listed
