"""Load: keeps a number of connections busy with prepared requests, and tells what came back and when.

One process beside the server's. A request is sent when the answer before it on its connection is whole.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import uvloop

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class Run:
    """One measurement: what is still to be sent, and what was seen."""

    def __init__(self, requests: Iterator[bytes], seconds: float) -> None:
        self.requests = requests
        self.until = time.perf_counter() + seconds
        self.began = time.perf_counter()
        self.ended = self.began
        self.statuses: Counter[str] = Counter()
        self.took: list[float] = []
        self.open = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self) -> bytes | None:
        """Return the next request, None when it is over."""
        return None if time.perf_counter() >= self.until else next(self.requests, None)

    def left(self) -> None:
        """Note that a connection has nothing to do any more."""
        self.open -= 1
        self.ended = time.perf_counter()
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


class Connection(asyncio.Protocol):
    """One connection of the load, which pauses between an answer and the next request."""

    def __init__(self, run: Run, pause_s: float) -> None:
        self._run = run
        self._pause_s = pause_s
        self._read = b""
        self._sent = 0.0
        self._busy = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: Any = transport
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        """Count an answer that did not come."""
        if self._busy:
            self._busy = False
            self._run.statuses["lost"] += 1
            self._run.left()

    def data_received(self, data: bytes) -> None:
        """Read until the answer is whole."""
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._read[: end + 2]
        found = LENGTH.search(head)
        if found:
            whole = len(self._read) >= end + 4 + int(found[1])
        elif CHUNKED.search(head):
            whole = self._read.endswith(b"0\r\n\r\n")
        else:
            whole = True
        if whole:
            self._run.took.append(time.perf_counter() - self._sent)
            self._run.statuses[self._read[9:12].decode()] += 1
            self._read = b""
            if self._pause_s:
                asyncio.get_running_loop().call_later(self._pause_s, self._send)
            else:
                self._send()

    def _send(self) -> None:
        request = self._run.next()
        if request is None:
            self._busy = False
            self._transport.close()
            self._run.left()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


async def measure(
    port: int, connections: int, requests: Iterator[bytes], seconds: float, pause_s: float
) -> dict[str, Any]:
    """Return count, statuses, latencies and its own CPU of a run."""
    run = Run(requests, seconds)
    run.open = connections
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(run, pause_s), "127.0.0.1", port)
    cpu_s = time.process_time()
    await run.done
    took = sorted(run.took) or [0.0]
    return {
        "count": len(run.took),
        "seconds": run.ended - run.began,
        "cpu_s": time.process_time() - cpu_s,
        "statuses": dict(run.statuses),
        "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[min(len(took) - 1, len(took) * 99 // 100)],
    }


def prepared(line: bytes, payments: list[bytes], body: bytes) -> Iterator[bytes]:
    """Write a request per payment; without payments the same request for ever."""
    head = line + b" HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    length = b"content-length: %d\r\n" % len(body)
    if not payments:
        while True:
            yield head + length + b"\r\n" + body
    for payment in payments:
        yield head + length + b"payment-signature: " + payment + b"\r\n\r\n" + body


def main() -> None:
    """Run one measurement as the command line says: port, connections, seconds, pause, request, payments."""
    port, connections, seconds, pause_s, line, file = sys.argv[1:]
    payments = Path(file).read_bytes().split() if file != "-" else []
    requests = prepared(line.encode(), payments, b'{"ask":"hello"}')
    run = measure(int(port), int(connections), requests, float(seconds), float(pause_s))
    print(json.dumps(uvloop.run(run)))


if __name__ == "__main__":
    main()
