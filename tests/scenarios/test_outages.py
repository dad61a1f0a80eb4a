"""Whoever fails around it: nobody pays for nothing, nobody is asked to pay twice, and it ends in order."""

import json
from pathlib import Path
from typing import Final

import pytest

from sidecar.sandbox.process import Sandbox
from tests.scenarios import money
from tests.scenarios.middleman import Act, Hold, Middleman, Moment, Reply
from tests.scenarios.stand import Running, receipt, refusal, set_up, until

PRICE: Final = 10_000_000  # nano-USD


def test_an_agent_that_is_away_costs_nothing_and_the_payment_stays_good(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman
) -> None:
    """502 while the agent is down, nothing charged; the same payment buys the call once it is up."""
    stand = set_up(tmp_path, sandbox, upstream.url)
    payer = sandbox.buyers[0]
    upstream.down()
    with stand.serving() as running:
        payment = running.signed(payer, "/chat")
        away = running.send("/chat", payment)
        between = money.settled_down(stand, running)
        upstream.up()
        back = running.send("/chat", payment)
        books = money.settled_down(stand, running)

    assert refusal(away) == (502, "upstream_unreachable")
    assert (between.of("deposit"), between.of("authorized"), between.sold_to(payer.address)) == (0, 0, 0)
    assert back.status_code == 200
    assert books.sold_to(payer.address) == PRICE


def test_a_facilitator_that_cannot_be_reached_took_nothing(
    tmp_path: Path, sandbox: Sandbox, agent: str, facilitator: Middleman
) -> None:
    """Nothing left for a facilitator that refuses connections, so the same payment may enter again."""
    stand = set_up(tmp_path, sandbox, agent, facilitator=facilitator.url)
    with stand.serving() as running:
        facilitator.down()
        payment = running.signed(sandbox.buyers[0], "/chat")
        away = running.send("/chat", payment)
        facilitator.up()
        back = running.send("/chat", payment)
        books = money.settled_down(stand, running)

    assert refusal(away) == (503, "settlement_unavailable")
    assert "chatcmpl" not in away.text
    assert int(away.headers["retry-after"]) > 0
    assert back.status_code == 200
    assert books.sold_to(sandbox.buyers[0].address) == PRICE


@pytest.mark.parametrize(
    "act",
    [
        Act.FAIL,
        Act.CUT,
        Hold(Moment.INSTEAD),
        Reply(b"<html>"),
        Reply(b'{"success": true}'),
        Reply(b"", status=502),
    ],
)
def test_an_unclear_settlement_is_unknown_until_there_is_evidence(
    act: Act | Reply | Hold, tmp_path: Path, sandbox: Sandbox, upstream: Middleman, facilitator: Middleman
) -> None:
    """503 settlement_unknown with the call's id, the answer withheld, no second settlement and no new 402."""
    stand = set_up(tmp_path, sandbox, upstream.url, facilitator=facilitator.url, settle_s=1)
    facilitator.on["/settle"] = act
    with stand.serving() as running:
        payment = running.signed(sandbox.buyers[0], "/chat")
        first = running.send("/chat", payment)
        repeats = [running.send("/chat", payment) for _ in range(2)]
        other = running.send("/mystery", payment)
        books = money.settled_down(stand, running)

    for answer in (first, *repeats):
        assert refusal(answer) == (503, "settlement_unknown")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["sidecar-call-id"] == first.headers["sidecar-call-id"]
        assert "chatcmpl" not in answer.text
    assert refusal(other) == (409, "payment_reused")
    assert (facilitator.asked()["/settle"], upstream.asked()["/chat"]) == (1, 1)
    assert books.of("deposit") == books.of("authorized") == PRICE
    assert [call["settlement"] for call in books.calls] == ["unknown"]


def test_a_settlement_that_was_denied_and_yet_happened_is_the_buyers_credit(
    tmp_path: Path, sandbox: Sandbox, agent: str, facilitator: Middleman
) -> None:
    """A facilitator that settles and then answers 500 is overruled by the chain."""
    stand = set_up(tmp_path, sandbox, agent, facilitator=facilitator.url)
    facilitator.on["/settle"] = Act.PASS_AND_FAIL
    payer = sandbox.buyers[0]
    with stand.serving() as running:
        payment = running.signed(payer, "/chat")
        first = running.send("/chat", payment)
        books = money.settled_down(stand, running)
        again = running.send("/chat", payment)

    assert refusal(first) == (503, "settlement_unknown")
    assert refusal(again) == (409, "payment_reused")
    assert (books.owed_to(payer.address), books.sold_to(payer.address)) == (PRICE, 0)
    assert (books.of("deposit"), books.of("authorized")) == (0, 0)


def test_a_clean_refusal_to_settle_is_a_failure_with_its_reason(
    tmp_path: Path, sandbox: Sandbox, agent: str, facilitator: Middleman
) -> None:
    """402 settlement_failed with PAYMENT-RESPONSE success false; the work stays here and nothing is held."""
    stand = set_up(tmp_path, sandbox, agent, facilitator=facilitator.url)
    refused = {
        "success": False, "errorReason": "insufficient_funds", "transaction": "", "network": sandbox.network,
    }  # fmt: skip
    facilitator.on["/settle"] = Reply(json.dumps(refused).encode())
    with stand.serving() as running:
        payment = running.signed(sandbox.buyers[0], "/chat")
        answers = [running.send("/chat", payment) for _ in range(2)]
        books = money.settled_down(stand, running)

    assert [refusal(answer) for answer in answers] == [(402, "settlement_failed")] * 2
    assert answers[0].json()["reason"] == "insufficient_funds"
    assert receipt(answers[0])["success"] is False
    assert "chatcmpl" not in answers[0].text
    assert (books.of("deposit"), books.of("authorized"), facilitator.asked()["/settle"]) == (0, 0, 1)


def test_a_released_payment_that_somebody_broadcasts_is_the_buyers_credit(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman
) -> None:
    """Money that arrives for a call that was not charged is owed to the buyer."""
    stand = set_up(tmp_path, sandbox, upstream.url)
    payer = sandbox.buyers[0]
    upstream.down()
    with stand.serving() as running:
        payment = running.signed(payer, "/chat")
        away = running.send("/chat", payment)
        stand.broadcast(payment)
        books = money.settled_down(stand, running)
        upstream.up()
        again = running.send("/chat", payment)

    assert refusal(away) == (502, "upstream_unreachable")
    assert books.owed_to(payer.address) == PRICE
    assert refusal(again) == (409, "payment_reused")
    assert upstream.asked()["/chat"] == 0


def test_funds_nobody_can_be_asked_about_are_unknown_and_the_payment_stays_good(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman, rpc: Middleman
) -> None:
    """503 funds_unknown before any work while the chain does not answer; the same payment enters later."""
    stand = set_up(tmp_path, sandbox, upstream.url, rpc=rpc.url)
    with stand.serving() as running:
        payment = running.signed(sandbox.buyers[0], "/chat")
        rpc.on["/"] = Act.FAIL
        blind = running.send("/chat", payment)
        worked = upstream.asked()["/chat"]
        del rpc.on["/"]
        seeing = running.send("/chat", payment)
        books = money.settled_down(stand, running)

    assert refusal(blind) == (503, "funds_unknown")
    assert int(blind.headers["retry-after"]) > 0
    assert (worked, seeing.status_code) == (0, 200)
    assert books.sold_to(sandbox.buyers[0].address) == PRICE


def test_a_chain_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path, sandbox: Sandbox, agent: str, rpc: Middleman
) -> None:
    """It serves, says in /readyz what is missing, and is ready as soon as the chain answers."""
    stand = set_up(tmp_path, sandbox, agent, rpc=rpc.url)
    rpc.down()
    with stand.serving() as running:
        free = running.send("/free/hello", method="GET")
        unready = running.operator("/readyz")
        blind = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))
        rpc.up()
        ready = _ready(running)

    assert free.text == "hello"
    assert unready.status_code == 503
    waiting = {each["name"] for each in unready.json()["dependencies"] if not each["ready"]}
    assert f"chain:{sandbox.network}" in waiting
    assert refusal(blind) == (503, "funds_unknown")
    assert ready


def _ready(running: Running) -> bool:
    return until(lambda: running.operator("/readyz").status_code == 200)
