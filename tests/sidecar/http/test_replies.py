"""The one table of refusals is complete, consistent, and keeps its promises."""

import json

import pytest

from sidecar.domain.refusals import Code, Refusal
from sidecar.http import replies
from sidecar.http.replies import REPLIES, Action

PAY, RETRY, FIX, STOP = Action.PAY, Action.RETRY, Action.FIX, Action.STOP
PROMISED = {
    Code.PAYMENT_REQUIRED: (402, False, PAY),
    Code.PAYMENT_INVALID: (402, False, PAY),
    Code.PAYMENT_MALFORMED: (400, False, FIX),
    Code.PAYMENT_TOO_LARGE: (400, False, FIX),
    Code.PAYMENT_REUSED: (409, False, STOP),
    Code.CALL_IN_PROGRESS: (503, True, RETRY),
    Code.SETTLEMENT_FAILED: (402, False, PAY),
    Code.SETTLEMENT_UNKNOWN: (503, True, RETRY),
    Code.BUYER_DENIED: (403, False, STOP),
    Code.EXPOSURE_EXCEEDED: (429, True, RETRY),
    Code.ROUTE_UNKNOWN: (404, False, FIX),
    Code.METHOD_NOT_ALLOWED: (405, False, FIX),
    Code.TARGET_AMBIGUOUS: (400, False, FIX),
    Code.BODY_TOO_LARGE: (413, False, FIX),
    Code.HEADERS_TOO_LARGE: (431, False, FIX),
    Code.REQUEST_MALFORMED: (400, False, FIX),
    Code.UPSTREAM_UNREACHABLE: (502, True, RETRY),
    Code.UPSTREAM_TIMEOUT: (504, True, RETRY),
    Code.STORAGE_UNAVAILABLE: (503, True, RETRY),
    Code.OVERLOADED: (503, True, RETRY),
    Code.DRAINING: (503, True, RETRY),
}
"""What clients rely on. A code that is not here may be added; these may not change."""


def test_every_refusal_has_an_answer() -> None:
    """No code can reach a buyer as a server error, and no answer is for a code that is gone."""
    assert set(REPLIES) == set(Code)


@pytest.mark.parametrize("code", PROMISED)
def test_the_promised_answers_are_given(code: Code) -> None:
    """Status, whether to try again and what to do next, per code."""
    members = replies.problem(Refusal(code), "call_1")

    assert (members["status"], members["retryable"], members["action"]) == PROMISED[code]
    assert (members["code"], members["call"]) == (code.value, "call_1")


@pytest.mark.parametrize("code", Code)
def test_what_an_answer_says_agrees_with_itself(code: Code) -> None:
    """402 asks to pay and nothing else does; what may pass is retried; nobody is told to pay twice."""
    reply = REPLIES[code]

    assert (reply.status == 402) == (reply.action is PAY)
    assert reply.retryable == (reply.action is RETRY)
    assert reply.retryable == (reply.status >= 500 or reply.status == 429)
    assert (reply.action in {FIX, STOP}) == (400 <= reply.status < 500 and reply.status not in {402, 429})


def test_two_codes_are_told_apart_by_a_person_too() -> None:
    """Each code has its own title and its own sentence."""
    assert len({reply.title for reply in REPLIES.values()}) == len(REPLIES)
    assert all(reply.detail.endswith(".") for reply in REPLIES.values())


def test_the_rule_that_refused_is_for_the_operator_alone() -> None:
    """The policy's name and the retry hint are no members; a reason is one when there is one."""
    refusal = Refusal(Code.BUYER_DENIED, policy="routes.deny", retry_after_s=3, allow=("GET",))
    members = replies.problem(refusal, "call_1")

    assert set(members) == {"type", "title", "status", "detail", "code", "retryable", "action", "call"}
    assert "routes" not in json.dumps(members)
    spoken = replies.problem(Refusal(Code.PAYMENT_INVALID, reason="invalid_network"), "call_1")
    assert spoken["reason"] == "invalid_network"


@pytest.mark.parametrize("code", [code for code in Code if REPLIES[code].status != 402])
def test_an_error_is_a_problem_document(code: Code) -> None:
    """RFC 9457: its media type, and a status member that is the status."""
    kind, body = replies.body(Refusal(code), "call_1")

    assert kind == b"application/problem+json"
    assert json.loads(body) == replies.problem(Refusal(code), "call_1")


def test_no_refusal_is_kept_by_a_cache() -> None:
    """no-store on all of them; Retry-After in whole seconds and Allow where they are known."""
    assert replies.fields(Refusal(Code.PAYMENT_REQUIRED)) == [(b"cache-control", b"no-store")]
    assert replies.fields(Refusal(Code.DRAINING, retry_after_s=2)) == [
        (b"cache-control", b"no-store"),
        (b"retry-after", b"2"),
    ]
    assert replies.fields(Refusal(Code.EXPOSURE_EXCEEDED, retry_after_s=0))[1:] == [(b"retry-after", b"0")]
    assert replies.fields(Refusal(Code.METHOD_NOT_ALLOWED, allow=("GET", "HEAD")))[1:] == [
        (b"allow", b"GET, HEAD")
    ]
