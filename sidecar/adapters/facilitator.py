"""A facilitator over HTTP: carries prepared bodies out and typed replies back.

Decides nothing about money: it only tells a clean reply from everything else. What a
reply proves is the question of `domain.payments`.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from sidecar.adapters.facilitator_auth import TokenFor
from sidecar.adapters.system import SystemClock
from sidecar.adapters.wire import Answer, Limits, Peer, lost, origin_of
from sidecar.domain import clocks
from sidecar.ports import AnswerLost, Clock
from sidecar.urls import Url, read
from sidecar.x402.codec import ANSWER_BYTES_MAX, parse_settle, parse_supported, parse_verify
from sidecar.x402.documents import Malformed, SettleReply, SupportedKind, VerifyReply

MOVED: Final = frozenset({307, 308})
CLIENT_ERROR: Final = range(400, 500)


class HttpFacilitator:
    """Implements `ports.Facilitator`. `name` is the URL as configured: fees and accounts go by it.

    A 4xx is a reply if, and only if, its body is the document asked for and says no:
    some facilitators send refusals that way. A 4xx that says yes contradicts itself.
    `ahead_s` is how far *clock* was ahead of the facilitator's when it last listed its
    kinds, as `domain.clocks` reckons it; None if it did not tell.
    """

    def __init__(
        self,
        url: str,
        *,
        token_for: TokenFor | None = None,
        verify_timeout_ms: int = 5_000,
        settle_timeout_ms: int = 30_000,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        connections_max: int = 256,
        connect_timeout_ms: int = 5_000,
        pool_timeout_ms: int = 1_000,
        clock: Clock | None = None,
    ) -> None:
        self.name = url
        self.ahead_s: int | None = None
        self._clock = clock or SystemClock()
        self._whom = f"facilitator {origin_of(url)}"
        self._base = url.rstrip("/")
        self._token_for = token_for
        self._verify_timeout_ms = verify_timeout_ms
        self._settle_timeout_ms = settle_timeout_ms
        self._peer = Peer(
            url,
            self._whom,
            Limits(
                connections_max=connections_max,
                answer_bytes_max=answer_bytes_max,
                connect_timeout_ms=connect_timeout_ms,
                pool_timeout_ms=pool_timeout_ms,
            ),
        )
        self._verify = self._request("POST", "verify")
        self._settle = self._request("POST", "settle")

    async def supported(self) -> tuple[SupportedKind, ...]:
        """Ask what it settles; follows one 307 or 308 within the same origin (a well-known one sends it)."""
        asked = self._request("GET", "supported")
        asked_us = self._clock.now_us()
        answer = await self._ask(asked, None, self._verify_timeout_ms)
        if answer.status in MOVED:
            moved = self._asked("GET", self._moved(asked.url, answer))
            answer = await self._ask(moved, None, self._verify_timeout_ms)
        supported = parse_supported(answer.body) if answer.status == 200 else None
        if supported is None or isinstance(supported, Malformed):
            raise self._odd(answer)
        answered_us = self._clock.now_us()
        self.ahead_s = answer.told_s and clocks.ahead_s(
            asked_us=asked_us, answered_us=answered_us, told_s=answer.told_s
        )
        return supported.kinds

    async def verify(self, body: bytes) -> VerifyReply:
        """Ask whether the payment would settle."""
        answer = await self._ask(self._verify, body, self._verify_timeout_ms)
        reply = parse_verify(answer.body) if _may_reply(answer.status) else None
        if not isinstance(reply, VerifyReply) or (reply.valid and answer.status in CLIENT_ERROR):
            raise self._odd(answer)
        return reply

    async def settle(self, body: bytes) -> SettleReply:
        """Ask for settlement; never sent twice by this adapter."""
        answer = await self._ask(self._settle, body, self._settle_timeout_ms)
        reply = parse_settle(answer.body) if _may_reply(answer.status) else None
        if not isinstance(reply, SettleReply) or (reply.success and answer.status in CLIENT_ERROR):
            raise self._odd(answer)
        return reply

    async def close(self) -> None:
        """Close the client; nothing can be asked afterwards."""
        self._peer.close()

    def _request(self, method: str, path: str) -> "_Asked":
        return self._asked(method, read(f"{self._base}/{path}"))

    def _asked(self, method: str, url: Url) -> "_Asked":
        return _Asked(method, url, self._peer.head(method, url.target))

    def _ask(self, asked: "_Asked", body: bytes | None, timeout_ms: int) -> Coroutine[Any, Any, Answer]:
        token = (
            None
            if self._token_for is None
            else self._token_for(asked.method, asked.url.origin + asked.url.target)
        )
        return self._peer.ask(asked.head, body, timeout_ms=timeout_ms, token=token)

    def _moved(self, url: Url, answer: Answer) -> Url:
        """Return where /supported moved to, if that is on the same origin."""
        try:
            target = url.joined(answer.location or "")
        except ValueError:
            raise self._odd(answer) from None
        if not answer.location or target.origin != url.origin:
            raise lost(self._whom, "/supported redirects to another origin")
        return target

    def _odd(self, answer: Answer) -> AnswerLost:
        return lost(self._whom, f"status {answer.status} without the document asked for")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that is made again and again: its method and URL, and the head that says so."""

    method: str
    url: Url
    head: bytes


def _may_reply(status: int) -> bool:
    return status == 200 or status in CLIENT_ERROR
