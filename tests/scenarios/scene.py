"""A running sidecar with a middleman before everybody it might ask."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from tests.plainly import PLAINLY
from tests.scenarios import middleman
from tests.scenarios.middleman import Hold, Middleman, Moment
from tests.scenarios.stand import Running, Stand, set_up, until
from tests.sidecar.sandbox.authorizations import cancelation
from tests.sidecar.sandbox.transactions import raw

Fields = Sequence[tuple[str, str]]
BALANCE_OF = b"0x70a08231"
"""The selector of what only the question for a payer's funds calls."""


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
        of_funds = sum(BALANCE_OF in body for _, body in self.rpc.seen)  # evidence is looked for all the time
        settling = self.facilitator.asked()
        return len(self.upstream.seen), settling["/verify"] + settling["/settle"], of_funds

    def at_once(self, calls: Sequence[tuple[str, Fields]]) -> list[httpx.Response]:
        """Make all calls, each a path and its headers, at the same time."""

        async def sent(path: str, fields: Fields) -> httpx.Response:
            # Each by a client of its own: one for all looks through all its connections for each of them.
            async with httpx.AsyncClient(timeout=60, **PLAINLY) as client:
                return await client.post(self.running.url + path, headers=list(fields), content=b"{}")

        async def made() -> list[httpx.Response]:
            return await asyncio.gather(*(sent(path, fields) for path, fields in calls))

        return asyncio.run(made())

    def meanwhile(self, payment: Mapping[str, Any], act: Callable[[], None]) -> httpx.Response:
        """Call /chat with *payment*, a request of its own, and do something while the agent works on it."""
        hold = self.upstream.on["/chat"] = Hold(Moment.BEFORE)
        before = self.asked()[0]
        with ThreadPoolExecutor(1) as beside:
            asking = beside.submit(self.again, payment)
            assert until(lambda: self.asked()[0] > before)
            act()
            hold.go.set()
            answer = asking.result()
        del self.upstream.on["/chat"]
        return answer

    def again(self, payment: Mapping[str, Any]) -> httpx.Response:
        """Make the same call again."""
        content: str = payment["payload"]["authorization"]["nonce"]
        return self.running.send("/chat", payment, content=content.encode())

    def cancel(self, account: TestAccount, payment: Mapping[str, Any]) -> None:
        """Send the payer's own cancelAuthorization to the chain."""
        nonce = bytes.fromhex(payment["payload"]["authorization"]["nonce"].removeprefix("0x"))
        sandbox = self.stand.sandbox
        sent = int(sandbox.rpc("eth_getTransactionCount", account.address, "pending"), 16)
        data = cancelation(account, nonce)
        transaction = raw(sent, sender=account, to=sandbox.asset, value=0, data=data, gas=200_000)
        sandbox.rpc("eth_sendRawTransaction", "0x" + transaction.hex())


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
