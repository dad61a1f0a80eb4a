"""A running sidecar with a middleman before everybody it might ask."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from sidecar.sandbox.process import Sandbox
from tests.scenarios import middleman
from tests.scenarios.middleman import Middleman
from tests.scenarios.stand import Running, Stand, set_up

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A running sidecar, and everybody it might ask."""

    stand: Stand
    running: Running
    upstream: Middleman
    facilitator: Middleman
    rpc: Middleman

    def asked(self) -> tuple[int, int, int]:
        """Count what the agent, the facilitator and the chain were asked for the sake of payments."""
        of_funds = sum(b'"eth_call"' in body for _, body in self.rpc.seen)
        settling = self.facilitator.asked()
        return len(self.upstream.seen), settling["/verify"] + settling["/settle"], of_funds

    def at_once(self, calls: Sequence[tuple[str, Fields]]) -> list[httpx.Response]:
        """Make all calls, each a path and its headers, at the same time."""

        async def made() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
                sent = (
                    client.post(self.running.url + path, headers=list(fields), content=b"{}")
                    for path, fields in calls
                )
                return await asyncio.gather(*sent)

        return asyncio.run(made())


@contextmanager
def staged(folder: Path, sandbox: Sandbox, agent: str, rpc_path: str = "") -> Iterator[Scene]:
    """Run a sidecar in *folder*; the node is asked under *rpc_path*, where providers put keys."""
    with (
        middleman.before(agent) as upstream,
        middleman.before(sandbox.facilitator_url) as facilitator,
        middleman.before(sandbox.rpc_url) as rpc,
    ):
        stand = set_up(
            folder, sandbox, upstream.url, facilitator=facilitator.url, rpc=rpc.url + rpc_path, settle_s=5
        )
        with stand.serving() as running:
            yield Scene(stand, running, upstream, facilitator, rpc)
