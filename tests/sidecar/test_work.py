"""Work: asking the agent is told with its time, and what it answers is metered by its own kind."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.domain.call import Endpoint, Flow
from sidecar.domain.events import Answered, NeedsAttention, UpstreamAnswered
from sidecar.domain.payments import State
from sidecar.domain.success import Presence, Rule
from sidecar.ports import AnswerLost
from tests.sidecar.builders import an_endpoint
from tests.sidecar.fakes import Says, turns, until
from tests.sidecar.stall import (
    ANSWER,
    BOUNDS,
    COMPLETION,
    COMPLETION_NANO,
    CREDIT,
    JSON,
    open_stall,
)

ROOM_BYTES: Final = 1024
STREAM: Final = ((b"content-type", b"text/event-stream"),)
ERROR: Final = b'{"error": "the model is overloaded"}'


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "served"), (204, "served"), (302, "failed"), (500, "failed")]
)
async def test_work_counts_as_done_only_within_2xx(tmp_path: Path, status: int, outcome: str) -> None:
    """What the agent says it did decides who pays for it; how it answered is told once."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [Says(status, headers=JSON)]
        await stall.buy()

        (answered,) = stall.observer.of(UpstreamAnswered)
        assert (answered.call, answered.status) == ("call_1", status)
        assert stall.books.select("SELECT outcome FROM calls") == [(outcome,)]


def ruled(flow: Flow = Flow.AUTHORIZATION, timeout_s: int = 60, **rule: Any) -> Endpoint:
    """Build the endpoint whose answers must not carry an error."""
    success = Rule(body={("error",): Presence.ABSENT}, **rule)
    return an_endpoint(success=success, flow=flow, timeout_s=timeout_s)


async def test_a_200_that_carries_an_error_is_not_charged(tmp_path: Path) -> None:
    """The buyer sees the agent's own answer, nobody is asked to settle, and the work is a retry's cost."""
    async with open_stall(tmp_path, endpoint=ruled()) as stall:
        body = COMPLETION[:-1] + b', "error": "cut short"}'
        stall.upstream.script = [Says(headers=JSON, chunks=(body[:10], body[10:]))]
        buyer = await stall.buy()

        assert (buyer.status, buyer.body, buyer.ended) == (200, body, True)
        assert buyer.header(b"payment-response") is None
        assert stall.facilitator.settled == []
        assert await stall.state() is State.RELEASED
        owed = {"cost:retry": COMPLETION_NANO, "provider_payable": COMPLETION_NANO}
        assert stall.books.balances() == owed
        assert stall.books.select("SELECT outcome, status FROM calls") == [("failed", 200)]


async def test_the_same_payment_may_enter_again_after_a_failure(tmp_path: Path) -> None:
    """What was not charged buys the next try, which is judged by itself."""
    async with open_stall(tmp_path, endpoint=ruled()) as stall:
        stall.upstream.script = [Says(headers=JSON, chunks=(ERROR,)), ANSWER]
        await stall.buy()
        buyer = await stall.buy()

        assert (buyer.status, buyer.body) == (200, COMPLETION)
        assert stall.books.select("SELECT outcome FROM calls ORDER BY id") == [("failed",), ("served",)]


async def test_a_good_answer_is_judged_before_anybody_settles_and_then_sent_whole(tmp_path: Path) -> None:
    """Not a byte is lost or doubled, and the settlement waits for the last one."""
    async with open_stall(tmp_path, endpoint=ruled()) as stall:
        last = asyncio.Event()
        stall.upstream.script = [Says(headers=JSON, chunks=(COMPLETION[:9], last, COMPLETION[9:]))]
        buyer, task = stall.ask(headers=[stall.payment()])
        await until(lambda: bool(stall.upstream.answers and stall.upstream.answers[0].given))
        await turns()
        assert stall.facilitator.settled == []
        last.set()
        await task

        assert (buyer.status, buyer.body, buyer.ended) == (200, COMPLETION, True)
        assert await stall.state() is State.DELIVERED
        assert stall.room.take(ROOM_BYTES), "all room is given back"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (Says(headers=JSON, chunks=(b"{" + b" " * 100, b"}")), "answer_unjudged"),
        (
            Says(headers=STREAM, chunks=(b"data: {}\n\n",)),
            "answer_unjudged",
        ),
        (Says(headers=JSON, chunks=(b"<html>",)), "answer_unjudged"),
        (Says(204, chunks=()), "answer_unjudged"),
        (Says(headers=JSON, chunks=(b"{", AnswerLost("reset"))), "upstream_unreachable"),
    ],
    ids=["too long", "a stream", "no JSON", "no body", "broken off"],
)
@pytest.mark.parametrize("flow", [Flow.AUTHORIZATION, Flow.UPFRONT])
async def test_what_cannot_be_judged_is_neither_charged_nor_given_away(
    tmp_path: Path, says: Says, code: str, flow: Flow
) -> None:
    """Not the buyer, who picks the form of the answer, and not a fault of the agent make it free."""
    endpoint = ruled(flow, buffer_bytes=64)
    async with open_stall(tmp_path, endpoint=endpoint) as stall:
        stall.upstream.script = [says]
        buyer = await stall.buy()

        assert (buyer.status, json.loads(buyer.body)["code"]) == (502, code)
        assert (buyer.header(b"payment-response") is not None) is (flow is Flow.UPFRONT)
        assert await stall.state() is (State.CREDITED if flow is Flow.UPFRONT else State.RELEASED)
        assert stall.books.balances().get("revenue", 0) == 0
        assert stall.books.select("SELECT outcome FROM calls") == [(f"refused:{code}",)]
        alerts = [each.code for each in stall.observer.of(NeedsAttention)]
        assert alerts == (["answer_unjudged"] if code == "answer_unjudged" else [])


@pytest.mark.parametrize("kind", [b"application/json", b"text/event-stream"])
async def test_a_seller_may_charge_for_what_cannot_be_judged(tmp_path: Path, kind: bytes) -> None:
    """`unjudged: charge` sells by the status alone where the body does not tell, also while it streams."""
    async with open_stall(tmp_path, endpoint=ruled(buffer_bytes=64, charge_unjudged=True)) as stall:
        body = b"data: " + b"x" * 100
        stall.upstream.script = [Says(headers=((b"content-type", kind),), chunks=(body[:70], body[70:]))]
        buyer = await stall.buy()

        assert (buyer.status, buyer.body) == (200, body)
        assert await stall.state() is State.DELIVERED


async def test_a_body_that_comes_too_late_to_be_judged_is_a_timeout(tmp_path: Path) -> None:
    """The time to the headers is the time for all that is judged: the payment must still be good then."""
    bounds = replace(BOUNDS, drain_s=0)
    async with open_stall(tmp_path, endpoint=ruled(timeout_s=0), bounds=bounds) as stall:
        stall.upstream.script = [Says(headers=JSON, chunks=(b"{", asyncio.Event(), b"}"))]
        buyer = await stall.buy()

        assert (buyer.status, json.loads(buyer.body)["code"]) == (504, "upstream_timeout")
        assert await stall.state() is State.RELEASED


async def test_no_room_to_judge_in_is_no_failure_of_the_agent(tmp_path: Path) -> None:
    """Other calls hold what all may hold together: the buyer is told to come again."""
    async with open_stall(tmp_path, endpoint=ruled()) as stall:
        assert stall.room.take(ROOM_BYTES)
        stall.upstream.script = [Says(headers=JSON, chunks=(COMPLETION,))]
        buyer = await stall.buy()

        assert (buyer.status, json.loads(buyer.body)["code"]) == (503, "overloaded")
        assert await stall.state() is State.RELEASED


@pytest.mark.parametrize(("status", "outcome"), [(200, "served"), (201, "failed")])
async def test_a_rule_may_name_fewer_statuses(tmp_path: Path, status: int, outcome: str) -> None:
    """A 201 that the seller does not sell is answered as it is and not charged."""
    async with open_stall(tmp_path, endpoint=an_endpoint(success=Rule(frozenset((200,))))) as stall:
        stall.upstream.script = [Says(status, headers=JSON)]
        await stall.buy()

        assert stall.books.select("SELECT outcome FROM calls") == [(outcome,)]


async def test_a_failure_after_an_upfront_payment_is_credit(tmp_path: Path) -> None:
    """The agent's own answer with the receipt; it is not counted as served."""
    async with open_stall(tmp_path, endpoint=ruled(Flow.UPFRONT)) as stall:
        stall.upstream.script = [Says(headers=JSON, chunks=(ERROR,))]
        buyer = await stall.buy()

        assert (buyer.status, buyer.body) == (200, ERROR)
        assert buyer.header(b"payment-response") is not None
        assert stall.books.balances() == CREDIT
        assert [each.outcome for each in stall.observer.of(Answered)] == ["failed"]


@pytest.mark.parametrize("body", [ERROR, b"<html>"], ids=["failed", "not to be judged"])
async def test_credit_that_met_a_failure_is_whole_again(tmp_path: Path, body: bytes) -> None:
    """A call that is paid from credit is judged like any other, and takes nothing when it fails."""
    async with open_stall(tmp_path, endpoint=ruled(Flow.UPFRONT)) as stall:
        says = Says(headers=JSON, chunks=(body,))
        stall.upstream.script = [says, says, ANSWER]
        await stall.buy(1)
        await stall.buy(2)
        assert stall.books.balances() == CREDIT
        served = await stall.buy(3)

        assert (served.status, served.body) == (200, COMPLETION)
        assert stall.books.balances().get("buyer", 0) == 0
        assert len(stall.facilitator.settled) == 1
