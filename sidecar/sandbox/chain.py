"""The chain's process: the node behind JSON-RPC over HTTP, and the clock that mines when nobody sends.

All chain work runs on this process's event loop, one request after the other. Nothing else may share
that loop: a facilitator that waits for a receipt on it would wait for ever.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from sidecar.sandbox import keys, rpc, token
from sidecar.sandbox.chain_modes import HONEST, MODES
from sidecar.sandbox.child import Service
from sidecar.sandbox.evm import Allocation, Machine
from sidecar.sandbox.node import Node

BODY_MAX: Final = 4 * 1024 * 1024
IDLE_BLOCK_S: Final = 1.0  # confirmations must come although nobody else uses this chain
QUIET_BLOCKS: Final = 300  # after so many empty blocks in a row ...
QUIET_BLOCK_S: Final = 10.0  # ... one comes this often: each stays in memory for ever

_HEADERS: Final = [(b"content-type", b"application/json")]


def allocations() -> Mapping[bytes, Allocation]:
    """Give the accounts at genesis: the token, and native money for those who send transactions."""
    accounts = {_raw(address): Allocation(wei=wei) for address, wei in keys.wei().items()}
    usdc = Allocation(code=token.runtime(), storage=token.genesis_storage(keys.tokens()))
    return accounts | {_raw(token.ADDRESS): usdc}


def service(*, chain_id: int, block_time_s: float | None, mode: str = HONEST) -> Service:
    """Build a fresh chain: a block per transaction, or one every *block_time_s* seconds."""
    now_s = _wall_clock_s
    machine = Machine(chain_id, allocations(), started_s=now_s())
    node = Node(machine, now_s=now_s, automine=block_time_s is None)
    node.behave(MODES[mode])
    return Service(app=RpcApp(node), beside=Ticker(node, block_time_s))


class RpcApp:
    """The ASGI app: POST a JSON-RPC request or batch to any path."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        assert scope["type"] == "http", "the chain speaks HTTP only"
        if scope["method"] != "POST":
            await _reply(send, 405, b'{"error":"POST JSON-RPC here"}')
            return
        body = await _body(receive)
        if body is None:
            await _reply(send, 413, b'{"error":"request too large"}')
            return
        await _reply(send, 200, rpc.answer(self._node, body))


class Ticker:
    """Mines on time: in steady beats, or only when no transaction has made a block for a while."""

    def __init__(self, node: Node, block_time_s: float | None) -> None:
        self._node = node
        self._block_time_s = block_time_s
        self._quiet = 0

    async def __call__(self) -> None:
        """Run until cancelled."""
        while True:
            await self.beat()

    async def beat(self) -> None:
        """Wait for one period, then mine if it is time."""
        if self._block_time_s is not None:
            await asyncio.sleep(self._block_time_s)
            self._node.mine()
            return

        before = self._node.head
        await asyncio.sleep(QUIET_BLOCK_S if self._quiet >= QUIET_BLOCKS else IDLE_BLOCK_S)
        if self._node.head is before:
            self._node.mine()
            self._quiet += 1
        else:
            self._quiet = 0


def _wall_clock_s() -> int:
    return int(time.time())


def _raw(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))


async def _body(receive: Any) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_MAX:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _reply(send: Any, status: int, body: bytes) -> None:
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
