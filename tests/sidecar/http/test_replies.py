"""The one table of refusals is complete, consistent, and keeps its promises."""

import json
from pathlib import Path

import pytest
from x402.http.utils import decode_payment_required_header

from ledger.money import nano
from sidecar.domain.refusals import Code, Refusal
from sidecar.http import replies
from sidecar.http.replies import REPLIES
from tests.sidecar.http.promises import ELSEWHERE, FIX, PAY, PROMISED, RETRY, SCENES, SECRET, STOP
from tests.sidecar.stall import open_stall


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


def test_what_is_wrong_with_a_request_is_named_by_its_place() -> None:
    """Also the body as a whole, whose JSON pointer is empty."""
    refusal = Refusal(Code.REQUEST_INVALID, "not_json", part="body", policy="routes.request")
    members = replies.problem(refusal, "call_1")

    assert (members["in"], members["place"], members["reason"]) == ("body", "", "not_json")
    assert "routes" not in json.dumps(members)


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


def test_every_promise_is_kept_somewhere() -> None:
    """Each promised code has a scene below, or a test of its own beside its subject."""
    assert set(PROMISED) - set(SCENES) == ELSEWHERE


@pytest.mark.parametrize("code", SCENES)
async def test_every_refusal_reaches_the_buyer_whole(tmp_path: Path, code: Code) -> None:
    """Status, call, caching, when to come back and how to pay: all there, and nothing of the inside."""
    async with open_stall(tmp_path, exposure=nano(50_000_000)) as stall:
        buyer = await SCENES[code](stall)

        document, reply = buyer.document(), REPLIES[code]
        assert (buyer.status, document["status"], document["code"]) == (
            reply.status,
            reply.status,
            code.value,
        )
        assert (document["retryable"], document["action"]) == (reply.retryable, reply.action.value)
        assert (buyer.header(b"sidecar-call-id") or b"").decode() == document["call"]
        assert buyer.header(b"cache-control") == b"no-store"
        assert (buyer.header(b"retry-after") is not None) == reply.retryable
        assert (buyer.header(b"payment-required") is not None) == (reply.status == 402)
        receipted = {Code.SETTLEMENT_FAILED, Code.ANSWER_GONE}
        assert (buyer.header(b"payment-response") is not None) == (code in receipted)
        assert (buyer.header(b"allow") is not None) == (reply.status == 405)
        said = buyer.body + b"".join(value for _, value in buyer.headers)
        assert SECRET.encode() not in said
        assert b"facilitator.example" not in said
        if reply.status == 402:
            required = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
            assert required.error == document["error"]
