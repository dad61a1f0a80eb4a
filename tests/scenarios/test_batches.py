"""Many deferred calls are settled together behind, and what befalls one of them befalls no other."""

import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.sandbox.process import Sandbox
from tests.scenarios import money
from tests.scenarios.middleman import Act, Hold, Middleman, Moment, Reply
from tests.scenarios.stand import Running, Stand, set_up, until
from tests.scenarios.surface_scenes import UNFUNDED

PRICE: Final = 10_000_000  # nano-USD
UNITS: Final = 10_000
COUNT: Final = 24
AT_ONCE: Final = 8
"""How many are asked for at once."""
CHAT: Final = '"POST /chat": {price: "$0.01"}'
BUYER: Final = 3


def deferring(
    folder: Path, sandbox: Sandbox, agent: str, facilitator: Middleman, rpc: Middleman, flush_every: str
) -> Stand:
    """Write a config that sells `/chat` deferred."""
    stand = set_up(folder, sandbox, agent, facilitator=facilitator.url, rpc=rpc.url)
    text = stand.config.read_text().replace(CHAT, CHAT.replace("}", ", settle: deferred}"))
    stand.config.write_text(text.replace("flush_every: 1s", f"flush_every: {flush_every}"))
    return stand


def signed(stand: Stand, running: Running, count: int) -> list[dict[str, Any]]:
    """Let a wallet pay for a call, finally, and sign for many more."""
    payer = stand.sandbox.buyers[BUYER]
    assert running.send("/chat", running.signed(payer, "/chat")).status_code == 200
    money.settled_down(stand, running)
    return [running.signed(payer, "/chat") for _ in range(count)]


def buy(running: Running, payments: Sequence[dict[str, Any]]) -> None:
    """Buy a call with each, some at once; all are delivered before they are paid."""
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda payment: running.send("/chat", payment), payments)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("payment-response" in answer.headers for answer in answers)


def nonce_of(payment: dict[str, Any]) -> bytes:
    nonce: str = payment["payload"]["authorization"]["nonce"]
    return nonce.lower().encode()


def words(running: Running) -> Counter[str]:
    """Count the calls by what is told of their settlement."""
    return Counter(call["settlement"] for call in money.read(running).calls)


def is_settled(stand: Stand, running: Running, count: int) -> bool:
    """Let a block come, and tell whether so many calls are paid."""
    stand.sandbox.rpc("evm_mine")
    return words(running)["settled"] == count


def test_what_befalls_one_payment_of_many_befalls_no_other(
    tmp_path: Path, sandbox: Sandbox, agent: str, facilitator: Middleman, rpc: Middleman
) -> None:
    """One is refused, one's answer is lost, one's comes late, and so are the node's first ones lost."""
    stand = deferring(tmp_path, sandbox, agent, facilitator, rpc, "3s")
    payer = stand.sandbox.buyers[BUYER].address
    with stand.serving() as running:
        payments = signed(stand, running, COUNT)
        late = Hold(Moment.BEFORE)
        acts: dict[bytes, Act | Reply | Hold] = {
            nonce_of(payments[5]): Reply(UNFUNDED % sandbox.network.encode()),
            nonce_of(payments[6]): Act.PASS_AND_FAIL,
            nonce_of(payments[7]): late,
        }
        facilitator.on["/settle"] = lambda body: next(
            (act for nonce, act in acts.items() if nonce in body.lower()), Act.PASS
        )
        lost = iter([Act.CUT, Act.HALF, Act.FAIL])
        rpc.on["/"] = lambda body: next(lost, Act.PASS) if b"eth_getLogs" in body else Act.PASS
        searched = len(rpc.seen)
        buy(running, payments)

        assert until(lambda: words(running)["settled"] >= COUNT - 2), "the others are not kept waiting"
        assert until(lambda: words(running)["pending"] == 1), "not answered yet; what was lost is known to be"
        assert words(running)["failed"] == 1, "refused"
        late.go.set()
        # The debt is no call that somebody paid for: of all the others the money is on chain.
        books = money.settled_down(stand, running)

    assert stand.taken() == {payer.lower(): COUNT * UNITS}
    assert books.sold_to(payer) == COUNT * PRICE
    assert books.of("bad_debt") == PRICE
    assert books.of("authorized") == books.of("reported") == books.of("deposit") == 0
    searches = sum(b"eth_getLogs" in body for _, body in rpc.seen[searched:])
    assert searches < COUNT, "many are searched for at once"


@pytest.mark.parametrize("point", ["answered", "collected"])
def test_a_kill_amid_a_batch_takes_each_payment_once(
    point: str, tmp_path: Path, sandbox: Sandbox, agent: str, facilitator: Middleman, rpc: Middleman
) -> None:
    """What was asked for when the process died is found on chain by the next, and nobody is asked twice."""
    stand = deferring(tmp_path, sandbox, agent, facilitator, rpc, "30s")
    payer = stand.sandbox.buyers[BUYER].address
    with stand.serving() as running:
        payments = signed(stand, running, AT_ONCE)
    with stand.serving(SIDECAR_FAULT=point) as dying:
        buy(dying, payments)
        dying.process.send_signal(signal.SIGTERM)  # it collects what is owed before it ends
        assert dying.ended() == -signal.SIGKILL

    with stand.serving() as running:
        assert until(lambda: is_settled(stand, running, AT_ONCE + 1))
        books = money.settled_down(stand, running)

    assert stand.taken() == {payer.lower(): (AT_ONCE + 1) * UNITS}
    assert books.sold_to(payer) == (AT_ONCE + 1) * PRICE
    assert books.of("authorized") == books.of("reported") == books.of("bad_debt") == 0
    asked = Counter(body for path, body in facilitator.seen if path == "/settle")
    assert max(asked.values()) == 1, "nobody is asked twice for what the chain can tell"
