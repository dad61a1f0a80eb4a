"""How a run ends: drained, turned away, or out of room. The books are right each time."""

import json
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from sidecar.sandbox import buyer
from sidecar.sandbox.process import Sandbox
from tests.plainly import PLAINLY
from tests.scenarios import money
from tests.scenarios.middleman import Hold, Middleman, Moment
from tests.scenarios.stand import DidNotStart, Running, Stand, refusal, set_up, until

PRICE: Final = 10_000_000  # nano-USD


def test_sigterm_lets_a_stream_finish_and_takes_no_new_money(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman
) -> None:
    """While it drains a new payment is told `draining`, the open stream comes whole, and it exits with 0."""
    stand = set_up(tmp_path, sandbox, upstream.url)
    hold = upstream.on["/stream"] = Hold(Moment.AMID)
    with stand.serving() as running:
        payments = [running.signed(each, "/stream") for each in sandbox.buyers[:2]]
        with httpx.Client(timeout=60, **PLAINLY) as client:
            address = running.url + "/stream"
            with client.stream("POST", address, headers=buyer.header(payments[0])) as stream:
                running.process.send_signal(signal.SIGTERM)
                assert until(lambda: _draining(running))
                late = running.send("/stream", payments[1])
                unready = running.operator("/readyz")
                hold.go.set()
                whole = stream.read()
        code = running.ended()

    assert refusal(late) == (503, "draining")
    assert int(late.headers["retry-after"]) > 0
    assert unready.status_code == 503
    assert whole.endswith(b"data: [DONE]\n\n")
    assert code == 0
    assert upstream.asked()["/stream"] == 1
    assert _audited(stand) == []
    with stand.serving() as running:
        books = money.settled_down(stand, running)
    assert [call["outcome"] for call in books.calls] == ["served"]


def test_a_call_that_outlasts_the_drain_is_put_to_rest_by_the_next_run(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman
) -> None:
    """An agent that never answers does not keep the process; the exit is 0 and the payment stays good."""
    stand = set_up(tmp_path, sandbox, upstream.url, drain_s=1)
    hold = upstream.on["/chat"] = Hold(Moment.BEFORE)
    with stand.serving() as running, ThreadPoolExecutor(1) as beside:
        payment = running.signed(sandbox.buyers[0], "/chat")
        asking = beside.submit(_sent, running, payment)
        assert until(lambda: upstream.asked()["/chat"] == 1)
        running.process.send_signal(signal.SIGTERM)
        code = running.ended()
        cut = asking.result()
    hold.go.set()
    del upstream.on["/chat"]
    with stand.serving() as running:
        again = running.send("/chat", payment)
        books = money.settled_down(stand, running)

    assert code == 0
    assert cut is not None
    assert refusal(cut) == (503, "call_in_progress")
    assert again.status_code == 200
    assert books.sold_to(sandbox.buyers[0].address) == PRICE


def test_a_second_signal_ends_it_at_once_and_costs_nothing(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman
) -> None:
    """Who cannot wait for the drain loses no money by it: the books are safe at any time."""
    stand = set_up(tmp_path, sandbox, upstream.url)
    hold = upstream.on["/stream"] = Hold(Moment.AMID)
    with stand.serving() as running, ThreadPoolExecutor(1) as beside:
        payment = running.signed(sandbox.buyers[0], "/stream")
        asking = beside.submit(_sent, running, payment, "/stream")
        assert until(lambda: sum(stand.taken().values()) > 0)
        running.process.send_signal(signal.SIGTERM)
        assert until(lambda: _draining(running))
        running.process.send_signal(signal.SIGTERM)
        code = running.ended()
        cut = asking.result()
    hold.go.set()
    with stand.serving() as running:
        books = money.settled_down(stand, running)

    assert (code, cut) == (128 + signal.SIGTERM, None)
    assert books.owed_to(sandbox.buyers[0].address) == 2 * PRICE


def test_two_sidecars_never_share_a_database(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """The second ends with 3 and one sentence, and the first does not notice."""
    stand = set_up(tmp_path, sandbox, agent)
    with stand.serving() as running:
        with pytest.raises(DidNotStart) as ended, stand.serving():
            pass
        served = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))

    assert ended.value.code == 3
    (sentence,) = [line for line in ended.value.printed.splitlines() if not line.startswith("{")]
    assert sentence.startswith("sidecar: ")
    assert "another process" in sentence
    assert served.status_code == 200


def test_a_full_disk_takes_no_money_and_ends_the_process(
    tmp_path: Path, sandbox: Sandbox, agent: str, upstream: Middleman
) -> None:
    """A database that cannot grow: 503 before any work, an end other than 0, and clean books afterwards."""
    stand = set_up(tmp_path, sandbox, upstream.url)
    with stand.serving() as running:
        served = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))
        payment = running.signed(sandbox.buyers[1], "/chat")
        _limit_files(running, stand)
        full = running.send("/chat", payment)
        code = running.ended()
    with stand.serving() as running:
        again = running.send("/chat", payment)
        books = money.settled_down(stand, running)

    assert (served.status_code, refusal(full)) == (200, (503, "storage_unavailable"))
    assert code == 1
    assert upstream.asked()["/chat"] == 2
    assert again.status_code == 200
    assert books.sold_to(sandbox.buyers[1].address) == PRICE


def test_a_disk_that_fills_while_a_call_is_settled_keeps_what_was_paid(
    tmp_path: Path, sandbox: Sandbox, upstream: Middleman, facilitator: Middleman
) -> None:
    """A result that cannot be committed is answered as unknown, and the chain makes it credit later."""
    stand = set_up(tmp_path, sandbox, upstream.url, facilitator=facilitator.url)
    payer = sandbox.buyers[0]
    hold = facilitator.on["/settle"] = Hold(Moment.AMID)
    with stand.serving() as running:
        payment = running.signed(payer, "/chat")
        with ThreadPoolExecutor(1) as beside:
            asking = beside.submit(running.send, "/chat", payment)
            assert until(lambda: sum(stand.taken().values()) > 0)
            _limit_files(running, stand)
            hold.go.set()
            answer = asking.result()
        code = running.ended()
    with stand.serving() as running:
        owed = money.settled_down(stand, running).owed_to(payer.address)
        again = running.send("/chat", payment)
        books = money.settled_down(stand, running)

    assert refusal(answer) == (503, "settlement_unknown")
    assert "chatcmpl" not in answer.text
    assert code == 1
    assert (owed, again.status_code) == (PRICE, 200)
    assert (books.owed_to(payer.address), books.sold_to(payer.address)) == (0, PRICE)


def _sent(running: Running, payment: dict[str, Any], path: str = "/chat") -> httpx.Response | None:
    """Call with *payment*; None if the connection ended without a whole answer."""
    try:
        return running.send(path, payment)
    except httpx.TransportError:
        return None


def _draining(running: Running) -> bool:
    """Tell whether the signal has been seen: readiness is the first to tell."""
    dependencies = running.operator("/readyz").json()["dependencies"]
    return any(each["detail"] == "draining" for each in dependencies)


def _audited(stand: Stand) -> list[str]:
    """Audit the books of a stand that does not run; return the checks that found something."""
    command = [sys.executable, "-m", "sidecar", "ledger", "audit", "--json", "--config", str(stand.config)]
    printed = subprocess.run(command, capture_output=True, check=False).stdout
    return [check["id"] for check in json.loads(printed)["checks"] if check["rows"]]


def _limit_files(running: Running, stand: Stand) -> None:
    """Let none of its files grow beyond what the log of the database has: to SQLite, a disk without room."""
    size = stand.database.with_name(stand.database.name + "-wal").stat().st_size
    _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, hard))
