"""What a running sidecar does with costs its agent reports: while it works, afterwards, and after a crash."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from sidecar.sandbox.agent import MODEL, USAGE
from sidecar.sandbox.process import Sandbox
from tests.scenarios import money, reporter
from tests.scenarios.reporter import Reporter, report
from tests.scenarios.stand import Running, Stand, set_up, until

MODEL_REPORT: Final = {
    "id": "model-1",
    "kind": "model",
    "name": MODEL,
    "provider": "openai",
    "usage": {
        "input_tokens": USAGE["prompt_tokens"],
        "output_tokens": USAGE["completion_tokens"],
        "cached_input_tokens": USAGE["prompt_tokens_details"]["cached_tokens"],
    },
}
SEARCH_REPORT: Final = {"id": "search-1", "kind": "tool", "name": "web_search", "amount_usd": "0.0040"}


@pytest.fixture
def agent_in_front(agent: str) -> Iterator[Reporter]:
    with reporter.before(agent) as running:
        yield running


@pytest.fixture
def stand(tmp_path: Path, sandbox: Sandbox, agent_in_front: Reporter) -> Stand:
    return set_up(tmp_path, sandbox, agent_in_front.url)


def items(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return what became of each report."""
    assert answer.status_code == 200, answer.text
    return [(item["id"], item["status"]) for item in answer.json()["items"]]


def costs(running: Running, call: str) -> dict[str, tuple[str, str, str]]:
    """Return amount, source and basis of each cost of a call by its name."""
    told: dict[str, Any] = running.ask(f"/api/v1/calls/{call}")
    assert len(told["costs"]) == len({line["name"] for line in told["costs"]}), "each cost is there once"
    return {line["name"]: (line["amount_usd"], line["source"], line["basis"]) for line in told["costs"]}


def test_an_agent_reports_while_it_works_and_afterwards(stand: Stand, agent_in_front: Reporter) -> None:
    """Usage, header and reports of the same two costs are two lines; what came late corrects one."""
    payer = stand.sandbox.buyers[0]
    early: list[httpx.Response] = []
    with stand.serving() as running:
        agent_in_front.working = lambda token: early.append(report(running, token, MODEL_REPORT))
        answer = running.send("/research", running.signed(payer, "/research"))
        call = answer.headers["sidecar-call-id"]
        (token,) = agent_in_front.tokens
        assert until(lambda: running.ask(f"/api/v1/calls/{call}")["outcome"] == "served")
        before = costs(running, call)
        late = report(running, token, SEARCH_REPORT, MODEL_REPORT)
        after = costs(running, call)
        refused = report(running, token.replace(token.split(".")[0], "call_other"), SEARCH_REPORT)
        books = money.settled_down(stand, running)
        shown = subprocess.run(
            [sys.executable, "-m", "sidecar", "call", call, "--config", str(stand.config)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert answer.status_code == 200
    assert items(early[0]) == [("model-1", "booked")]
    assert items(late) == [("search-1", "booked"), ("model-1", "exists")]
    assert before == {
        MODEL: ("0.000369000", "report", "measured"),
        "web_search": ("0.003600000", "header", "reported"),
    }
    assert after == {**before, "web_search": ("0.004000000", "report", "reported")}
    assert refused.status_code == 401
    (told,) = books.calls
    assert told["known_margin_usd"] == "0.044631000"  # 0.05 less both costs and the facilitator's 0.001
    assert "tool web_search -0.004000 report reported" in " ".join(shown.split())
    log = stand.log.read_text(encoding="utf-8")
    alerts = [line for line in map(json.loads, log.splitlines()) if line.get("code") == "costs_disagree"]
    assert [alert["call"] for alert in alerts] == [call]
    assert token.rpartition(".")[2] not in log


def test_a_killed_call_keeps_what_was_reported(stand: Stand, agent_in_front: Reporter) -> None:
    """What was taken is in the books after a crash, and the same token goes on reporting."""
    payer = stand.sandbox.buyers[1]
    early: list[httpx.Response] = []
    with stand.serving(SIDECAR_FAULT="forwarded") as running:
        agent_in_front.working = lambda token: early.append(report(running, token, MODEL_REPORT))
        with pytest.raises(httpx.TransportError):
            running.send("/research", running.signed(payer, "/research"))
        assert running.ended() == -signal.SIGKILL
    (token,) = agent_in_front.tokens
    with stand.serving() as running:
        late = report(running, token, MODEL_REPORT, SEARCH_REPORT)
        books = money.settled_down(stand, running)
        (call,) = books.calls

    assert items(early[0]) == [("model-1", "booked")]
    assert items(late) == [("model-1", "exists"), ("search-1", "booked")]
    lines = {(line["kind"], line["name"], line["amount_usd"]) for line in call["costs"]}
    assert lines == {
        ("retry", MODEL, "0.000369000"),
        ("retry", "web_search", "0.004000000"),
        ("retry", "unmetered", None),
    }
