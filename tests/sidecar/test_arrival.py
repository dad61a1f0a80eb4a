"""Looking around at the start: who is away is told, and the sidecar serves all the same."""

import asyncio
import json
from pathlib import Path

import pytest

from sidecar.adapters.system import SystemClock
from sidecar.arrival import US_PER_S, look_around
from sidecar.domain.events import NeedsAttention
from sidecar.wiring import PaidPath
from tests.sidecar.adapters.conftest import Listen, read_request
from tests.sidecar.assembled import CONFIG, built
from tests.sidecar.fakes import ManualClock, RecordingObserver

NETWORK = "eip155:84532"


async def told(path: PaidPath, clock: SystemClock | ManualClock) -> list[tuple[str, str]]:
    observer = RecordingObserver()
    await look_around(path, clock, observer)
    return [(event.code, event.detail) for event in observer.of(NeedsAttention)]


async def test_an_agent_that_is_away_is_a_warning(tmp_path: Path) -> None:
    """One line with the agent's place; the paid path is there."""
    async with built(tmp_path) as path:
        warnings = await told(path, SystemClock())

        assert dict(warnings) == {
            "upstream_unreachable": "upstream: http://127.0.0.1:1 cannot be reached: connection refused;"
            " start the agent, or change `upstream`"
        }
        assert path.adapters.upstream.state[0] is False


async def test_an_agent_that_is_there_is_none(tmp_path: Path, listen: Listen) -> None:
    """Nothing to say."""

    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        """Take the connection and close it."""

    text = CONFIG.replace("upstream: http://127.0.0.1:1", f"upstream: {await listen(silent)}")
    async with built(tmp_path, text) as path:
        assert await told(path, SystemClock()) == []


@pytest.mark.parametrize(("behind_s", "warned"), [(0, False), (5, False), (6, True)])
async def test_a_block_from_the_future_is_a_clock_that_is_late(
    tmp_path: Path, behind_s: int, warned: bool
) -> None:
    """A block may be old, but nobody makes one with a time that has not come."""
    clock = ManualClock()
    async with built(tmp_path) as path:
        path.heads[NETWORK].saw(7, clock.now_us() // US_PER_S + behind_s)
        codes = dict(await told(path, clock))

    assert ("clock_skew" in codes) is warned
    if warned:
        assert f"is 6 s behind the newest block of {NETWORK}" in codes["clock_skew"]


async def test_the_facilitators_clock_is_held_against_ours(tmp_path: Path, listen: Listen) -> None:
    """By the Date of its list; it is named."""
    body = json.dumps({"kinds": []}).encode()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = b"HTTP/1.1 200 OK\r\ndate: Sat, 01 Jan 2000 00:00:00 GMT\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()

    url = await listen(late)
    text = CONFIG.replace('facilitators: ["http://127.0.0.1:1"]', f'facilitators: ["{url}"]').replace(
        'facilitator: {"http://127.0.0.1:1": "$0.001"}, ', ""
    )
    async with built(tmp_path, text) as path:
        codes = dict(await told(path, SystemClock()))

    assert f" s ahead of that of {url}, so good payments will look expired" in codes["clock_skew"]
