"""The sandbox's chain with a clock that can be put forward: `python -m tests.scenarios.later_chain`.

The same node and the same JSON-RPC; POST to /later, with seconds as the body, moves its time. Beside it
runs the sandbox's own facilitator.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from sidecar.sandbox import keys, token
from sidecar.sandbox.child import Service, listening, serve
from sidecar.sandbox.process import CHAIN_ID, Child, Sandbox
from tests.plainly import PLAINLY

ROOT: Final = Path(__file__).resolve().parents[2]
PATH: Final = "/later"


class Clock:
    """The wall clock, and how far ahead of it the chain is."""

    def __init__(self) -> None:
        self.ahead_s = 0

    def __call__(self) -> int:
        return int(time.time()) + self.ahead_s


class Movable:
    """The chain's ASGI app, and the one path that moves its clock."""

    def __init__(self, inner: Any, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["path"] != PATH:
            await self._inner(scope, receive, send)
            return
        self._clock.ahead_s += int((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@contextmanager
def start() -> Iterator[Sandbox]:
    """Run such a chain with a facilitator on it."""
    command = [sys.executable, "-m", "tests.scenarios.later_chain"]
    with ExitStack() as running:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        running.callback(process.__exit__, None, None, None)  # closes its input, which ends it, and waits
        assert process.stdout is not None, "the port comes through a pipe"
        url = f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
        facilitator = Child("facilitator", "--chain-id", str(CHAIN_ID), "--rpc-url", url)
        running.callback(facilitator.stop)
        facilitator.wait("/supported")
        yield Sandbox(
            rpc_url=url,
            chain_id=CHAIN_ID,
            network=f"eip155:{CHAIN_ID}",
            asset=token.ADDRESS,
            facilitator_url=facilitator.url,
            pay_to=keys.PAY_TO.address,
            buyers=keys.BUYERS,
            penniless=keys.PENNILESS,
        )


def move(sandbox: Sandbox, seconds: int) -> None:
    """Put the chain's clock forward."""
    answer = httpx.post(sandbox.rpc_url + PATH, content=str(seconds).encode(), **PLAINLY)
    answer.raise_for_status()


def main() -> None:
    """Run the chain until standard input ends."""
    from sidecar.sandbox.chain import RpcApp, Ticker, allocations  # imports an EVM
    from sidecar.sandbox.evm import Machine
    from sidecar.sandbox.node import Node

    listener = listening(0)
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    clock = Clock()
    node = Node(Machine(CHAIN_ID, allocations(), started_s=clock()), now_s=clock, automine=True)
    asyncio.run(serve(Service(Movable(RpcApp(node), clock), beside=Ticker(node, None)), listener))


if __name__ == "__main__":
    main()
