"""What only time decides: once an authorization is dead and final, every open question has its answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from sidecar.sandbox.process import Sandbox
from tests.scenarios import later_chain, money
from tests.scenarios.middleman import Act, Reply
from tests.scenarios.scene import Scene, staged
from tests.scenarios.stand import refusal, set_up, until

PRICE: Final = 10_000_000  # nano-USD
HOUR_S: Final = 3_600
UNKNOWN: Final = (503, "settlement_unknown")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a chain whose clock can be put forward, to these tests alone."""
    with later_chain.start() as running:
        yield running


def test_time_ends_what_nobody_could_decide(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """Never broadcast: nothing was taken. Reported and not on chain, or taken back: a person must look."""
    lost, lied, cancelled, released = sandbox.buyers[:4]
    with staged(tmp_path, sandbox, agent) as scene:
        pay = {
            account: scene.running.signed(account, "/chat") for account in (lost, lied, cancelled, released)
        }
        told = {
            lost: _with_settle(scene, Act.FAIL, pay[lost]),
            lied: _with_settle(scene, _lie(sandbox), pay[lied]),
            cancelled: refusal(
                scene.meanwhile(pay[cancelled], lambda: scene.cancel(cancelled, pay[cancelled]))
            ),
        }
        scene.upstream.on["/chat"] = Act.CUT
        told[released] = refusal(scene.running.send("/chat", pay[released]))
        before = money.read(scene.running)
        later_chain.move(sandbox, HOUR_S)
        assert until(lambda: _decided(scene))
        after = money.read(scene.running)
        again = {
            account: refusal(scene.running.send("/chat", pay[account])) for account in (lost, lied, released)
        }
        again[cancelled] = refusal(scene.again(pay[cancelled]))

    away = (502, "upstream_unreachable")
    assert told == {lost: UNKNOWN, lied: (200, ""), cancelled: UNKNOWN, released: away}
    assert (before.broken, after.broken) == ({}, {})
    assert (before.of("authorized"), before.of("reported"), before.of("suspense")) == (2 * PRICE, PRICE, 0)
    assert (after.of("authorized"), after.of("reported"), after.of("suspense")) == (0, 0, 2 * PRICE)
    assert after.of("deposit") == after.of("deposit", cancelled.address.lower()) == PRICE
    assert (after.of("token"), sandbox.balance_of(scene.stand.pay_to)) == (0, 0)
    assert again == {
        lost: (402, "settlement_failed"),
        lied: (200, ""),
        cancelled: UNKNOWN,
        released: away,
    }


def test_a_payment_never_broadcast_is_dead_after_its_time_also_across_a_crash(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """Killed before it asked, the sidecar waits for as long as the authorization lives, and no longer."""
    payer = sandbox.buyers[0]
    stand = set_up(tmp_path, sandbox, agent)
    with stand.serving(SIDECAR_FAULT="sending") as dying:
        payment = dying.signed(payer, "/chat")
        with pytest.raises(httpx.TransportError):
            dying.send("/chat", payment)
    with stand.serving() as running:
        waiting = refusal(running.send("/chat", payment))
        held = money.read(running).of("authorized")
        later_chain.move(sandbox, HOUR_S)
        assert until(lambda: money.read(running).of("authorized") == 0)
        dead = running.send("/chat", payment)
        books = money.settled_down(stand, running)

    assert (waiting, held) == (UNKNOWN, PRICE)
    assert refusal(dead) == (402, "settlement_failed")
    assert dead.json()["reason"] == "authorization_expired"
    assert (books.of("deposit"), books.sold_to(payer.address), books.owed_to(payer.address)) == (0, 0, 0)


def _lie(sandbox: Sandbox) -> Reply:
    """A success that never happened."""
    body = {"success": True, "transaction": "0x" + "ab" * 32, "network": sandbox.network}
    return Reply(json.dumps(body).encode())


def _with_settle(scene: Scene, act: Act | Reply, payment: dict[str, Any]) -> tuple[int, str]:
    scene.facilitator.on["/settle"] = act
    told = refusal(scene.running.send("/chat", payment))
    del scene.facilitator.on["/settle"]
    return told


def _decided(scene: Scene) -> bool:
    books = money.read(scene.running)
    return books.of("authorized") == books.of("reported") == 0
