"""The neighbours of a server under test: an agent, a facilitator and a node that answer at once.

One process, one event loop, no framework: what they cost must not be what is measured.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from benchmarks.payments import ASSET, CHAIN_ID, NETWORK, PAY_TO

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PAYER: Final = re.compile(rb'"from" *: *"(0x[0-9a-fA-F]{40})"')
NONCE: Final = re.compile(rb'"nonce" *: *"(0x[0-9a-fA-F]{64})"')
VALUE: Final = re.compile(rb'"value" *: *"(\d+)"')
STREAM_OF: Final = re.compile(rb" /stream/(\d+)")
TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
COMPLETION: Final = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "gpt-4o-mini",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Done."}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 340, "total_tokens": 1540},
    },
    separators=(",", ":"),
).encode()
STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
EVENT: Final = b'data: {"choices":[{"index":0,"delta":{"content":"some words of an answer "}}]}\n\n'
LAST_EVENT: Final = b"data: [DONE]\n\n"
BODY_BYTES: Final = 1_000_000_000
PIECE: Final = bytes(1 << 16)
Write = Callable[[bytes], Awaitable[None]]
Script = Callable[[Write], Awaitable[None]]
Answer = Callable[[bytes, bytes], bytes | Script]
"""An answer is whole, or written piece by piece, no faster than it is read."""


def reply(body: bytes, status: bytes = b"200 OK") -> bytes:
    """Write a whole answer."""
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


class Answering(asyncio.Protocol):
    """Reads requests one after the other and answers each from its line and body."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._read = b""
        self._writing: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport: Any = transport

    def connection_lost(self, _: Exception | None) -> None:
        """Write no more."""
        if self._writing is not None:
            self._writing.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[: end + 2]
            found = LENGTH.search(head)
            size = int(found[1]) if found else 0
            if len(self._read) < end + 4 + size:
                return
            body = self._read[end + 4 : end + 4 + size]
            self._read = self._read[end + 4 + size :]
            answer = self._answer(head[: head.index(b"\r\n")], body)
            if isinstance(answer, bytes):
                self._transport.write(answer)
            else:
                self._writing = asyncio.ensure_future(answer(self._write))

    def pause_writing(self) -> None:
        """Wait until what was written is read."""
        self._room.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._room.set()

    async def _write(self, data: bytes) -> None:
        await self._room.wait()
        self._transport.write(data)


def chunk(data: bytes) -> bytes:
    """Write a chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def stream(write: Write, events: int) -> None:
    """Write so many events, the first of them at once and then one a second."""
    await write(STREAM_HEAD + chunk(EVENT))
    for _ in range(events - 1):
        await asyncio.sleep(1)
        await write(chunk(EVENT))
    await write(chunk(LAST_EVENT) + b"0\r\n\r\n")


async def large_body(write: Write) -> None:
    """Write a body of a gigabyte."""
    await write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n"
        b"content-length: %d\r\n\r\n" % BODY_BYTES
    )
    left = BODY_BYTES
    while left:
        piece = PIECE[:left]
        await write(piece)
        left -= len(piece)


class Agent:
    """Answers a completion; what is called /fail fails, and /stream and /body take their time."""

    _good = reply(COMPLETION)
    _bad = reply(b'{"error":"no"}', b"500 Internal Server Error")

    def __call__(self, line: bytes, _: bytes) -> bytes | Script:
        """Answer."""
        if b" /stream" in line:
            return partial(stream, events=int(STREAM_OF.findall(line)[0]))
        if b" /body" in line:
            return large_body
        return self._bad if b" /fail" in line else self._good


class Facilitator:
    """Settles whatever it is asked, at once; the nonce is the transaction's name."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        kind = {"x402Version": 2, "scheme": "exact", "network": NETWORK}
        self._supported = reply(
            json.dumps({"kinds": [kind, kind | {"x402Version": 1}], "extensions": [], "signers": {}}).encode()
        )

    def __call__(self, line: bytes, body: bytes) -> bytes:
        """Answer `/supported`, `/verify` or `/settle`."""
        if b"/supported" in line:
            return self._supported
        payer, nonce, value = PAYER.search(body), NONCE.search(body), VALUE.search(body)
        assert payer
        assert nonce
        assert value
        if b"/verify" in line:
            return reply(b'{"isValid":true,"payer":"%s"}' % payer[1])
        self._node.settled[nonce[1].decode().lower()] = (payer[1].decode().lower(), int(value[1]))
        return reply(
            b'{"success":true,"transaction":"%s","network":"%s","payer":"%s"}'
            % (nonce[1], NETWORK.encode(), payer[1])
        )


class Node:
    """A chain that has mined, long ago, whatever the facilitator settled. Everybody is rich."""

    def __init__(self) -> None:
        self.settled: dict[str, tuple[str, int]] = {}
        self._mined: dict[str, str] = {}
        self._block = 100

    def __call__(self, _: bytes, body: bytes) -> bytes:
        """Answer one JSON-RPC request or a batch."""
        asked = json.loads(body)
        many = asked if isinstance(asked, list) else [asked]
        told = [{"jsonrpc": "2.0", "id": each["id"], "result": self._result(each)} for each in many]
        return reply(json.dumps(told if isinstance(asked, list) else told[0]).encode())

    def _result(self, asked: dict[str, Any]) -> object:
        match asked["method"]:
            case "eth_chainId":
                return hex(CHAIN_ID)
            case "eth_blockNumber":
                self._block += 1
                return hex(self._block)
            case "eth_getBlockByNumber":
                self._block += 1
                return {"number": hex(self._block), "timestamp": hex(int(time.time()))}
            case "eth_call":
                balance = asked["params"][0]["data"].startswith("0x70a08231")
                return _word(10**15 if balance else 0)
            case "eth_getLogs":
                return self._logs(asked["params"][0])
            case "eth_getTransactionReceipt":
                return self._receipt(asked["params"][0])
        return None

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, object]]:
        event, _, nonces = wanted["topics"]
        return [
            self._log(wanted, event, nonce)
            for nonce in map(str.lower, nonces if isinstance(nonces, list) else [nonces])
            if nonce in self.settled
        ]

    def _log(self, wanted: dict[str, Any], event: str, nonce: str) -> dict[str, object]:
        block = self._mined.setdefault(nonce, wanted["toBlock"])
        return {
            "address": wanted["address"],
            "topics": [event, _word(int(self.settled[nonce][0], 16)), nonce],
            "data": "0x",
            "transactionHash": nonce,
            "blockNumber": block,
            "logIndex": "0x0",
            "removed": False,
        }

    def _receipt(self, transaction: str) -> dict[str, object]:
        payer, value = self.settled[transaction]
        topics = [TRANSFER, _word(int(payer, 16)), _word(int(PAY_TO, 16))]
        log = {"address": ASSET, "topics": topics, "data": _word(value), "logIndex": "0x1"}
        found = {"transactionHash": transaction, "blockNumber": self._mined[transaction], "status": "0x1"}
        return found | {"logs": [log]}


def _word(number: int) -> str:
    return "0x" + number.to_bytes(32, "big").hex()


async def main() -> None:
    """Listen, say where, and answer until the standard input ends."""
    node = Node()
    loop = asyncio.get_running_loop()
    ports = {}
    answers: dict[str, Answer] = {"agent": Agent(), "facilitator": Facilitator(node), "node": node}
    for name, answer in answers.items():
        server = await loop.create_server(partial(Answering, answer), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
