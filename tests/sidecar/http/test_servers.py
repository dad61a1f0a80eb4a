"""Three listeners start together and end in order, on both event loops."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from sidecar.http.servers import CannotListenError, Listener, bind, run, serve

LOOPS = {"uvloop": "", "asyncio": "import sys; sys.modules['uvloop'] = None"}

PROGRAM = """
import asyncio, json, sys
{loop}
from sidecar.http.servers import Listener, bind, run, serve

def say(*words):
    print(*words, flush=True)

draining = asyncio.Event()
open_calls = set()
done = asyncio.Event()

async def app(scope, receive, send):
    path = scope["path"]
    if path == "/call":
        open_calls.add(scope["client"])
        say("call", "open")
        await draining.wait()
        await asyncio.sleep(0.2)
    status = 503 if draining.is_set() and path != "/call" else 200
    await send({{"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]}})
    await send({{"type": "http.response.body", "body": b"ok"}})
    if path == "/call":
        say("call", "closed")
        done.set()

async def in_flight():
    while open_calls and not done.is_set():
        await asyncio.sleep(0.01)
    await asyncio.sleep({linger})

async def main():
    names = ["buyers", "agent", "operator"]
    listeners = [
        Listener(name, bound, app) for name, bound in zip(names, bind([(n, "127.0.0.1", 0) for n in names]))
    ]
    def drain():
        draining.set()
        say("draining")
    await serve(
        listeners,
        on_ready=lambda: say(json.dumps({{each.name: each.port for each in listeners}})),
        on_drain=drain,
        in_flight=in_flight,
    )
    say(type(asyncio.get_running_loop()).__module__.split(".")[0])

run(main())
"""


@contextmanager
def running(loop: str, linger: float = 0) -> Iterator[tuple[subprocess.Popen[str], IO[str], dict[str, int]]]:
    """Run three listeners in a process of their own."""
    source = PROGRAM.format(loop=LOOPS[loop], linger=linger)
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout, json.loads(process.stdout.readline())
        finally:
            process.kill()


def call(port: int, path: str) -> socket.socket:
    """Send a GET and leave the answer to be read."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=5)
    peer.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return peer


def read_all(peer: socket.socket) -> bytes:
    """Read until the server closes."""
    with peer:
        return b"".join(iter(lambda: peer.recv(4_096), b""))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_with_0(loop: str, number: signal.Signals) -> None:
    """An open call is answered whole, new ones are told meanwhile, and the process ends clean."""
    with running(loop, linger=0.3) as (process, output, ports):
        open_call = call(ports["buyers"], "/call")
        assert output.readline() == "call open\n"
        process.send_signal(number)
        assert output.readline() == "draining\n"
        for port in ports.values():
            with call(port, "/other") as peer:
                assert peer.recv(4_096).startswith(b"HTTP/1.1 503 ")
        assert read_all(open_call).endswith(b"\r\n\r\nok")
        assert output.readline() == "call closed\n"
        assert output.readline() == f"{loop}\n"
        assert process.wait(10) == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_second_signal_quits_at_once(loop: str) -> None:
    """Whoever asks twice does not want to wait; the exit status tells that it was not clean."""
    with running(loop, linger=60) as (process, output, _):
        process.send_signal(signal.SIGTERM)
        assert output.readline() == "draining\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer everything."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def nothing() -> None:
    """No call is open."""


async def test_listeners_close_in_the_order_given() -> None:
    """Buyers first, the operator last: health can be watched to the end."""
    names = ["buyers", "agent", "operator"]
    listeners = [
        Listener(name, bound, hello)
        for name, bound in zip(names, bind([(name, "127.0.0.1", 0) for name in names]), strict=True)
    ]
    ports = [listener.port for listener in listeners]
    assert 0 not in ports
    stop = asyncio.Event()
    ready = asyncio.Event()
    task = asyncio.create_task(
        serve(listeners, on_drain=lambda: None, in_flight=nothing, on_ready=ready.set, stop=stop)
    )
    await ready.wait()
    stop.set()
    refused: list[int] = []
    while not task.done():
        for port in ports:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
            except OSError:
                refused += [port] if port not in refused else []
        await asyncio.sleep(0.01)
    await task
    assert refused == ports[: len(refused)]
    assert len(refused) >= 2


async def test_calls_that_do_not_end_are_waited_for_so_long_and_no_longer() -> None:
    """The drain has a limit; what is still open then is recovery's."""
    (bound,) = bind([("buyers", "127.0.0.1", 0)])
    stop = asyncio.Event()
    stop.set()
    drained: list[bool] = []

    async def never() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        await serve(
            [Listener("buyers", bound, hello)],
            on_drain=lambda: drained.append(True),
            in_flight=never,
            stop=stop,
            drain_timeout_ms=50,
        )
    assert drained == [True]


async def test_a_server_that_cannot_start_fails_the_whole() -> None:
    """Two of three listeners would be a sidecar that lies about being up."""
    good, bad = bind([("buyers", "127.0.0.1", 0), ("agent", "127.0.0.1", 0)])
    bad.close()
    listeners = [Listener("buyers", good, hello), Listener("agent", bad, hello)]
    with pytest.raises(OSError, match=r".+"):
        await serve(listeners, on_drain=lambda: None, in_flight=nothing)
    assert good.fileno() == -1


def test_a_taken_port_is_one_clear_sentence_and_leaves_nothing_bound() -> None:
    """The operator reads which listener, where and why; the other ports are free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (probe,) = bind([("buyers", "127.0.0.1", 0)])
        free = probe.getsockname()[1]
        probe.close()
        with pytest.raises(CannotListenError) as caught:
            bind([("buyers", "127.0.0.1", free), ("agent", "127.0.0.1", port)])
        assert str(caught.value) == f"Cannot listen on 127.0.0.1:{port} for agent: address already in use."
        bind([("buyers", "127.0.0.1", free)])[0].close()


@pytest.mark.parametrize(
    ("host", "port"), [("nowhere.invalid", 8402), ("192.0.2.1", 8402), ("127.0.0.1", 70_000)]
)
def test_an_address_that_is_not_ours_is_one_clear_sentence(host: str, port: int) -> None:
    """Unknown names, foreign addresses and impossible ports are configuration errors."""
    with pytest.raises(CannotListenError, match=rf"^Cannot listen on {host}:{port} for buyers: .+\.$"):
        bind([("buyers", host, port)])


def test_the_loop_runs_what_it_is_given() -> None:
    """`run` hands back the result."""

    async def answer() -> int:
        return 42

    assert run(answer()) == 42
