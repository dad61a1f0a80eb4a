"""One buyer's request and the answer to it, as plain ASGI. Nothing here raises when the buyer is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

from sidecar.domain.refusals import Code, Refusal
from sidecar.http import headers, replies
from sidecar.http.paid_body import PaidBody
from sidecar.http.request_rules import LATE
from sidecar.patience import within
from sidecar.ports import Headers, Kept
from sidecar.x402 import version1
from sidecar.x402.challenge import Challenge
from sidecar.x402.codec import VERSION, encode_response, encode_response_v1
from sidecar.x402.documents import SettleReply

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
NO_CONTENT: Final = 204
PAYMENT_REQUIRED: Final = 402
_END: Final[Message] = {"type": "http.response.body", "body": b"", "more_body": False}
BODILESS: Final = frozenset({204, 304})
"""Statuses without a body; a length that says otherwise is not passed on (RFC 9110 section 8.6)."""
BODY_TOTAL_S: Final = 120
"""How long a paid request's body may take in all, however steadily it trickles, in seconds."""


class BuyerLeft(Exception):
    """The buyer went away before its request was whole."""


class BuyerExchange:
    """The buyer's side of one call; see `delivery.Exchange` for the contract.

    `status` is what was answered, 0 while nothing was, and `outcome` how: served,
    failed or refused:<code>. `write_idle_s` is how long a buyer may take for one
    piece before it counts as gone.
    """

    def __init__(
        self, receive: Receive, send: Send, call: str, *, write_idle_s: int, cross_origin: bool
    ) -> None:
        self.call = call
        self.status = 0
        self.outcome = "unanswered"
        self.policy = ""
        self.asking: Callable[[], Challenge | None] | None = None  # gives what a 402 asks for
        self.path = b""
        self.version = VERSION  # of the payment, once there is one
        self._receive = receive
        self._send = send
        self._write_idle_s = write_idle_s
        self._cross_origin = cross_origin
        self._body_read: asyncio.Event | None = None  # while the body streams to the agent
        self._gone: asyncio.Task[None] | None = None
        self._lost = False

    async def read_body(self, limit: int) -> PaidBody | Refusal:
        """Read the body whole; a refusal if it is too large or too slow, BuyerLeft if it breaks off."""
        whole = PaidBody()
        piece, more = await self._piece()  # mostly all there is; the server bounds how long it is waited for
        whole.add(piece)
        try:
            if more and whole.size <= limit:
                async with asyncio.timeout(BODY_TOTAL_S):
                    while more and whole.size <= limit:
                        piece, more = await self._piece()
                        whole.add(piece)
        except TimeoutError:
            whole.close()
            return LATE
        except BaseException:  # the buyer left, or nobody waits for it any more
            whole.close()
            raise
        if whole.size > limit:
            whole.close()
            return Refusal(Code.BODY_TOO_LARGE)
        return whole

    async def body(self) -> bytes | AsyncIterator[bytes]:
        """Return the request body: as bytes if it is short and here, else as it comes; BuyerLeft as there."""
        piece, more = await self._piece()
        return self._stream_body(piece) if more else piece

    async def _stream_body(self, piece: bytes) -> AsyncIterator[bytes]:
        """Yield *piece* and what comes after it; BuyerLeft if it breaks off."""
        self._body_read = asyncio.Event()
        more = True
        try:
            while True:
                if piece:
                    yield piece
                if not more:
                    return
                piece, more = await self._piece()
        finally:
            self._body_read.set()

    async def _piece(self) -> tuple[bytes, bool]:
        """Return the next piece of the request body, and whether there are more."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise BuyerLeft
        return message.get("body", b""), message.get("more_body", False)

    async def start(
        self,
        status: int,
        fields: Headers,
        receipt: SettleReply | None,
        *,
        failed: bool = False,
        owed: bool = False,
    ) -> bool:
        """Send the agent's status and fields; paid or *owed*, they are those of an answer that is sold."""
        if self.status:
            return False
        await self._begin(status, self._passing(status, fields, receipt, failed=failed, owed=owed))
        return not self._lost

    def _passing(
        self, status: int, fields: Headers, receipt: SettleReply | None, *, owed: bool, failed: bool = False
    ) -> list[tuple[bytes, bytes]]:
        """Return the fields an answer of the agent's leaves with, and note how it counts."""
        if receipt is None and not owed:
            self.outcome, passing = "failed", headers.answer(fields)
        else:
            self.outcome = "served" if 200 <= status < 300 and not failed else "failed"
            passing = headers.paid_answer(fields, self._receipts(receipt) if receipt else ())
        if status in BODILESS:
            passing = [field for field in passing if field[0] != b"content-length"]
        passing.append((b"sidecar-call-id", self.call.encode()))
        return passing

    async def send(self, chunk: bytes) -> bool:
        """Send a piece of the body; False once the buyer is gone or too slow."""
        if self._gone is not None and self._gone.done():
            self._lost = True
        if self._lost:
            return False
        return await self._put({"type": "http.response.body", "body": chunk, "more_body": True})

    async def finish(self) -> bool:
        """End the answer cleanly; False if the buyer is gone or too slow."""
        self._stop_watching()
        return not self._lost and await self._put(_END)

    def cut(self) -> None:
        """Leave the answer without its end: the server closes the connection."""
        self._stop_watching()
        self.outcome = "failed"
        self._lost = True

    async def replay(
        self, kept: Kept, receipt: SettleReply | None, call: str = "", *, within_s: int | None = None
    ) -> bool:
        """Send a whole answer with the fields it had; False if the buyer is gone or too slow."""
        self.call = call or self.call
        if self.status:
            return False
        fields = self._passing(kept.status, kept.headers, receipt, owed=receipt is None)
        return await self._answer(kept.status, fields, kept.body, within_s)

    async def hand_over(self, status: int, fields: Headers, content: bytes) -> bool:
        """Send an agent's whole answer that nobody pays for; False if the buyer is gone or too slow."""
        return await self._answer(status, self._passing(status, fields, None, owed=False), content)

    def status_of(self, refusal: Refusal) -> int:
        """Return the status a refusal is answered with."""
        return replies.REPLIES[refusal.code].status

    async def refuse(
        self,
        refusal: Refusal,
        receipt: SettleReply | None = None,
        *,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        """Answer with a refusal; if an answer was begun, it is cut instead."""
        if self.status:
            self.cut()
            return
        self.outcome, self.policy = f"refused:{refusal.code}", refusal.policy
        call = refusal.call or self.call
        status = self.status_of(refusal)
        challenge = self.asking() if status == PAYMENT_REQUIRED and self.asking is not None else None
        kind, content = replies.body(refusal, call, challenge, self.path, extensions)
        fields = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(content)),
            (b"sidecar-call-id", call.encode()),
            *replies.fields(refusal),
        ]
        if challenge is not None:
            error = (refusal.reason or refusal.code.value).encode("ascii")
            fields.append((b"payment-required", challenge.header(self.path, error)))
        if receipt is not None:
            fields += self._receipts(receipt)
        await self._answer(status, [*fields, *self._shared()], content)

    def _shared(self) -> Headers:
        return headers.SHARED if self._cross_origin else ()

    def _receipts(self, receipt: SettleReply) -> list[tuple[bytes, bytes]]:
        """Return the receipt as version 2 names it, and for a version 1 payment as that one does too."""
        fields = [(b"payment-response", encode_response(receipt))]
        if self.version == version1.VERSION:
            fields.append((b"x-payment-response", encode_response_v1(receipt)))
        return fields

    async def answer(self, status: int, fields: list[tuple[bytes, bytes]], content: bytes) -> None:
        """Answer with a whole document of our own; a preflight's answer says itself what it grants."""
        self.outcome = "own"
        added = [(b"sidecar-call-id", self.call.encode())]
        if status != NO_CONTENT:  # RFC 9110 section 8.6: a 204 has no length
            added += [(b"content-length", b"%d" % len(content)), *self._shared()]
        await self._answer(status, [*fields, *added], content)

    async def _answer(
        self, status: int, fields: list[tuple[bytes, bytes]], content: bytes, within_s: int | None = None
    ) -> bool:
        self.status = status
        head = {"type": "http.response.start", "status": status, "headers": fields}
        body = {"type": "http.response.body", "body": content, "more_body": False}
        return await self._put(head, body, within_s=within_s)

    async def _begin(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        self.status = status
        if await self._put({"type": "http.response.start", "status": status, "headers": fields}):
            self._gone = asyncio.create_task(self._until_gone())

    async def _put(self, *messages: Message, within_s: int | None = None) -> bool:
        """Give *messages* to the server; False if the buyer is gone or does not take them in time."""
        idle_s = self._write_idle_s
        try:
            await within(idle_s if within_s is None else min(within_s, idle_s), self._send_all(messages))
        except (TimeoutError, OSError):
            self._stop_watching()
            self._lost = True
            return False
        return True

    async def _send_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._send(message)

    async def _until_gone(self) -> None:
        if (
            self._body_read is not None
        ):  # an agent may answer while the request still comes: that has its reader
            await self._body_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _stop_watching(self) -> None:
        if self._gone is not None:
            self._gone.cancel()
            self._gone = None
