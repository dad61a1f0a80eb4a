"""Whoever fails around it: nobody pays for nothing, nobody is asked to pay twice, and it ends in order."""

import json
from pathlib import Path
from typing import Final

import httpx

from sidecar.domain.choosing import FAULTS_MAX
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


def test_a_start_without_a_facilitator_recovers_by_itself(
    tmp_path: Path, sandbox: Sandbox, agent: str, facilitator: Middleman
) -> None:
    """Prices are told, no payment is taken and no work begun until it has said what it settles."""
    stand = set_up(tmp_path, sandbox, agent, facilitator=facilitator.url)
    facilitator.down()
    with stand.serving() as running:
        payment = running.signed(sandbox.buyers[0], "/chat")
        away = running.send("/chat", payment)
        untouched = money.settled_down(stand, running)
        facilitator.up()
        recovered = until(lambda: running.send("/chat", payment).status_code == 200)
        books = money.settled_down(stand, running)

    assert refusal(away) == (503, "facilitator_unavailable")
    assert untouched.calls == []
    assert recovered
    assert books.sold_to(sandbox.buyers[0].address) == PRICE


HASH: Final = b"0x" + b"ab" * 32
UNCLEAR: Final[dict[str, Act | Reply | Hold]] = {
    "fails": Act.FAIL,
    "hangs up": Act.CUT,
    "hangs": Hold(Moment.INSTEAD),
    "502": Reply(b"", status=502),
    "redirects": Reply(b"", status=307),
    "a page": Reply(b"<html>"),
    "too much": Reply(b" " * 200_000),
    "too deep": Reply(b"[" * 50_000),
    "success and nothing else": Reply(b'{"success": true}'),
    "no transaction hash": Reply(b'{"success": true, "transaction": "0xab", "network": "eip155:84532"}'),
    "another network": Reply(b'{"success": true, "transaction": "%b", "network": "eip155:8453"}' % HASH),
    "another amount": Reply(
        b'{"success": true, "transaction": "%b", "network": "eip155:84532", "amount": "9999"}' % HASH
    ),
    "another payer": Reply(
        b'{"success": true, "transaction": "%b", "network": "eip155:84532", "payer": "0x%b"}'
        % (HASH, b"11" * 20)
    ),
    "success with an error's status": Reply(
        b'{"success": true, "transaction": "%b", "network": "eip155:84532"}' % HASH, status=400
    ),
    "a reason nobody knows": Reply(
        b'{"success": false, "errorReason": "nobody_knows", "transaction": "", "network": "eip155:84532"}'
    ),
    "refused in a transaction": Reply(
        b'{"success": false, "errorReason": "insufficient_funds", "transaction": "%b", "network": ""}' % HASH
    ),
}


def test_an_unclear_settlement_is_unknown_until_there_is_evidence(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman, facilitator: Middleman
) -> None:
    """503 settlement_unknown with the call's id, the answer withheld, no second settlement and no new 402."""
    stand = set_up(tmp_path, sandbox, upstream.url, facilitator=facilitator.url, settle_s=1)
    payer, other = sandbox.buyers[:2]
    told: dict[str, list[httpx.Response]] = {}
    with stand.serving() as running:
        for name, act in UNCLEAR.items():
            facilitator.on["/settle"] = act
            payment = running.signed(payer, "/chat")
            told[name] = [running.send("/chat", payment, content=name.encode()) for _ in range(3)]
            assert refusal(running.send("/mystery", payment)) == (409, "payment_reused")
            # Too many in a row, and nobody would be asked any more.
            del facilitator.on["/settle"]
            assert running.send("/chat", running.signed(other, "/chat")).status_code == 200
        books = money.settled_down(stand, running)

    unknown = [(503, "settlement_unknown")] * 3
    assert {name: [refusal(each) for each in told[name]] for name in told} == dict.fromkeys(UNCLEAR, unknown)
    for answers in told.values():
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert len({answer.headers["sidecar-call-id"] for answer in answers}) == 1
        assert all("chatcmpl" not in answer.text for answer in answers)
    assert facilitator.asked()["/settle"] == upstream.asked()["/chat"] == 2 * len(UNCLEAR)
    assert books.of("deposit") == books.of("authorized") == PRICE * len(UNCLEAR)
    assert books.sold_to(other.address) == PRICE * len(UNCLEAR)


def test_a_facilitator_that_fails_in_a_row_is_left_alone_until_it_is_well(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman, facilitator: Middleman
) -> None:
    """New payments are refused before any work, unknown ones are still told so; later it sells again."""
    stand = set_up(tmp_path, sandbox, upstream.url, facilitator=facilitator.url)
    payer, other = sandbox.buyers[:2]
    with stand.serving() as running:
        served = running.signed(other, "/chat")
        assert running.send("/chat", served).status_code == 200
        facilitator.on["/settle"] = Act.FAIL
        asked = [(running.signed(payer, "/chat"), b"%d" % number) for number in range(FAULTS_MAX)]
        calls = [running.send("/chat", each, content=body).headers["sidecar-call-id"] for each, body in asked]
        worked = upstream.asked()["/chat"]
        fresh = running.signed(payer, "/chat")
        turned_away = running.send("/chat", fresh)
        again = [running.send("/chat", each, content=body) for each, body in asked]
        spent = running.send("/chat", served)
        idle = upstream.asked()["/chat"] - worked
        del facilitator.on["/settle"]
        assert until(lambda: running.send("/chat", fresh).status_code == 200)
        books = money.settled_down(stand, running)

    assert refusal(turned_away) == (503, "facilitator_unavailable")
    assert int(turned_away.headers["retry-after"]) > 0
    assert [refusal(each) for each in again] == [(503, "settlement_unknown")] * FAULTS_MAX
    assert [each.headers["sidecar-call-id"] for each in again] == calls
    assert (spent.status_code, idle) == (200, 0)
    assert (books.sold_to(payer.address), books.of("authorized")) == (PRICE, FAULTS_MAX * PRICE)


def test_a_transaction_that_paid_for_another_call_pays_for_no_second_one(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman, facilitator: Middleman
) -> None:
    """A facilitator that names an earlier transaction again has settled nothing, as far as anybody knows."""
    stand = set_up(tmp_path, sandbox, upstream.url, facilitator=facilitator.url)
    with stand.serving() as running:
        first = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))
        again = {"success": True, "transaction": receipt(first)["transaction"], "network": sandbox.network}
        facilitator.on["/settle"] = Reply(json.dumps(again).encode())
        second = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))
        books = money.settled_down(stand, running)

    assert (first.status_code, refusal(second)) == (200, (503, "settlement_unknown"))
    assert "chatcmpl" not in second.text
    assert books.sold_to(sandbox.buyers[0].address) == books.of("authorized") == PRICE


def test_without_a_chain_to_ask_the_facilitator_is_asked_for_the_funds(
    tmp_path: Path, sandbox: Sandbox, agent: str, facilitator: Middleman
) -> None:
    """Its word decides who can pay and what was paid; what it cannot say waits; nothing is taken twice."""
    stand = set_up(tmp_path, sandbox, agent, facilitator=facilitator.url)
    text = stand.config.read_text().replace("networks:", "").replace("  base-sepolia: {rpc:", "# {rpc:")
    stand.config.write_text(text)
    with stand.serving() as running:
        paid = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))
        unfunded = running.send("/chat", running.signed(sandbox.penniless, "/chat"))
        facilitator.on["/verify"] = Act.FAIL
        blind = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))
        del facilitator.on["/verify"]
        facilitator.on["/settle"] = Act.PASS_AND_FAIL
        payment = running.signed(sandbox.buyers[1], "/chat")
        unknown = [running.send("/chat", payment) for _ in range(2)]
        books = money.read(running)

    assert (paid.status_code, refusal(unfunded)) == (200, (402, "payment_invalid"))
    assert refusal(blind) == (503, "funds_unknown")
    assert [refusal(each) for each in unknown] == [(503, "settlement_unknown")] * 2
    assert books.broken == {}
    assert (books.of("reported"), books.of("authorized"), books.of("token")) == (PRICE, PRICE, 0)
    assert (books.sold_to(sandbox.buyers[0].address), stand.sandbox.balance_of(stand.pay_to)) == (
        PRICE,
        20_000,
    )


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
        between = money.settled_down(stand, running)
        again = running.send("/chat", payment)
        assert until(lambda: money.read(running).sold_to(payer.address) > 0), (
            "its answer comes before its close"
        )
        books = money.settled_down(stand, running)

    assert refusal(first) == (503, "settlement_unknown")
    assert (between.owed_to(payer.address), between.sold_to(payer.address)) == (PRICE, 0)
    assert (again.status_code, receipt(again)["transaction"]) == (200, "")
    assert (books.owed_to(payer.address), books.sold_to(payer.address)) == (0, PRICE)
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
        between = money.settled_down(stand, running)
        upstream.up()
        again = running.send("/chat", payment)
        assert until(lambda: money.read(running).sold_to(payer.address) > 0), (
            "its answer comes before its close"
        )
        books = money.settled_down(stand, running)

    assert refusal(away) == (502, "upstream_unreachable")
    assert (between.owed_to(payer.address), again.status_code) == (PRICE, 200)
    assert (books.owed_to(payer.address), books.sold_to(payer.address)) == (0, PRICE)


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
