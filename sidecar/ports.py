"""Ports: what the paid path needs of the world. Each docstring is the contract its adapters are held to.

Knows no adapter. Faults are few and born at the seam: an adapter translates
foreign exceptions once, by evidence and not by the exception's name.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ledger.values import value
from sidecar.domain.choosing import Kind
from sidecar.domain.events import Event
from sidecar.domain.transfers import TransferLog
from sidecar.x402.documents import SettleReply, SupportedKind, VerifyReply

Headers = Sequence[tuple[bytes, bytes]]
"""Header fields in order, names in lower case, duplicates kept."""

R = TypeVar("R")

PayerNonce = tuple[bytes, bytes]
"""What a token knows an authorization by: its payer's address and its nonce."""


class Fault(Exception):
    """Something outside did not do its part. The text is for the operator, never for a buyer."""


class NothingSent(Fault):
    """The request never left; asking again, or somebody else, is safe."""


class AnswerLost(Fault):
    """It may have arrived; only evidence tells."""


class TimedOut(AnswerLost):
    """It may have arrived, and no answer came within the time allowed."""


class StorageUnavailable(Fault):
    """A unit of work was not committed: nothing of it is on disk."""


class StorageGone(StorageUnavailable):
    """The storage is finished for this process; what it was last asked to commit may be on disk."""


class Clock(Protocol):
    """Time as integers."""

    def now_us(self) -> int:
        """Return microseconds since the epoch, UTC."""
        ...

    def monotonic_us(self) -> int:
        """Return microseconds of a clock that never goes back, for durations."""
        ...


class Ids(Protocol):
    """Fresh names."""

    def call(self, now_us: int) -> str:
        """Return a call id: `call_` and 26 characters that sort by time (ULID)."""
        ...


class Observer(Protocol):
    """Takes events; turns them into log lines, metrics, webhooks. Never raises, never blocks."""

    def saw(self, event: Event) -> None:
        """Note that *event* happened."""
        ...


@value
class UpstreamRequest:
    """What leaves for the agent. `target` is the canonical path and query, byte for byte."""

    method: str
    target: bytes
    headers: Headers
    body: bytes | AsyncIterable[bytes] | None
    headers_timeout_s: int


class UpstreamAnswer(Protocol):
    """The agent's answer once its headers are in. Owned by one task; `close` is always called."""

    status: int
    headers: Headers

    def whole(self) -> bytes | None:
        """Take the whole body, if nothing of it was read and all of it is here; else it comes in `chunks`."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, untouched, with backpressure. AnswerLost if it breaks off."""
        ...

    async def close(self) -> None:
        """Release the connection; safe at any time and more than once."""
        ...


@value
class Kept:
    """An agent's whole answer, kept for the buyer who paid for it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Answers(Protocol):
    """Where answers are kept for a while. Losing one costs a repeat, never money; nothing here raises."""

    def keep(self, call: str, kept: Kept, now_us: int) -> Awaitable[None]:
        """Keep the answer of *call* for a while, if there is room: it is found from now on.

        It outlives the process once what is returned is done; that need not be waited for.
        """
        ...

    async def find(self, call: str, now_us: int) -> Kept | None:
        """Return the answer kept for *call*, or None."""
        ...


class Upstream(Protocol):
    """The one place calls are forwarded to."""

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Send and wait for the headers.

        NothingSent: no connection (also when none is free). TimedOut: no headers
        within `headers_timeout_s`. AnswerLost: anything else, also an answer
        whose headers cannot be carried on.
        """
        ...


class Facilitator(Protocol):
    """One x402 facilitator over HTTP. Bodies are the prepared JSON of `x402.codec`.

    NothingSent and AnswerLost as everywhere: a 5xx, an answer over 64 KiB, or one
    that is not the document asked for, is AnswerLost.
    """

    name: str

    async def supported(self) -> tuple[SupportedKind, ...]:
        """Ask what it settles."""
        ...

    async def verify(self, body: bytes) -> VerifyReply:
        """Ask whether the payment would settle. May be repeated."""
        ...

    async def settle(self, body: bytes) -> SettleReply:
        """Ask for settlement. The caller has committed *sending* before."""
        ...


@value
class Vouched:
    """What was said to `/verify`, and by whom."""

    by: str
    reply: VerifyReply


class Facilitators(Protocol):
    """All facilitators of the config, seen by the paid path as one that knows whom to ask.

    What comes of asking those it hands out decides whom it names next.
    """

    def admits(self, kind: Kind) -> bool:
        """Tell whether a call that pays by *kind* may be let in: somebody settles it, and answers."""
        ...

    def begins(self, kind: Kind) -> bool:
        """Note that the work of a funded call is about to begin; False if nobody would settle it now.

        One that is being tried again gets one such call at a time, and no call
        that cannot pay is ever that one.
        """
        ...

    def choose(self, kind: Kind, besides: Collection[str] = ()) -> Facilitator | None:
        """Return who should be asked to settle now, not one of *besides*; None if nobody can be.

        Asked for before *sending* is committed, because that commit names it.
        """
        ...

    def by_name(self, name: str) -> Facilitator | None:
        """Return the facilitator a payment names, whatever its health; None if the config lost it."""
        ...

    async def verify(self, body: bytes, kind: Kind) -> Vouched:
        """Ask whether the payment would settle: one after the other, until one says.

        The last one's Fault if nobody does, NothingSent if nobody can be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block seen."""

    number: int
    timestamp_s: int


@value
class Funds:
    """What the chain says of a payer: balance in atomic units, and whether this nonce is spent."""

    balance: int
    nonce_used: bool


class Chain(Protocol):
    """Read-only evidence from one EVM network. Every method raises Fault when it could not be asked."""

    async def chain_id(self) -> int:
        """Return the chain id the node says it serves."""
        ...

    async def head(self) -> Head:
        """Return the newest block."""
        ...

    async def funds(self, asset: bytes, payer: bytes, nonce: bytes) -> Funds:
        """Return balance and nonce state at the newest block, asked in one batch."""
        ...

    async def nonces_used(
        self, asset: bytes, signed: Sequence[PayerNonce], block: int
    ) -> frozenset[PayerNonce]:
        """Return those of *signed* whose `authorizationState` is used as of *block* (EIP-3009)."""
        ...

    async def transfers_of(
        self, asset: bytes, signed: Sequence[PayerNonce], *, from_block: int, to_block: int
    ) -> Mapping[PayerNonce, tuple[TransferLog, ...]]:
        """Return, of each of *signed* that was used, the Transfers made by the transaction that used it.

        Found by the `AuthorizationUsed(payer, nonce)` log, so it does not matter
        who broadcast it. What was not used in these blocks, both ends included, is not there.
        """
        ...

    async def balance(self, asset: bytes, owner: bytes) -> int:
        """Return `balanceOf(owner)` at the newest block, in atomic units."""
        ...

    async def token(self, asset: bytes) -> "TokenFacts":
        """Return what the token says of itself, for `check --online`."""
        ...


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A token's own word: decimals, and its EIP-712 domain separator (32 bytes)."""

    decimals: int
    domain_separator: bytes


class Storage(Protocol):
    """The sidecar's durable state.

    A unit of work is a plain function of a synchronous transaction: one thread
    hop, and durable when `run` returns.
    """

    async def run(self, unit: Callable[[Any], R]) -> R:
        """Run *unit* in a transaction of its own; its exception undoes it.

        StorageUnavailable: nothing of it was written. StorageGone: the storage
        is finished.
        """
        ...
