"""A stall: the whole paid path, as `wiring.py` builds it, between stand-ins and over real books."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from ledger.money import nano
from pricing.catalogs.overrides import OverriddenCards, Override
from pricing.tariffs import NONE
from sidecar.adapters.facilitators import Facilitators
from sidecar.adapters.receipt_key import ReceiptKey
from sidecar.adapters.storage.reading import reader_of
from sidecar.collecting import Collector, Pace
from sidecar.commits import Commits
from sidecar.delivery import Bounds as DeliveryBounds
from sidecar.domain.admission import Bounds as AdmissionBounds
from sidecar.domain.call import Endpoint
from sidecar.domain.closing import Ending
from sidecar.domain.days import UNBOUNDED
from sidecar.domain.evidence import Heads
from sidecar.domain.expecting import Expected
from sidecar.domain.fees import Fees
from sidecar.domain.pacing import Rate
from sidecar.domain.payments import State
from sidecar.domain.purses import Purses
from sidecar.domain.records import Payment, RecordsTx
from sidecar.domain.routes import BadRoutes, compile_routes
from sidecar.domain.sales import Sale
from sidecar.http.buyers import Buyers, Entry
from sidecar.http.paces import Paces
from sidecar.http.passing import Passing
from sidecar.http.selling import Limits, Selling
from sidecar.http.sold import Sold
from sidecar.http.wallet.nonces import Nonces
from sidecar.http.wallet.pages import Pages
from sidecar.http.wallet.proving import Proving
from sidecar.limiter import alone
from sidecar.pipeline import Pipeline
from sidecar.ports import Facilitator
from sidecar.recovery import Recovery
from sidecar.room import Room
from sidecar.services import Services
from sidecar.tokens import Tokens
from sidecar.weighing import Watched
from sidecar.x402.challenge import Challenge, prepare
from sidecar.x402.documents import Resource
from sidecar.x402.identifier import KEY, Demand
from tests.sidecar.builders import RUN, Books, P, a_log, a_payment_document, a_sale, an_endpoint, verified
from tests.sidecar.fakes import (
    Buyer,
    CountingIds,
    FakeChain,
    FakeFacilitator,
    ManualClock,
    MemoryAnswers,
    RecordingObserver,
    Says,
    ScriptedUpstream,
    Trace,
    TracedStorage,
)
from tests.sidecar.shop import FACILITATOR, NETWORK
from tests.sidecar.x402.signing import WALLET, header

PUBLIC_URL: Final = "https://agent.example"
ORIGIN_SECRET: Final = bytes(range(32))
CALLS_SECRET: Final = bytes(range(32, 64))
RECEIPTS_SEED: Final = bytes(range(64, 96))
FEE_NANO: Final = 1_000_000
PLATFORM_SHARE: Final = Fraction(1, 100)
PAYMENT_BYTES_MAX: Final = 16_384
BODY_BYTES_MAX: Final = 1_048_576
STUCK_S: Final = 60
"""After so long, in seconds, a test waits for what will never happen."""
BOUNDS: Final = DeliveryBounds(
    read_ahead_bytes=64, stream_total_s=60, drain_s=5, drain_bytes=4096, keep_bytes=4096
)
RESEARCH: Final = "POST /research"
MODEL: Final = "GET /models/{name}"
FREE: Final = "GET /free/*"
CARDS: Final = OverriddenCards([Override(model="house-1", input=nano(10**9), output=nano(2 * 10**9))])
"""One model: 1,000 nano-USD for an input token, 2,000 for an output token."""

COMPLETION: Final = (
    b'{"id":"c1","object":"chat.completion","model":"house-1","choices":[],'
    b'"usage":{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110}}'
)
COMPLETION_NANO: Final = 120_000
NO_RATE: Final = Rate(10**6, 1)
JSON: Final = ((b"content-type", b"application/json"),)
ANSWER: Final = Says(headers=JSON, chunks=(COMPLETION[:40], COMPLETION[40:]))
LONG: Final = Says(chunks=(b"x" * 100,))
"""More than is read ahead: it is streamed."""

# What the books say, in nano-USD by account: after a sale, a paid call that was not delivered, and so on.
FEE: Final = {"fee:facilitator": FEE_NANO, "facilitator_payable": FEE_NANO}
SOLD: Final = {"reported": P, "revenue": P, **FEE}
CREDIT: Final = {"reported": P, "buyer": P, **FEE}
BEFORE: Final = 1_000_000
"""The nonce of what a wallet has paid before."""
PAID_BEFORE: Final = {"onchain": P, "token": 50_000, "fx": 50_000, "revenue": P, **FEE}
OPEN: Final = {"authorized": P, "deposit": P, "held": P}
RETRY: Final = {"cost:retry": COMPLETION_NANO, "provider_payable": COMPLETION_NANO}
NOTHING: Final[dict[str, int]] = {}

Headers = Sequence[tuple[bytes, bytes]]


class Stall:
    """Everything one test needs to buy, to break things, and to read the books afterwards."""

    def __init__(self, folder: Path, books: Books, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.books = books
        self.trace: Trace = []
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.storage = TracedStorage(books.storage, self.trace)
        self.reader = reader_of(books.place)
        self.facilitator = FakeFacilitator(self.trace, settings.get("facilitator", FACILITATOR))
        others = [FakeFacilitator(self.trace, name) for name in settings.get("others", ())]
        self.others = {other.name: other for other in others}
        members: Sequence[Facilitator] = settings.get("facilitators", [self.facilitator, *others])
        self.facilitators = Facilitators(members, self.clock, self.observer)
        self.chain = FakeChain(self.trace)
        self.upstream = ScriptedUpstream(self.trace)
        self.answers = MemoryAnswers()
        self.heads = Heads(settings.get("confirmations", 0))
        self.points: list[str] = []
        self.defects: dict[str, Exception] = {}
        self.room = Room(settings.get("room_bytes", 1024))
        self.endpoint: Endpoint = settings.get("endpoint", an_endpoint())
        self.bounds: DeliveryBounds = settings.get("bounds", BOUNDS)
        self.expected = Expected([RESEARCH])
        self.services = Services(
            commits=Commits(self.storage, self.observer),
            upstream=self.upstream,
            answers=self.answers,
            facilitators=self.facilitators,
            chains={NETWORK: self.chain} if settings.get("chain", True) else {},
            head_block=lambda _: self.heads.lasting,
            clock=self.clock,
            observer=self.observer,
            cards=settings.get("cards", CARDS),
            expected=self.expected,
            fees=Fees({FACILITATOR: nano(FEE_NANO)}, settings.get("platform", Fraction(0))),
            admission=AdmissionBounds(
                settings.get("exposure", nano(10**12)),
                settings.get("reentries", 3),
                RUN,
                settings.get("days", UNBOUNDED),
                frozenset({NETWORK} if settings.get("chain", True) else ()),
            ),
            delivery=self.bounds,
            room=self.room,
            purses=Purses(),
            collect=asyncio.Event(),
            reached=self._reached,
            tariffs=settings.get("tariffs", NONE),
        )
        self.buyers = self._buyers(settings)

    def _buyers(self, settings: Mapping[str, Any]) -> Buyers:
        model = an_endpoint(nano(1_000_500), name=MODEL)
        endpoints: dict[str, Endpoint | None] = {RESEARCH: self.endpoint, MODEL: model, FREE: None}
        sales: dict[str, Sale] = {RESEARCH: settings["sale"]} if "sale" in settings else {}
        routes = compile_routes(list(endpoints))
        assert not isinstance(routes, BadRoutes)
        limits = Limits(
            PAYMENT_BYTES_MAX,
            BODY_BYTES_MAX,
            settings.get("open_calls", 1000),
            per_buyer=settings.get("per_buyer", NO_RATE),
            per_address=settings.get("per_address", NO_RATE),
            processes=alone,
        )
        tokens = Tokens(origin=ORIGIN_SECRET, calls=CALLS_SECRET)
        entries = [_entry(name, endpoint, sales.get(name)) for name, endpoint in endpoints.items()]
        pages = Pages(
            public_url=PUBLIC_URL,
            entries=entries,
            routes=routes,
            reader=self.reader,
            proving=Proving(PUBLIC_URL, [NETWORK], Nonces(CALLS_SECRET, os.urandom)),
            key=ReceiptKey(RECEIPTS_SEED),
            paces=Paces(limits.per_address, limits.per_buyer),
            clock=self.clock,
            observer=self.observer,
            body_bytes_max=BODY_BYTES_MAX,
        )
        return Buyers(
            entries=entries,
            routes=routes,
            selling=Selling(Pipeline(self.services), self.clock, tokens, limits),
            passing=Passing(self.upstream, self.observer, self.bounds),
            pages=pages,
            clock=self.clock,
            ids=CountingIds(),
            observer=self.observer,
        )

    def _reached(self, point: str) -> None:
        self.points.append(point)
        if point in self.defects:
            raise self.defects[point]

    def recovery(self, owner: str = RUN, *, watch: bool = True) -> Recovery:
        """Build what looks after the books; another *owner* is another run of the process."""
        watched = {NETWORK: Watched(self.chain, self.heads)} if watch else {}
        return Recovery(self.services, watched, self.endpoint.offers, owner, interval_ms=1)

    def collector(self, owner: str = RUN, *, batch: int = 100, at_once: int = 8) -> Collector:
        """Build what collects the money of delivered calls; every round but the first has to be asked for."""
        return Collector(self.services, self.endpoint.offers, owner, Pace(batch, at_once, every_s=STUCK_S))

    async def paid_before(self, wallet: Any = WALLET) -> None:
        """Let a wallet have paid for a call, finally: from now on it may be served before it pays."""
        asked = verified(call="call_before", nonce=BEFORE, wallet=wallet)
        payment = await self.books.settled(asked, number=BEFORE)
        await self.books.close(payment, Ending.DELIVERED)
        assert await self.books.arrived(payment, a_log(payment, BEFORE))

    def ask(
        self,
        method: str = "POST",
        target: bytes = b"/research",
        headers: Headers = (),
        *,
        buyer: Buyer | None = None,
    ) -> tuple[Buyer, "asyncio.Task[None]"]:
        """Send a request; returns the buyer's side and the task that serves it."""
        buyer = buyer or Buyer()
        buyer.trace = self.trace
        path, _, query = target.partition(b"?")
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path,
            "query_string": query,
            "headers": list(headers),
        }
        return buyer, asyncio.create_task(self.buyers(scope, buyer.receive, buyer.send))

    async def answer(self, *asked: Any, **named: Any) -> Buyer:
        """Send a request and wait until the app is done with it."""
        buyer, task = self.ask(*asked, **named)
        await task
        return buyer

    async def buy(self, nonce: int = 1, *, extra: Headers = (), identifier: str = "", **named: Any) -> Buyer:
        """Buy a call of the endpoint with a payment of its own, and wait until it is done."""
        payment = self.payment(nonce, identifier=identifier)
        return await self.answer(headers=[payment, *extra], **named)

    def payment(self, nonce: int = 1, *, identifier: str = "", **signed: Any) -> tuple[bytes, bytes]:
        """Return the header of a payment for the endpoint, with the buyer's name for the purchase."""
        document = a_payment_document(self.endpoint.offers[0], nonce=nonce, **signed)
        if identifier:
            info = {"required": self.endpoint.identifier is Demand.REQUIRED, "id": identifier}
            document["extensions"] = {KEY: {"info": info}}
        return b"payment-signature", header(document)

    async def stored(self, call: str = "call_1") -> Payment:
        """Return the payment that pays for *call*."""
        (key,) = self.books.select("SELECT claim_key FROM payments WHERE call_id = ?", call)
        found: Payment | None = await self.books.storage.run(lambda tx: _payment(tx, key[0]))
        assert found is not None
        return found

    async def state(self, call: str = "call_1") -> State:
        """Return where the payment of *call* stands."""
        return (await self.stored(call)).state

    def count(self, *names: str) -> dict[str, int]:
        """Return how often each of *names* happened."""
        return {name: self.trace.count(name) for name in names}


def _payment(tx: RecordsTx, claim_key: bytes) -> Payment | None:
    return tx.payment(claim_key)


def _entry(name: str, endpoint: Endpoint | None, sale: Sale | None = None) -> Entry:
    if endpoint is None:
        return Entry(name, None, 60)
    return Entry(name, Sold(sale or a_sale(endpoint=endpoint), _challenge), endpoint.timeout_s)


def _challenge(endpoint: Endpoint) -> Challenge:
    requirements = [offer.requirements for offer in endpoint.offers]
    return prepare(requirements, Resource(PUBLIC_URL), endpoint.identifier)


@asynccontextmanager
async def open_stall(folder: Path, **settings: Any) -> AsyncIterator[Stall]:
    """Open a stall in *folder*; afterwards no call is open, no task left, the audit clean."""
    before = asyncio.all_tasks()
    books = Books(folder)
    stall = Stall(folder, books, settings)
    try:
        await stall.reader.open()
        if settings.get("listed", True):
            await stall.facilitators.poll()
        stall.observer.events.clear()
        async with asyncio.timeout(STUCK_S):
            yield stall
            await stall.buyers.idle()
        assert books.findings() == {}
        if "facilitators" not in settings:  # real ones have tasks of their own
            await _quiet(before)
    finally:
        await stall.reader.close()
        await books.storage.close()


async def _quiet(before: set["asyncio.Task[Any]"]) -> None:
    """Tasks that were told to end get a few turns of the loop; what is left then was forgotten."""
    for _ in range(5):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert left == set(), "a task was left behind"
