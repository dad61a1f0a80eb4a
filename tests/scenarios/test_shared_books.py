"""Two sidecars on one PostgreSQL: one that dies or stands still loses its work to the other, and no more."""

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest

from ledger.stores.postgres.leases import living
from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from tests.postgres_server import own_server, url_of
from tests.scenarios import money
from tests.scenarios.stand import Running, Stand, refusal, set_up, until
from tests.scenarios.test_kill import AFTER, CHAT, DEFERRED, UPFRONT

PRICE = 10_000_000  # nano-USD
UNITS = 10_000


@pytest.fixture
def stand(tmp_path: Path, sandbox: Sandbox, agent: str, postgres: str) -> Stand:
    """Give a stand whose books are in a PostgreSQL, for as many sidecars as a test starts."""
    return on_postgres(set_up(tmp_path, sandbox, agent), postgres)


def on_postgres(stand: Stand, address: str) -> Stand:
    config = stand.config.read_text(encoding="utf-8")
    stand.config.write_text(config.replace("sqlite:///books.db", url_of(address)), encoding="utf-8")
    return stand


def sold_under(stand: Stand, flow: str) -> None:
    """Sell under a flow, and repeat what was signed long after it: the shorter the timeout, the longer."""
    config = stand.config.read_text(encoding="utf-8")
    stand.config.write_text(
        config.replace(CHAT, CHAT.replace("}", f", timeout: 10s, settle: {flow}}}")), encoding="utf-8"
    )


def paid_before(stand: Stand, payers: Iterable[TestAccount]) -> dict[str, int]:
    """Let payers have paid for a call, finally, so that they may be served before they pay."""
    with stand.serving() as running:
        for payer in payers:
            assert refusal(running.send("/chat", running.signed(payer, "/chat"))) == (200, "")
        money.settled_down(stand, running)
    return stand.taken()


def a_third_is_told(sent: Sequence["Future[tuple[int, str]]"]) -> bool:
    return sum(each.done() for each in sent) >= len(sent) // 3


def is_read(running: Running) -> bool:
    return running.operator("/api/v1/calls").status_code == 200


def is_bought(running: Running, payment: Mapping[str, Any]) -> bool:
    return told(running, payment)[0] in {200, 410}


def told(running: Running, payment: Mapping[str, Any]) -> tuple[int, str]:
    """Send a payment; (0, "") if nobody answers."""
    try:
        return refusal(running.send("/chat", payment))
    except httpx.TransportError:
        return 0, ""


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
        verdicts = [each.ask("/api/v1/ledger/verify") for each in (one, other)]

    assert books.broken == {}
    assert [each["verified"] for each in verdicts] == [True, True]
    assert verdicts[0]["public_key"] == verdicts[1]["public_key"]
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


# Who dies of collecting comes first: one that is started later might collect what another has left.
KILLED: Final = (
    ("authorization", ("admitted", "funded", "forwarded", "sending", "asked")),
    ("authorization", ("recorded", "started", "streamed", "closed")),
    ("upfront", ("sending", "asked", "recorded", "forwarded", "started")),
    ("deferred", ("admitted", "funded", "forwarded", "started", "streamed")),
    ("deferred", ("collecting", "answered", "collected", "owed", "closed")),
)
ROWS: Final = {"authorization": AFTER, "upfront": UPFRONT, "deferred": DEFERRED}


def test_every_point_of_every_flow_is_died_at() -> None:
    """A new fault point needs its place here too."""
    assert sorted((flow, point) for flow, points in KILLED for point in points) == sorted(
        (flow, point) for flow, rows in ROWS.items() for point in rows
    )


@pytest.mark.parametrize(("flow", "points"), KILLED, ids=[f"{flow}-{points[0]}" for flow, points in KILLED])
def test_wherever_one_is_killed_the_other_closes_its_call(
    stand: Stand, sandbox: Sandbox, flow: str, points: Sequence[str]
) -> None:
    """At each named point: the payment took its money once or not at all, and its repeat says so."""
    sold_under(stand, flow)
    # Each has a payer of its own: credit would buy the next call without being asked for money.
    payers = dict(zip(points, sandbox.buyers, strict=False))
    before = sum(paid_before(stand, payers.values()).values()) if flow == "deferred" else 0
    payments = {}
    with ExitStack() as lives:
        amid = "collecting" not in points  # beside it, the other one might be who collects
        if amid:
            other = lives.enter_context(stand.serving())
        for point, payer in payers.items():
            with stand.serving(SIDECAR_FAULT=point) as dying:
                payments[point] = dying.signed(payer, "/chat")
                told(dying, payments[point])
                assert dying.ended() == -signal.SIGKILL
        if not amid:
            other = lives.enter_context(stand.serving())
        assert until(lambda: "running" not in outcomes(other))
        money.settled_down(stand, other)

        found = {point: told(other, payment) for point, payment in payments.items()}
        books = money.settled_down(stand, other)

    rows = {point: ROWS[flow][point] for point in points}
    assert books.broken == {}
    assert all(found[point] in rows[point].repeat for point in points), found
    paid = sum(row.taken > 0 for row in rows.values())
    again = sum(row.taken == row.held == 0 for row in rows.values())  # delivered: asked for in time
    assert (sum(stand.taken().values()) - before) / UNITS in range(paid, paid + again + 1)
    assert sum(books.owed_to(each.address) for each in sandbox.buyers) == 0


ANSWERED_S: Final = 5
"""After so long whoever is not answered waits for the database."""


def test_a_database_that_goes_and_comes_back_loses_nothing(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """Gone as in a crash, amid a load on two: paid work is refused, both live, and each payment ends well."""
    with own_server(durable=True) as server:
        stand = on_postgres(set_up(tmp_path, sandbox, agent), server.address)
        with stand.serving() as one, stand.serving() as other, ThreadPoolExecutor(8) as pool:
            both = (one, other)
            payments = [one.signed(each, "/chat") for each in sandbox.buyers for _ in range(6)]
            sent = [pool.submit(told, both[n % 2], each) for n, each in enumerate(payments)]
            assert until(partial(a_third_is_told, sent))
            bought = next(
                payments[n] for n, each in enumerate(sent) if each.done() and each.result()[0] == 200
            )
            server.stop(signal.SIGQUIT)
            meanwhile = [pool.submit(told, each, payments[n]) for n, each in enumerate(both)]
            # One whose commit was cut off is answered when somebody can be asked what became of it.
            away = {each.result() for each in wait(meanwhile, timeout=ANSWERED_S).done}
            server.start()
            amid = {each.result() for each in sent}

            for each in both:  # a reader whose connection is lost has another one for its next answer
                assert until(partial(is_read, each))
                assert until(partial(is_bought, each, bought))
            assert until(lambda: "running" not in outcomes(other))
            money.settled_down(stand, other)
            again = [told(both[n % 2], each) for n, each in enumerate(payments)]
            books = money.settled_down(stand, other)
            alive = [each.process.poll() for each in both]

    assert {status for status, _ in amid} <= {200, 503}, amid
    assert away <= {(503, "storage_unavailable"), (200, "")}, "a kept answer needs no database"
    assert alive == [None, None]
    assert {status for status, _ in again} <= {200, 410, 503}, again
    assert books.broken == {}
    late = {each.result() for each in meanwhile}
    assert {code for _, code in (*amid, *late, *again)} <= {
        "", "storage_unavailable", "settlement_unknown", "call_in_progress", "answer_gone",
    }  # fmt: skip


def writing(address: str) -> int:
    """Tell how many may write to the books at *address*."""
    with psycopg.connect(address) as connection:
        return len(living(connection))


def test_two_behind_one_load_survive_kills_and_standstills(
    stand: Stand, sandbox: Sandbox, postgres: str
) -> None:
    """Killed, started again, and stopped past its lease, while both sell: every unit bought one call."""
    payments: list[dict[str, Any]] = []
    with stand.serving() as other, ThreadPoolExecutor(8) as pool:

        def load(running: Running, count: int) -> list[Future[tuple[int, str]]]:
            fresh = [other.signed(each, "/chat") for each in sandbox.buyers for _ in range(count)]
            payments.extend(fresh)
            return [pool.submit(told, each, one) for one in fresh for each in (running, other)]

        for _ in range(2):
            with stand.serving() as dying:
                sent = load(dying, 2)
                assert until(partial(a_third_is_told, sent))
                dying.killed()
                wait(sent)
        with stand.serving() as sleeper:
            sent = load(sleeper, 2)
            assert until(partial(a_third_is_told, sent))
            os.kill(sleeper.process.pid, signal.SIGSTOP)
            assert until(lambda: writing(postgres) == 1)
            assert until(lambda: "running" not in outcomes(other))
            money.settled_down(stand, other)
            os.kill(sleeper.process.pid, signal.SIGCONT)
            assert sleeper.ended() == 1
            wait(sent)

        found = [told(other, each) for each in payments]
        books = money.settled_down(stand, other)

    assert books.broken == {}
    # Unknown: killed between the commit that says so and the asking. Reused: its credit bought another call.
    unbought = {(503, "settlement_unknown"), (409, "payment_reused")}
    assert {*found} <= {(200, ""), (410, "answer_gone")} | unbought
    bought = sum(each not in unbought for each in found)
    owed = sum(books.owed_to(each.address) for each in sandbox.buyers)
    assert sum(books.sold_to(each.address) for each in sandbox.buyers) == PRICE * bought
    assert sum(stand.taken().values()) * PRICE // UNITS == PRICE * bought + owed
