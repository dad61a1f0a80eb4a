"""The agent of a stall reports its costs: through the real app, with the token its call came with."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from sidecar.domain.reporting import Bounds
from sidecar.http.agent import agent_app
from sidecar.reporting import Reporting
from sidecar.tokens import Tokens
from tests.sidecar.stall import CALLS_SECRET, ORIGIN_SECRET, Stall
from tests.sidecar.told import BOUNDS

SEARCH: Final[Mapping[str, Any]] = {
    "id": "r1",
    "kind": "tool",
    "name": "web_search",
    "amount_usd": "0.0036",
}
TOKENS: Final = Tokens(origin=ORIGIN_SECRET, calls=CALLS_SECRET)


class Reporter:
    """Sends reports. Its token is that of the newest call the agent was asked to serve, unless it has one."""

    def __init__(self, stall: Stall, client: httpx.AsyncClient) -> None:
        self.stall = stall
        self.client = client
        self.token = ""

    async def send(self, content: bytes, **headers: str) -> httpx.Response:
        """Send a body with the token and *headers*."""
        token = self.token or dict(self.stall.upstream.requests[-1].headers)[b"sidecar-call-token"].decode()
        given = {"Authorization": f"Bearer {token}", **headers}
        return await self.client.post("/v1/costs", content=content, headers=given)

    async def report(self, *documents: Mapping[str, Any]) -> httpx.Response:
        """Send one report as an object, several as a list."""
        body: Any = documents[0] if len(documents) == 1 else list(documents)
        return await self.send(json.dumps(body).encode())

    async def statuses(self, *documents: Mapping[str, Any]) -> list[str]:
        """Report, expect to be heard, and return what became of each."""
        answer = await self.report(*documents)
        assert answer.status_code == 200, answer.text
        items = answer.json()["items"]
        assert [item["id"] for item in items] == [document["id"] for document in documents]
        return [item["status"] for item in items]


@asynccontextmanager
async def reporter_of(stall: Stall, bounds: Bounds = BOUNDS) -> AsyncIterator[Reporter]:
    """Open the agent listener's app on the stall's services."""
    transport = httpx.ASGITransport(agent_app(Reporting(stall.services, TOKENS, bounds)))
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
        yield Reporter(stall, client)
