"""The running sidecar: three listeners on real ports, what it tells, and how it ends."""

import argparse
import asyncio
import base64
import json
import logging
import os
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from ledger.signing import Signer
from ledger.store import StoreLocked
from sidecar import serving
from sidecar.adapters.secrets import SecretsUnusable
from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.storage.opening import OpenStorage
from sidecar.adapters.storage.sealed import verify_books
from sidecar.adapters.system import SystemClock
from sidecar.commands.writing import Write, write
from sidecar.domain.events import Event, Lifecycle
from sidecar.domain.payments import State
from sidecar.http.servers import CannotListenError
from sidecar.sandbox import buyer, keys
from sidecar.sandbox.process import Sandbox
from sidecar.serving import Bound, Everybody, run
from sidecar.settings import Settings, read
from sidecar.wiring import open_storage
from tests.plainly import PLAINLY
from tests.sidecar.adapters.conftest import read_request
from tests.sidecar.builders import Books
from tests.sidecar.fakes import RecordingObserver

# Port 1 of this machine: nobody listens there.
CONFIG = """
upstream: {upstream}
storage: sqlite:///sidecar.db
listen: {{buyers: "127.0.0.1:{port}", agent: "127.0.0.1:0", operator: "127.0.0.1:0"}}
accept: [{{network: base-sepolia, asset: USDC, pay_to: "{pay_to}"}}]
settlement: {{facilitators: ["{facilitator}"]}}
limits: {{settle: 20s}}
routes: {{"POST /chat": {{price: "$0.01"}}, "GET /free/*": free}}
sandbox: true
"""


def settings_in(
    folder: Path,
    more: str = "",
    *,
    port: int = 0,
    upstream: str = "http://127.0.0.1:1",
    facilitator: str = "http://127.0.0.1:1",
) -> Settings:
    text = CONFIG.format(port=port, upstream=upstream, pay_to=keys.PAY_TO.address, facilitator=facilitator)
    found = read(text + more, {}, folder)
    assert isinstance(found, Settings), found.text()
    return found


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


class Sidecar:
    """One run of it in this process, and a client that talks to it."""

    def __init__(self, bound: Bound, task: "asyncio.Task[bool]", client: httpx.AsyncClient) -> None:
        self.bound = bound
        self._task = task
        self.client = client

    def url(self, listener: str, path: str) -> str:
        return f"http://127.0.0.1:{getattr(self.bound, listener)}{path}"

    async def get(self, listener: str, path: str, **named: Any) -> httpx.Response:
        return await self.client.get(self.url(listener, path), **named)

    def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    async def ended(self) -> bool:
        return await self._task


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Sidecar]:
    """Run the sidecar in this process until it is told to stop, or has stopped by itself."""
    ready: asyncio.Queue[Bound] = asyncio.Queue()
    task = asyncio.create_task(run(settings, ready.put_nowait))
    first = asyncio.create_task(ready.get())
    await asyncio.wait((task, first), return_when=asyncio.FIRST_COMPLETED)
    if not first.done():
        first.cancel()
        await task
    async with httpx.AsyncClient(timeout=20, **PLAINLY) as client:
        sidecar = Sidecar(first.result(), task, client)
        try:
            yield sidecar
        finally:
            if not task.done():
                sidecar.stop()
            await task


@pytest.fixture(autouse=True)
def the_logs_of_others() -> Iterator[None]:
    """A running sidecar takes over the process's logging; give it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(printed: str) -> list[dict[str, Any]]:
    """Read the log; every line of it is JSON."""
    return [json.loads(line) for line in printed.splitlines()]


async def test_three_audiences_have_a_port_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each listener answers on the port it was told about, and serves nothing of the others."""
    async with running(settings_in(tmp_path)) as sidecar:
        bound = sidecar.bound
        assert len({bound.buyers, bound.agent, bound.operator, 0}) == 4

        health = await sidecar.get("buyers", "/__402/health")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        assert (await sidecar.get("agent", "/healthz")).json() == {"status": "ok"}
        assert (await sidecar.get("operator", "/healthz")).json() == {"alive": True}
        assert (await sidecar.get("buyers", "/healthz")).json()["code"] == "route_unknown"
        assert (await sidecar.get("agent", "/__402/health")).status_code == 404
        assert (await sidecar.get("operator", "/__402/health")).status_code == 404
        sidecar.stop()
        assert await sidecar.ended() is True

    told = [line for line in lines(capsys.readouterr().err) if line["event"] == "Lifecycle"]
    assert [line["state"] for line in told] == ["serving", "draining", "stopped"]
    assert told[0]["detail"] == f"buyers {bound.buyers}, operator {bound.operator}"


async def test_what_was_booked_is_signed_when_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A drained process leaves no journal unsigned, and the log keeps how far the books went."""
    books = Books(tmp_path)
    await books.settled()
    await books.storage.close()
    async with running(settings_in(tmp_path)) as sidecar:
        sidecar.stop()
        assert await sidecar.ended() is True

    sealed = [line for line in lines(capsys.readouterr().err) if line["event"] == "BooksSealed"]
    key = Signer(load_secrets(tmp_path / "sidecar.db").checkpoints).public_key
    verified = verify_books(tmp_path / "sidecar.db", key)
    assert (verified["first_bad"], verified["signed_journals"]) == (None, verified["journals"])
    assert (sealed[-1]["seq"], sealed[-1]["head"]) == (verified["journals"], verified["head"])


async def test_a_command_writes_through_it(tmp_path: Path) -> None:
    """It alone may write: a command beside it lets it, with its own key, and hears what it did."""
    document = {
        "id": "opening-1",
        "kind": "opening",
        "reason": "what was there before",
        "happened_at": "2026-05-01",
        "entries": [{"debit": "bank", "credit": "owner", "amount": "100"}],
    }
    async with running(settings_in(tmp_path)) as sidecar:
        text = CONFIG.format(
            port=0,
            upstream="http://127.0.0.1:1",
            pay_to=keys.PAY_TO.address,
            facilitator="http://127.0.0.1:1",
        ).replace('operator: "127.0.0.1:0"', f'operator: "127.0.0.1:{sidecar.bound.operator}"')
        (tmp_path / "sidecar.yaml").write_text(text)
        arguments = argparse.Namespace(config=tmp_path / "sidecar.yaml", json=False)
        asked = Write("journals", document)
        first, again = [await asyncio.to_thread(write, arguments, asked) for _ in range(2)]
        closed = await asyncio.to_thread(write, arguments, Write("close", {"before": "2026-05-02"}))

        assert (first["status"], again["status"]) == ("created", "exists")
        assert [each["account"] for each in closed["items"]] == ["bank", "owner"]


async def test_only_buyers_are_given_a_call_id(tmp_path: Path) -> None:
    """Also what never becomes a request is named, so that a buyer can ask about it."""
    async with running(settings_in(tmp_path)) as sidecar:
        names = set()
        for listener in ("buyers", "agent", "operator"):
            answer = await sidecar.get(listener, "/a", headers={"big": "x" * 40_000})
            assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")
            assert ("sidecar-call-id" in answer.headers) == (listener == "buyers")
            names.add(answer.headers.get("sidecar-call-id", ""))

        (name,) = names - {""}
        assert len(name) == len("call_") + 26


async def test_the_operator_reads_with_the_token_that_was_made(tmp_path: Path) -> None:
    """Without a configured token, one beside the database; readiness tells each dependency without it."""
    async with running(settings_in(tmp_path)) as sidecar:
        assert (await sidecar.get("operator", "/api/v1/calls")).status_code == 401
        token = load_secrets(tmp_path / "sidecar.db").operator
        read = await sidecar.get("operator", "/api/v1/calls", headers={"Authorization": f"Bearer {token}"})
        assert (read.status_code, read.json()["items"]) == (200, [])

        ready = await sidecar.get("operator", "/readyz")
        states = {each["name"]: each["ready"] for each in ready.json()["dependencies"]}
        assert ready.status_code == 503
        assert states == {"storage": True, "upstream": False, "facilitator": False, "accepting": True}


async def test_what_buyers_are_answered_is_counted_and_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One refusal is one line and one more in the metrics, and neither names a header."""
    async with running(settings_in(tmp_path)) as sidecar:
        await sidecar.client.post(sidecar.url("buyers", "/chat"), headers={"authorization": "a-secret"})
        metrics = (await sidecar.get("operator", "/metrics")).text

        assert (
            'sidecar_requests_total{endpoint="POST /chat",outcome="refused:payment_required"} 1.0' in metrics
        )
    printed = capsys.readouterr().err
    answered = [line for line in lines(printed) if line["event"] == "Answered"]
    assert [(line["endpoint"], line["status"]) for line in answered] == [("POST /chat", 402)]
    assert "a-secret" not in printed


async def test_the_configs_warnings_are_told_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is odd and not wrong does not stop it; the operator reads it in the log."""
    settings = settings_in(tmp_path)
    async with running(settings):
        pass

    codes = {line["code"] for line in lines(capsys.readouterr().err) if line["event"] == "NeedsAttention"}
    assert {warning.code for warning in settings.warnings} >= {"public_url_default"}
    assert {warning.code for warning in settings.warnings} <= codes


async def test_what_an_earlier_run_left_open_rests_before_the_first_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Calls of a run that ended without closing them are closed when the ports are told."""
    books = Books(tmp_path)
    payment = await books.admitted(owner="run_before")
    await books.storage.close()
    async with running(settings_in(tmp_path)):
        pass

    books = Books(tmp_path)
    assert (await books.payment(payment)).state is State.RELEASED
    assert books.findings() == {}
    await books.storage.close()
    states = [line["state"] for line in lines(capsys.readouterr().err) if line["event"] == "Lifecycle"]
    assert states[:2] == ["recovered", "serving"]


async def test_a_drain_finishes_what_is_paid_and_takes_nothing_new(tmp_path: Path, sandbox: Sandbox) -> None:
    """While a paid call is open after SIGTERM, payments are sent elsewhere and all else is answered."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def works(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError):  # whoever only looks if we are there
            await read_request(reader)
            asked.set()
            await release.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwork")
            await writer.drain()

    agent = await asyncio.start_server(works, "127.0.0.1", 0)
    upstream = f"http://127.0.0.1:{agent.sockets[0].getsockname()[1]}"
    network = f'networks: {{base-sepolia: {{rpc: ["{sandbox.rpc_url}"]}}}}'
    settings = settings_in(tmp_path, network, upstream=upstream, facilitator=sandbox.facilitator_url)
    async with agent, running(settings) as sidecar:
        chat = sidecar.url("buyers", "/chat")

        async def pay(number: int) -> httpx.Response:
            required = (await sidecar.client.post(chat)).headers["payment-required"]
            document = json.loads(base64.b64decode(required))
            payment = buyer.header(buyer.sign(sandbox.buyers[number].private_key, document))
            return await sidecar.client.post(chat, headers=payment, content=b"{}")

        paid = asyncio.create_task(pay(0))
        await asked.wait()
        sidecar.stop()
        while await accepting(sidecar):
            pass

        assert (await sidecar.client.post(chat)).status_code == 402
        assert (await sidecar.get("buyers", "/__402/health")).status_code == 200
        refused = await pay(1)
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert refused.headers["retry-after"] == "2"
        release.set()
        answer = await paid
        assert (answer.status_code, answer.text) == (200, "work")
        assert "payment-response" in answer.headers
        assert await sidecar.ended() is True


async def accepting(sidecar: Sidecar) -> bool:
    states = (await sidecar.get("operator", "/readyz")).json()["dependencies"]
    return bool(next(each["ready"] for each in states if each["name"] == "accepting"))


async def test_a_storage_that_fails_ends_the_process_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once nothing can be committed no money may be taken: it drains by itself, and False is told."""
    opened: list[OpenStorage] = []

    def keeping(settings: Settings, clock: SystemClock, owner: str) -> OpenStorage:
        opened.append(open_storage(settings, clock, owner))
        return opened[0]

    def medium_fails(_: object) -> NoReturn:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    monkeypatch.setattr(serving, "open_storage", keeping)
    async with running(settings_in(tmp_path)) as sidecar:
        with pytest.raises(Exception, match="disk I/O error"):
            await opened[0].run(medium_fails)

        assert await sidecar.ended() is False
    states = [line["state"] for line in lines(capsys.readouterr().err) if line["event"] == "Lifecycle"]
    assert states == ["serving", "draining", "stopped"]


async def test_a_port_that_is_taken_opens_nothing(tmp_path: Path) -> None:
    """One sentence, before any file is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListenError, match=f"Cannot listen on 127.0.0.1:{port} for buyers"):
            await run(settings_in(tmp_path, port=port), lambda _: None)

    assert files(tmp_path) == []


async def test_one_process_keeps_the_books(tmp_path: Path) -> None:
    """A second sidecar on the same file is told so, and the first one does not notice."""
    async with running(settings_in(tmp_path)) as sidecar:
        with pytest.raises(StoreLocked, match="only one may write"):
            await run(settings_in(tmp_path), lambda _: None)

        assert (await sidecar.get("buyers", "/__402/health")).status_code == 200


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    """Ports and books are free again once the start has failed."""
    secrets = tmp_path / "sidecar.db.secrets"
    secrets.write_text("{", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(SecretsUnusable, match="is damaged"):
        await run(settings_in(tmp_path, port=port), lambda _: None)

    secrets.unlink()
    async with running(settings_in(tmp_path, port=port)) as sidecar:
        assert sidecar.bound.buyers == port


def test_every_observer_is_told_the_same() -> None:
    """Logs and metrics see each event, in order."""
    one, two = RecordingObserver(), RecordingObserver()
    events: list[Event] = [Lifecycle("serving"), Lifecycle("draining")]
    everybody = Everybody((one, two))
    for event in events:
        everybody.saw(event)

    assert one.events == two.events == events
