"""Knocking: is the agent there? Told by a connection that says nothing, and by what calls meet.

A request would be the agent's to answer and perhaps to charge for; a
connection costs it nothing.
"""

import asyncio
import contextlib
from typing import Final
from urllib.parse import urlsplit

from sidecar.adapters.connecting import reason
from sidecar.adapters.upstream import HttpUpstream
from sidecar.adapters.wire import origin_of
from sidecar.ports import NothingSent, UpstreamAnswer, UpstreamRequest

KNOCK_AGAIN_S: Final = 2
_STEP: Final = "start the agent, or change `upstream`"
_PORTS: Final = {"http": 80, "https": 443}

State = tuple[bool, str]


class WatchedUpstream:
    """Implements `ports.Upstream` on another one, and knows whether it can be reached.

    Knocks at the start and while it is away, and again when a request did not
    get through; who answers is left alone.
    """

    def __init__(self, inner: HttpUpstream, url: str, *, timeout_ms: int) -> None:
        self._inner = inner
        self._url = url
        self._timeout_ms = timeout_ms
        self._doubted = True
        self._away: str | None = "not asked yet"

    @property
    def state(self) -> State:
        """Return whether it can be reached, as far as is known, and what a person should know."""
        return self._away is None, self._away or "up"

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Send as the other one does."""
        try:
            answer = await self._inner.send(request)
        except NothingSent:
            self._doubted = True
            raise
        self._away = None
        return answer

    async def knock(self) -> None:
        """Find out whether somebody listens there."""
        self._doubted = False
        self._away = await away(self._url, self._timeout_ms)

    async def close(self) -> None:
        """Close the other one."""
        await self._inner.close()

    async def watch(self) -> None:
        """Knock whenever there is reason to, until cancelled."""
        while True:
            await asyncio.sleep(KNOCK_AGAIN_S)
            if self._doubted or self._away is not None:
                await self.knock()


async def away(url: str, timeout_ms: int) -> str | None:
    """Find out whether somebody listens at *url*: None, or what a person should know and do."""
    origin = origin_of(url)
    try:
        async with asyncio.timeout(timeout_ms / 1_000):
            await _connected(origin)
    except TimeoutError:
        return f"{origin} does not answer; {_STEP}"
    except OSError as error:
        return f"{origin} cannot be reached: {reason(error)}; {_STEP}"
    return None


async def _connected(origin: str) -> None:
    place = urlsplit(origin)
    _, writer = await asyncio.open_connection(place.hostname, place.port or _PORTS[place.scheme])
    writer.close()
    with contextlib.suppress(OSError):  # it was there, whatever it makes of this
        await writer.wait_closed()
