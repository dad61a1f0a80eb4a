"""Stand-ins for what the paid path reaches: each keeps its port's contract, and writes every call down.

One `trace` is shared by all of them, so a test reads in which order things happened. Storage is never
faked: `TracedStorage` is the real one, which can be told to refuse a unit of work.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

from sidecar.domain.events import Event, NeedsAttention
from sidecar.domain.transfers import TransferLog
from sidecar.ports import (
    AnswerLost,
    Fault,
    Funds,
    Head,
    Headers,
    Kept,
    PayerNonce,
    Storage,
    TokenFacts,
    UpstreamRequest,
)
from sidecar.x402.documents import SettleReply, SupportedKind, VerifyReply
from sidecar.x402.evm_text import address_bytes
from tests.sidecar.builders import NOW_US
from tests.sidecar.shop import FACILITATOR, NETWORK
from tests.sidecar.x402.signing import NOW_S

R = TypeVar("R")
E = TypeVar("E", bound=Event)
Trace = list[str]
Message = dict[str, Any]
Step = bytes | Exception | asyncio.Event

RICH: Final = 10**12


@dataclass
class ManualClock:
    """Stands still until it is told otherwise. `set_back_us`: how far its time of day was set back."""

    time_us: int = NOW_US
    set_back_us: int = 0

    def now_us(self) -> int:
        return self.time_us - self.set_back_us

    def monotonic_us(self) -> int:
        return self.time_us

    def pass_s(self, seconds: int) -> None:
        self.time_us += seconds * 1_000_000


async def until(happened: Callable[[], bool]) -> None:
    """Let the other tasks run until *happened*."""
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 anything may bring it about
            await asyncio.sleep(0)


async def turns(count: int = 50) -> None:
    """Let the other tasks run as far as they can without the outside."""
    for _ in range(count):
        await asyncio.sleep(0)


class CountingIds:
    """Names calls call_1, call_2 and so on."""

    def __init__(self) -> None:
        self._last = 0

    def call(self, now_us: int) -> str:
        self._last += 1
        return f"call_{self._last}"


class RecordingObserver:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def saw(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def attention(self) -> list[str]:
        """Return the codes of what a person was asked to look at."""
        return [event.code for event in self.of(NeedsAttention)]


class TracedStorage:
    """The real storage; `faults` by a unit's name are raised, oldest first, instead of running it."""

    def __init__(self, inner: Storage, trace: Trace) -> None:
        self._inner = inner
        self._trace = trace
        self.faults: dict[str, list[Exception]] = {}
        self.refused = asyncio.Event()

    async def run(self, unit: Callable[[Any], R]) -> R:
        name = unit.func.__name__ if isinstance(unit, partial) else unit.__name__
        if waiting := self.faults.get(name):
            self._trace.append(f"{name} refused")
            self.refused.set()
            raise waiting.pop(0)
        done = await self._inner.run(unit)
        self._trace.append(name)
        return done


class FakeFacilitator:
    """Settles whatever it is asked to, honestly, unless `verifies` or `settles` script something else.

    While `gate` is not set no settlement is answered; `asked` tells that one was asked for.
    """

    def __init__(self, trace: Trace, name: str = FACILITATOR) -> None:
        self.name = name
        self.kinds: tuple[SupportedKind, ...] | Fault = (SupportedKind(2, "exact", NETWORK),)
        self.verifies: list[VerifyReply | Exception] = []
        self.settles: list[SettleReply | Exception] = []
        self.settled: list[bytes] = []
        self.verified: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self._trace = trace

    async def supported(self) -> tuple[SupportedKind, ...]:
        if isinstance(self.kinds, Fault):
            raise self.kinds
        return self.kinds

    async def verify(self, body: bytes) -> VerifyReply:
        self._trace.append("verify")
        self.verified.append(body)
        return _next(self.verifies, VerifyReply(True, honest(body).payer, None))

    async def settle(self, body: bytes) -> SettleReply:
        self._trace.append("settle")
        self.settled.append(body)
        self.asked.set()
        await self.gate.wait()
        return _next(self.settles, honest(body))


class MemoryAnswers:
    """Keeps answers as long as it is told to, and knows how often it was asked to."""

    def __init__(self, lifetime_s: int = 900) -> None:
        self.lifetime_us = lifetime_s * 1_000_000
        self.kept: dict[str, tuple[Kept, int]] = {}

    def keep(self, call: str, kept: Kept, now_us: int) -> "asyncio.Future[None]":
        self.kept[call] = (kept, now_us + self.lifetime_us)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def find(self, call: str, now_us: int) -> Kept | None:
        kept, until_us = self.kept.get(call, (None, 0))
        return kept if now_us < until_us else None


def honest(body: bytes, **changes: Any) -> SettleReply:
    """Answer a `/settle` body as it should be; the transaction is named after the nonce."""
    payment = json.loads(body)["paymentPayload"]
    signed = payment["payload"]["authorization"]
    network = payment["accepted"]["network"]
    payer = address_bytes(signed["from"])
    reply = SettleReply(True, signed["nonce"], network, payer, int(signed["value"]))
    return replace(reply, **changes)


def _next(script: list[Any], otherwise: R) -> R:
    if not script:
        return otherwise
    step = script.pop(0)
    if isinstance(step, Exception):
        raise step
    answer: R = step
    return answer


class FakeChain:
    """A chain whose blocks, balances, spent nonces and transfers a test writes down itself."""

    def __init__(self, trace: Trace) -> None:
        self.newest = Head(10, NOW_S)
        self.balance_units = RICH
        self.used: dict[bytes, int] = {}
        self.logs: dict[bytes, list[TransferLog]] = {}
        self.fault: Exception | None = None
        self.trips_over: set[PayerNonce] = set()
        self.trip: Exception = AnswerLost("a receipt is odd")
        self._trace = trace

    def mine(self, number: int, timestamp_s: int) -> None:
        self.newest = Head(number, timestamp_s)

    def transfer(self, nonce: bytes, *logs: TransferLog) -> None:
        """Note that *nonce* was used in the transaction that made *logs*."""
        self.used[nonce] = logs[0].block
        self.logs[nonce] = list(logs)

    async def chain_id(self) -> int:
        return 84532

    async def head(self) -> Head:
        self._ask("head")
        return self.newest

    async def funds(self, asset: bytes, payer: bytes, nonce: bytes) -> Funds:
        self._ask("funds")
        return Funds(self.balance_units, nonce in self.used)

    async def nonces_used(
        self, asset: bytes, signed: Sequence[PayerNonce], block: int
    ) -> frozenset[PayerNonce]:
        self._ask("nonces_used")
        return frozenset(each for each in signed if self.used.get(each[1], block + 1) <= block)

    async def transfers_of(
        self, asset: bytes, signed: Sequence[PayerNonce], *, from_block: int, to_block: int
    ) -> dict[PayerNonce, tuple[TransferLog, ...]]:
        self._ask("transfers_of")
        if self.trips_over & set(signed):
            raise self.trip
        blocks = range(from_block, to_block + 1)
        found = {
            each: tuple(log for log in self.logs.get(each[1], ()) if log.block in blocks) for each in signed
        }
        return {each: logs for each, logs in found.items() if logs}

    async def balance(self, asset: bytes, owner: bytes) -> int:
        return self.balance_units

    async def token(self, asset: bytes) -> TokenFacts:
        return TokenFacts(6, bytes(32))

    def _ask(self, what: str) -> None:
        self._trace.append(what)
        if self.fault is not None:
            raise self.fault


@dataclass
class Says:
    """What the agent answers; an event in its chunks is waited for, an exception raised.

    `here`: all of it came with the head.
    """

    status: int = 200
    headers: Headers = ((b"content-type", b"text/plain"),)
    chunks: Iterable[Step] = (b"done",)
    here: bool = False


class ScriptedAnswer:
    """One answer of the agent on its way."""

    def __init__(self, says: Says) -> None:
        self.status = says.status
        self.headers = says.headers
        self.given = 0
        self.closed = 0
        self._steps = says.chunks
        self._here = says.here

    def whole(self) -> bytes | None:
        if not self._here or self.given:
            return None
        self.given = 1
        return b"".join(step for step in self._steps if isinstance(step, bytes))

    async def chunks(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, Exception):
                raise step
            else:
                self.given += 1
                yield step

    async def close(self) -> None:
        self.closed += 1


class ScriptedUpstream:
    """The agent: answers `script` in order, then `otherwise`. While `gate` is not set it says nothing."""

    def __init__(self, trace: Trace) -> None:
        self.script: list[Says | Exception] = []
        self.otherwise = Says()
        self.requests: list[UpstreamRequest] = []
        self.bodies: list[bytes] = []
        self.answers: list[ScriptedAnswer] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self._trace = trace

    async def send(self, request: UpstreamRequest) -> ScriptedAnswer:
        self._trace.append("upstream")
        self.requests.append(request)
        self.bodies.append(await _whole(request.body))
        self.asked.set()
        await self.gate.wait()
        answer = ScriptedAnswer(_next(self.script, self.otherwise))
        self.answers.append(answer)
        return answer


async def _whole(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return b"".join([piece async for piece in body])


@dataclass
class Buyer:
    """A buyer's connection as a server shows it to an ASGI app: reads at its own pace, may leave.

    A request that is not `whole` never ends. While `reads` is not set no piece of a body is taken.
    After `leave` the app is told, and what it sends is lost, or raised as OSError when the server is
    `strict` (ASGI allows both).
    """

    trace: Trace = field(default_factory=list)
    pieces: Sequence[bytes] = (b"{}",)
    whole: bool = True
    strict: bool = False
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    fed: asyncio.Event = field(default_factory=asyncio.Event)
    asked_to_take: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.reads.set()
        self._to_send = list(self.pieces)

    def leave(self) -> None:
        self.left.set()

    async def receive(self) -> Message:
        if self._to_send:
            piece = self._to_send.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._to_send) or not self.whole}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await asyncio.sleep(0)
        if self.left.is_set():
            if self.strict:
                raise OSError("the connection is gone")
            return
        if message["type"] == "http.response.start":
            assert self.status == 0, "an answer begins once"
            self.status, self.headers = message["status"], list(message["headers"])
            self.trace.append("start")
            self.begun.set()
            return
        assert self.status, "a body follows its head"
        assert not self.ended, "nothing follows the end"
        self.asked_to_take.set()
        await self.reads.wait()
        if message["body"] and not self.body:
            self.trace.append("body")
        self.body += message["body"]
        self.ended = not message["more_body"]
        self.fed.set()

    def header(self, name: bytes) -> bytes | None:
        """Return the one value of a field, None when it is absent."""
        found = [value for field_name, value in self.headers if field_name == name]
        assert len(found) <= 1, f"{name!r} comes once"
        return found[0] if found else None

    def document(self) -> dict[str, Any]:
        """Return the JSON body; its length is what the headers say."""
        assert self.header(b"content-length") == b"%d" % len(self.body)
        assert self.ended
        found: dict[str, Any] = json.loads(self.body)
        return found
