"""The agent listener's one table of refusals is complete and says what to do."""

import json
import re
from pathlib import Path

import pytest

from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.http.agent_replies import REPLIES, reply
from sidecar.http.replies import Action

SELLING = Path(__file__).resolve().parents[3] / "docs/selling.md"
PROMISED = {
    Code.UNAUTHORIZED: (401, "fix"),
    Code.EXPIRED: (401, "stop"),
    Code.CALL_UNKNOWN: (404, "stop"),
    Code.CLOSE_WINDOW_OVER: (410, "stop"),
    Code.REPORTS_MALFORMED: (400, "fix"),
    Code.REPORTS_TOO_LARGE: (413, "fix"),
    Code.REPORTS_TOO_MANY: (429, "stop"),
    Code.REPORT_CONFLICT: (409, "fix"),
    Code.STORAGE_UNAVAILABLE: (503, "retry"),
    Code.NOT_FOUND: (404, "fix"),
    Code.METHOD_NOT_ALLOWED: (405, "fix"),
}


def test_every_refusal_has_an_answer() -> None:
    """No code can reach an agent as a server error, and no answer is for a code that is gone."""
    assert set(REPLIES) == set(Code) == set(PROMISED)


@pytest.mark.parametrize("code", Code)
def test_the_promised_answers_are_given(code: Code) -> None:
    """Status and action per code; only what may pass is retried, and says when."""
    answer = reply(ReportsRefused(code), "call_1")
    members = json.loads(bytes(answer.body))

    assert (answer.status_code, members["action"]) == PROMISED[code]
    assert (members["status"], members["code"], members["call"]) == (answer.status_code, code.value, "call_1")
    assert members["retryable"] == (members["action"] == Action.RETRY) == (answer.status_code >= 500)
    assert ("retry-after" in answer.headers) == members["retryable"]
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    assert answer.headers["content-type"] == "application/problem+json"
    assert members["detail"].endswith(".")


def test_the_page_for_sellers_names_them_all() -> None:
    """Each code an agent can meet at the costs, with its status, and no other."""
    page = SELLING.read_text(encoding="utf-8")
    section = page.partition("## What the agent reports")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (\d+) \| (.+) \|$", section, re.MULTILINE)
    told = {
        code: int(status)
        for codes, status, _ in rows
        for code in re.findall(r"`(\w+_\w+|unauthorized)`", codes)
    }

    elsewhere = {Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED}
    assert told == {code.value: status for code, (status, _) in PROMISED.items() if code not in elsewhere}


def test_members_are_there_when_there_is_something_to_say() -> None:
    """Reason, call and report only of what is about them; the allowed methods as a field."""
    plain = reply(ReportsRefused(Code.METHOD_NOT_ALLOWED), allow="POST")
    named = reply(ReportsRefused(Code.REPORT_CONFLICT, reason="why", report="r1"))

    assert set(json.loads(bytes(plain.body))) == {
        "type", "title", "status", "detail", "code", "retryable", "action",
    }  # fmt: skip
    assert plain.headers["allow"] == "POST"
    members = json.loads(bytes(named.body))
    assert (members["reason"], members["report"]) == ("why", "r1")
    assert "allow" not in named.headers
