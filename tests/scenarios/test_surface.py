"""The surface, row by row, on a running sidecar: what users type, send and read is what was promised."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from sidecar.domain.refusals import Code
from sidecar.sandbox.process import Sandbox
from tests.scenarios import reporter
from tests.scenarios.plain_agent import ANSWER, ERROR, ONLY_OURS
from tests.scenarios.stand import challenge, receipt, until
from tests.scenarios.surface_absent import ABSENT, PRESENT, is_absent
from tests.scenarios.surface_deferred import Deferred, lived
from tests.scenarios.surface_rows import (
    BODY_402,
    BUYER,
    CALL,
    CODES,
    COMMANDS,
    LINE,
    MARGIN,
    MARGIN_BY,
    MARGIN_COSTS,
    METRICS,
    OPENING,
    PAGES,
    PROBLEM,
    PUBLIC,
    RESOURCES,
    SAMPLE,
    TOWARDS_AGENT,
    WALLETS,
)
from tests.scenarios.surface_scenes import LAST, SCENES, buying, without_room_on_the_disk
from tests.scenarios.surface_stand import Surface, commanded, one_of_everything
from tests.scenarios.wallet import opened

LIMITS: Final = 'stored_answer: 2KiB, paid_body: 64KiB, uncharged_cost: "$0.01", '
MONEY: Final = re.compile(r"-?[0-9]+\.[0-9]{9}")
CENT: Final = "0.010000000"
NOTHING: Final = "0.000000000"
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def surface(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    with one_of_everything(tmp_path_factory.mktemp("surface"), sandbox, LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def deferred(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deferred]:
    with one_of_everything(tmp_path_factory.mktemp("deferred"), sandbox, settle_s=20) as running:
        yield lived(running)


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


def test_the_codes_of_a_sidecar_at_its_bounds_and_what_it_leaves(tmp_path: Path, sandbox: Sandbox) -> None:
    """Full of calls, and about to stop; then all is signed, and proven by the command and the resource."""
    with one_of_everything(tmp_path, sandbox, "open_calls: 1, ") as last:
        for code, scene in LAST.items():
            refused_as_promised(code, scene(last))
        assert last.running.ended() == 0
        _, exported = last.command("ledger", "export", "--json")
        journal = json.loads(exported.splitlines()[0])["id"]
        ended, printed = last.command("ledger", "prove", journal, "--json")
        with last.stand.serving() as again:
            proof = again.ask(f"/api/v1/ledger/proof?journal={quote(journal)}")

    assert (ended, json.loads(printed)) == (0, proof)
    assert proof.keys() >= {"journal", "path", "public_key"}


def test_every_code_that_there_is_has_its_row_and_its_way() -> None:
    """A code that nobody promised, or that nobody has come to, is not ours to answer with."""
    assert CODES.keys() == set(Code)
    assert CODES.keys() == {*SCENES, *LAST, "facilitator_unavailable", "storage_unavailable"}


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


def test_what_is_served_under_deferred_has_its_receipt_later(deferred: Deferred) -> None:
    """The answer comes without one; a page has it, and signs it once it is paid. A debt has none."""
    meanwhile, paid, unpaid = deferred.delivered, deferred.paid, deferred.defaulted

    assert not {"payment-response", "x-payment-response"} & meanwhile.answer.headers.keys()
    assert (meanwhile.answer.content, unpaid.answer.content) == (ANSWER, ANSWER)
    assert [told.receipt.status_code for told in (meanwhile, paid, unpaid)] == [202, 200, 200]
    shown = [told.receipt.json() for told in (meanwhile, paid, unpaid)]
    assert [each["settlement"] for each in shown] == ["pending", "settled", "failed"]
    assert [each["signature"] is not None for each in shown] == [False, True, False]
    assert shown[1]["payment_response"]["transaction"] == paid.call["transaction"]
    assert shown[2]["reason"] == "insufficient_funds"


def test_revenue_under_deferred_is_unsettled_until_it_is_final(deferred: Deferred) -> None:
    """In the call, in the margin table and in the metric; what never comes is bad debt."""
    tells = (deferred.delivered, deferred.paid, deferred.defaulted)
    money = ("revenue_usd", "unsettled_usd", "bad_debt_usd")

    assert [told.call["settlement"] for told in tells] == ["pending", "settled", "failed"]
    assert [told.call["captured_usd"] for told in tells] == [CENT] * 3
    assert [tuple(told.margin[name] for name in money) for told in tells] == [
        ("0.020000000", CENT, NOTHING),
        ("0.020000000", NOTHING, NOTHING),
        ("0.030000000", NOTHING, CENT),
    ]
    assert [told.unsettled for told in tells] == ["0.01", "0.0", "0.0"]


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
    """Whatever it is made by, every call is in one row."""
    answer = surface.running.ask(f"/api/v1/margin?by={by}")

    assert answer["by"] == by
    assert answer.keys() >= {"by", "from", "to", "items", "total"}
    assert any(row[by] is not None for row in answer["items"])
    for row in [*answer["items"], answer["total"]]:
        assert row.keys() >= MARGIN
        assert next(iter(row)) == by
        assert row["cost_usd"].keys() == MARGIN_COSTS
    assert sum(row["calls"] for row in answer["items"]) == answer["total"]["calls"]


def test_the_margin_command_gives_the_apis_table_by_the_same_units(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]]
) -> None:
    """One table of them all is asked for; its help names the others."""
    code, printed = surface.command("margin", "--by", "workflow", "--json", "--config", "sidecar.yaml")
    _, told = surface.command("margin", "--help")

    answer, shown = surface.running.ask("/api/v1/margin?by=workflow"), json.loads(printed)

    assert code == 0
    assert shown.keys() == answer.keys()
    assert [row.keys() for row in shown["items"]] == [row.keys() for row in answer["items"]]
    assert {row["workflow"] for row in shown["items"]} == {None, "competitor-research"}
    assert set(MARGIN_BY) <= set(re.findall(r"\w+", told))


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
def test_an_operator_resource_is_there_and_asks_who_wants_it(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]], path: str
) -> None:
    """Health, metrics and the description are open, everything else is for the operator."""
    named = (path + RESOURCES.get(path, "")).format(id=sold[1]["id"], payer=sold[1]["buyer"])

    assert surface.running.operator(named).status_code == 200
    assert surface.running.operator(named, token="").status_code == (200 if path in PUBLIC else 401)


def test_there_is_no_other_operator_resource(surface: Surface) -> None:
    """The description lists all there is; what is written, and the proof, have tests of their own."""
    paths = surface.running.ask("/openapi.json")["paths"]
    read = {path for path, methods in paths.items() if "get" in methods}
    written = {path for path, methods in paths.items() if "post" in methods}

    assert read == {*PUBLIC, *RESOURCES, "/api/v1/ledger/proof"}
    assert written == {"/api/v1/ledger/journals", "/api/v1/ledger/close"}


def test_what_is_in_force_is_told_with_what_it_is(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]]
) -> None:
    """The policies of every route, and all that the books say of a buyer."""
    policies = surface.running.ask("/api/v1/policies")
    buyer = surface.running.ask(f"/api/v1/buyers/{sold[1]['buyer']}")

    assert policies.keys() >= {"exposure", "limits", "routes"}
    assert policies["exposure"]["per_payer"] == {"amount_usd": "0.450000000"}
    assert policies["routes"]["POST /llm"]["price_ceiling"] == {"amount_usd": "0.050000000"}
    assert buyer.keys() >= BUYER
    assert buyer["buyer"] == sold[1]["buyer"]
    assert 1 <= len(buyer["calls"]) <= buyer["total"]["calls"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_told_to_everybody(surface: Surface, path: str) -> None:
    """Health, what a call costs, and what is sold: nobody has to prove anything."""
    page = surface.running.send(path, method="GET")

    assert page.status_code == 200
    assert page.headers["content-type"] == "application/json"
    assert page.json().keys() >= PAGES[path]


def test_a_quote_is_what_is_asked_for(surface: Surface) -> None:
    """Price and ways to pay are those of the 402; a computed price is quoted for the body sent along."""
    fixed = surface.running.send("/__402/quote?method=POST&path=%2Fchat", method="GET").json()
    computed = surface.running.send(
        "/__402/quote?method=POST&path=%2Fllm",
        content=b'{"model": "small", "words": 100}',
        headers={"content-type": "application/json"},
    ).json()

    assert fixed["accepts"] == challenge(surface.running.send("/chat"))["accepts"]
    assert (fixed["price_usd"], fixed["ceiling_usd"]) == ("0.010000000", "0.010000000")
    assert computed["price_usd"] == "0.003000000"
    assert all(offer["amount"] == "3000" for offer in computed["accepts"])


@pytest.mark.parametrize("path", WALLETS)
def test_a_page_is_told_to_its_wallet_alone(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]], path: str
) -> None:
    """Who proves nothing is asked to; another wallet finds nothing of this one's."""
    first, other = surface.stand.sandbox.buyers[:2]
    named = path.format(id=sold[1]["id"])
    page = opened(surface.running, first, named)
    strangers = opened(surface.running, other, named)

    assert page.status_code == 200
    assert page.json().keys() >= WALLETS[path]
    refused_as_promised("wallet_unproven", surface.running.send(named, method="GET"))
    assert first.address.lower() not in strangers.text.lower()
    assert sold[1]["id"] not in strangers.text


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_prints_its_object(surface: Surface, words: str) -> None:
    """Beside the running sidecar, with --json: one object with the promised members, and 0."""
    (surface.stand.folder / "opening.yaml").write_text(OPENING, encoding="utf-8")
    code, printed = surface.command(*words.split(), "--json", "--config", "sidecar.yaml")

    assert json.loads(printed).keys() >= COMMANDS[words]
    assert code == 0


def test_the_command_that_exports_prints_a_journal_a_line(
    surface: Surface, sold: tuple[httpx.Response, dict[str, Any]]
) -> None:
    """With --json: every journal of the books, each with its entries."""
    code, printed = surface.command("ledger", "export", "--json")
    journals = [json.loads(line) for line in printed.splitlines()]

    assert code == 0
    assert all(journal["entries"] for journal in journals)
    told = surface.running.ask(f"/api/v1/ledger/journals?subject={sold[1]['id']}")["items"]
    assert {journal["id"] for journal in told} <= {journal["id"] for journal in journals}


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


@pytest.mark.parametrize(("kind", "name", "instead"), ABSENT)
def test_what_is_not_there_yet_is_not_half_there(
    surface: Surface, kind: str, name: str, instead: str
) -> None:
    """Each is refused as if nobody had heard of it; once it is there, its row moves to where it is held."""
    assert is_absent(surface, kind, name), instead


@pytest.mark.parametrize(("kind", "name"), PRESENT)
def test_what_is_there_is_seen_to_be_there(surface: Surface, kind: str, name: str) -> None:
    """Of each kind: else a row above would hold of anything."""
    assert not is_absent(surface, kind, name)


def test_the_books_are_clean_after_all_of_it(surface: Surface) -> None:
    """Whatever happened above, every unit is accounted for."""
    assert until(lambda: all(call["outcome"] != "running" for call in _calls(surface)))
    assert surface.running.ask("/api/v1/ledger/audit")["clean"] is True


def _calls(surface: Surface) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = surface.running.ask("/api/v1/calls?limit=1000")["items"]
    return listed
