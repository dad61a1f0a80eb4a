"""Streams: what 1,000 that are open at a time take in memory and add to a first byte, and a body of 1 GB.

Each is paid for and served first (`deferred`), so all of the paid path is in the way of its bytes.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from statistics import median
from typing import Final, cast

import uvloop

from benchmarks.machines import a_folder
from benchmarks.measuring import Stage, staged
from benchmarks.neighbours import BODY_BYTES
from benchmarks.payments import headers
from benchmarks.subjects import named

STREAMS: Final = 1_000
AT_ONCE: Final = 32
"""How many streams are opened at a time, until all are open."""
EVENTS: Final = 300
PROBES: Final = 100
STILL_S: Final = 1.0
SAMPLE_S: Final = 0.02
MIB: Final = 1 << 20
SUBJECT: Final = "sidecar: deferred"
STATUS: Final = re.compile(rb"HTTP/1\.1 200 ")


class Reading(asyncio.Protocol):
    """One request and its answer: `first` is set with the seconds to the first byte of the body."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._request = request
        self._read = b""
        self.body_bytes = 0
        self.first: asyncio.Future[float] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = cast("asyncio.Transport", transport)
        self._began = time.perf_counter()
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count what comes; its first byte is what is behind the head."""
        if not self.first.done():
            self._read += data
            head, _, data = self._read.partition(b"\r\n\r\n")
            if not data:
                return
            assert STATUS.match(head), head
            self.first.set_result(time.perf_counter() - self._began)
        self.body_bytes += len(data)
        if self.body_bytes >= BODY_BYTES and not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        """Say so to whoever still waits."""
        for waited in (self.first, self.ended):
            if not waited.done():
                waited.set_exception(ConnectionError("the answer was cut"))
                waited.exception()


def measured() -> dict[str, float]:
    """Return MiB over idle, with the body under way and with the streams open, and milliseconds added."""
    with a_folder() as folder, staged(named(SUBJECT), folder) as stage:
        found = uvloop.run(_measured(stage))
    for name, figure in found.items():
        print(f"{name:<46} {figure:>8,.2f}", flush=True)
    return found


async def _measured(stage: Stage) -> dict[str, float]:
    agent, server = stage.agent_port, stage.server
    idle = server.memory_bytes
    body = await _a_body(stage)
    opened = await _opened(stage)
    await asyncio.sleep(STILL_S)
    streams = server.memory_bytes
    agent_s = await _probed(agent, [_request("GET /stream/1")] * PROBES)
    passed_s = await _probed(server.port, [_request("GET /stream/1")] * PROBES)
    paid_s = await _probed(server.port, _paid(stage, "/stream/1", PROBES))
    for each in opened:
        each.transport.abort()
    return {
        "body_mib": (body - idle) / MIB,
        "streams_mib": (streams - idle) / MIB,
        "passed_on_ms": 1e3 * (passed_s - agent_s),
        "first_byte_ms": 1e3 * (paid_s - agent_s),
    }


def _request(line: str, payment: bytes = b"") -> bytes:
    head = f"{line} HTTP/1.1\r\nhost: 127.0.0.1\r\n".encode()
    paying = b"payment-signature: " + payment + b"\r\n" if payment else b""
    return head + paying + b"content-length: 0\r\n\r\n"


def _paid(stage: Stage, path: str, count: int) -> list[bytes]:
    signed = headers(count, f"http://127.0.0.1:{stage.server.port}{path}")
    return [_request(f"POST {path}", payment) for payment in signed]


async def _asked(port: int, request: bytes) -> Reading:
    loop = asyncio.get_running_loop()
    _, reading = await loop.create_connection(lambda: Reading(request), "127.0.0.1", port)
    return reading


async def _a_body(stage: Stage) -> int:
    """Read the large body as fast as it comes; return the most memory that was seen meanwhile."""
    (request,) = _paid(stage, "/body", 1)
    reading = await _asked(stage.server.port, request)
    most = 0
    while not reading.ended.done():
        most = max(most, stage.server.memory_bytes)
        await asyncio.sleep(SAMPLE_S)
    await reading.ended
    reading.transport.abort()
    return most


async def _opened(stage: Stage) -> list[Reading]:
    """Open all the streams, a few at a time, and return them with the first byte of each read."""
    requests = iter(_paid(stage, f"/stream/{EVENTS}", STREAMS))
    opened: list[Reading] = []

    async def opening() -> None:
        for request in requests:
            reading = await _asked(stage.server.port, request)
            await reading.first
            opened.append(reading)

    await asyncio.gather(*(opening() for _ in range(AT_ONCE)))
    return opened


async def _probed(port: int, requests: Sequence[bytes]) -> float:
    """Return the seconds to the first byte of the body, the median of one request after the other."""
    taken = []
    for request in requests:
        reading = await _asked(port, request)
        taken.append(await reading.first)
        reading.transport.abort()
    return median(taken)
