"""Two sidecars on one PostgreSQL: one that dies or stands still loses its work to the other, and no more."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from sidecar.sandbox.process import Sandbox
from tests.postgres_server import url_of
from tests.scenarios import money
from tests.scenarios.stand import Running, Stand, refusal, set_up, until

PRICE = 10_000_000  # nano-USD
UNITS = 10_000


@pytest.fixture
def stand(tmp_path: Path, sandbox: Sandbox, agent: str, postgres: str) -> Stand:
    """Give a stand whose books are in a PostgreSQL, for as many sidecars as a test starts."""
    stand = set_up(tmp_path, sandbox, agent)
    config = stand.config.read_text(encoding="utf-8")
    stand.config.write_text(config.replace("sqlite:///books.db", url_of(postgres)), encoding="utf-8")
    return stand


def outcomes(running: Running) -> list[str]:
    return [call["outcome"] for call in running.ask("/api/v1/calls")["items"]]


def test_what_one_sells_both_know(stand: Stand, sandbox: Sandbox) -> None:
    """A payment that bought a call here buys nothing there, and its call is told by both."""
    payer = sandbox.buyers[0]
    with stand.serving() as one, stand.serving() as other:
        payment = one.signed(payer, "/chat")

        assert refusal(one.send("/chat", payment)) == (200, "")
        assert refusal(other.send("/research", payment)) == (409, "payment_reused")
        assert until(lambda: refusal(other.send("/chat", payment)) == (200, ""))
        assert outcomes(one) == outcomes(other) == ["served"]
        books = money.settled_down(stand, other)

    assert books.broken == {}
    assert stand.taken() == {payer.address.lower(): UNITS}


def test_one_payment_sent_to_both_is_granted_once(stand: Stand, sandbox: Sandbox) -> None:
    """Whoever is asked, however often, at the same time: one call, one payment."""
    payer = sandbox.buyers[0]
    with stand.serving() as one, stand.serving() as other:
        payment = one.signed(payer, "/chat")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: (one, other)[n % 2].send("/chat", payment), range(16)))
        books = money.settled_down(stand, other)

    assert {refusal(each) for each in answers} <= {(200, ""), (503, "call_in_progress"), (410, "answer_gone")}
    assert sum(each.status_code == 200 for each in answers) >= 1
    assert (books.broken, books.sold_to(payer.address)) == ({}, PRICE)
    assert stand.taken() == {payer.address.lower(): UNITS}


def test_a_killed_sidecars_call_is_closed_by_the_other(stand: Stand, sandbox: Sandbox) -> None:
    """Killed after it asked for the money: the other finds it on chain and owes the buyer the call."""
    payer = sandbox.buyers[0]
    with stand.serving() as other, stand.serving(SIDECAR_FAULT="asked") as dying:
        payment = dying.signed(payer, "/chat")
        with pytest.raises(httpx.TransportError):
            dying.send("/chat", payment)
        assert dying.ended() == -signal.SIGKILL

        assert until(lambda: outcomes(other) == ["failed"])
        books = money.settled_down(stand, other)
        assert (books.broken, books.owed_to(payer.address)) == ({}, PRICE)
        assert refusal(other.send("/chat", payment)) == (200, "")
        books = money.settled_down(stand, other)

    assert (books.broken, books.sold_to(payer.address)) == ({}, PRICE)
    assert stand.taken() == {payer.address.lower(): UNITS}


def test_a_stopped_sidecar_is_fenced_out_when_it_wakes_up(stand: Stand, sandbox: Sandbox) -> None:
    """Past its lease its work is the other's: it wakes up, writes nothing, says why and ends."""
    payer = sandbox.buyers[0]
    with stand.serving() as other, stand.serving() as sleeper, ThreadPoolExecutor(1) as pool:
        payment = sleeper.signed(payer, "/slow")
        asked = pool.submit(sleeper.send, "/slow", payment)
        assert until(lambda: outcomes(other) == ["running"])
        os.kill(sleeper.process.pid, signal.SIGSTOP)

        assert until(lambda: outcomes(other) == ["failed"])
        assert refusal(other.send("/slow", payment)) == (200, "")
        os.kill(sleeper.process.pid, signal.SIGCONT)

        assert sleeper.ended() == 1
        assert asked.exception() is not None or refusal(asked.result())[0] == 503
        books = money.settled_down(stand, other)

    assert "another process took its work over" in stand.log.read_text(encoding="utf-8")
    assert (books.broken, books.sold_to(payer.address), books.owed_to(payer.address)) == ({}, PRICE, 0)
    assert stand.taken() == {payer.address.lower(): UNITS}
