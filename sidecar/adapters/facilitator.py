"""A facilitator over HTTP: carries prepared bodies out and typed replies back.

Decides nothing about money: it only tells a clean reply from everything else. What a
reply proves is the question of `domain.payments`.
"""

from typing import Final

from pyreqwest.http import Url
from pyreqwest.request import RequestBuilder

from sidecar.adapters.facilitator_auth import TokenFor
from sidecar.adapters.system import SystemClock
from sidecar.adapters.wire import Answer, ClientLimits, exchange, lost, open_client, origin_of
from sidecar.domain import clocks
from sidecar.ports import AnswerLost, Clock
from sidecar.x402.codec import ANSWER_BYTES_MAX, parse_settle, parse_supported, parse_verify
from sidecar.x402.documents import Malformed, SettleReply, SupportedKind, VerifyReply

JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))
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
        self._answer_bytes_max = answer_bytes_max
        self._client = open_client(
            ClientLimits(
                connections_max=connections_max,
                read_timeout_ms=max(verify_timeout_ms, settle_timeout_ms),
                connect_timeout_ms=connect_timeout_ms,
                pool_timeout_ms=pool_timeout_ms,
            )
        )

    async def supported(self) -> tuple[SupportedKind, ...]:
        """Ask what it settles; follows one 307 or 308 within the same origin (a well-known one sends it)."""
        url = Url(f"{self._base}/supported")
        asked_us = self._clock.now_us()
        answer = await self._get(url)
        if answer.status in MOVED:
            answer = await self._get(self._moved(url, answer))
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
        answer = await self._post("verify", body, self._verify_timeout_ms)
        reply = parse_verify(answer.body) if _may_reply(answer.status) else None
        if not isinstance(reply, VerifyReply) or (reply.valid and answer.status in CLIENT_ERROR):
            raise self._odd(answer)
        return reply

    async def settle(self, body: bytes) -> SettleReply:
        """Ask for settlement; never sent twice by this adapter."""
        answer = await self._post("settle", body, self._settle_timeout_ms)
        reply = parse_settle(answer.body) if _may_reply(answer.status) else None
        if not isinstance(reply, SettleReply) or (reply.success and answer.status in CLIENT_ERROR):
            raise self._odd(answer)
        return reply

    async def close(self) -> None:
        """Close the client; nothing can be asked afterwards."""
        await self._client.close()

    async def _get(self, url: Url) -> Answer:
        request = self._signed_in(self._client.get(url), "GET", str(url))
        return await self._ask(request, self._verify_timeout_ms)

    async def _post(self, path: str, body: bytes, timeout_ms: int) -> Answer:
        url = f"{self._base}/{path}"
        request = self._signed_in(self._client.post(url), "POST", url)
        return await self._ask(request.body_bytes(body), timeout_ms)

    def _signed_in(self, request: RequestBuilder, method: str, url: str) -> RequestBuilder:
        return request if self._token_for is None else request.bearer_auth(self._token_for(method, url))

    async def _ask(self, request: RequestBuilder, timeout_ms: int) -> Answer:
        return await exchange(
            request.headers(JSON), self._whom, timeout_ms=timeout_ms, answer_bytes_max=self._answer_bytes_max
        )

    def _moved(self, url: Url, answer: Answer) -> Url:
        """Return where /supported moved to, if that is on the same origin."""
        try:
            target = url.join(answer.location or "")
        except ValueError:
            raise self._odd(answer) from None
        if not answer.location or target.origin_ascii != url.origin_ascii:
            raise lost(self._whom, "/supported redirects to another origin")
        return target

    def _odd(self, answer: Answer) -> AnswerLost:
        return lost(self._whom, f"status {answer.status} without the document asked for")


def _may_reply(status: int) -> bool:
    return status == 200 or status in CLIENT_ERROR
