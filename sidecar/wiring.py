"""Wiring: settings become objects, once. The only place that builds things and knows all of them."""

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pricing.catalogs.overrides import OverriddenCards, Override
from pricing.rates import RateCards
from pricing.tariffs import Tariffs
from sidecar.adapters.answers import AnswersFile
from sidecar.adapters.chain import RpcChain
from sidecar.adapters.facilitator import HttpFacilitator
from sidecar.adapters.facilitator_auth import token_for
from sidecar.adapters.facilitators import Facilitators
from sidecar.adapters.knocking import WatchedUpstream
from sidecar.adapters.learning import Learning, recall
from sidecar.adapters.receipt_key import ReceiptKey
from sidecar.adapters.secrets import Secrets
from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.storage.opening import OpenStorage, open_at
from sidecar.adapters.storage.reading import AnyReader, reader_of
from sidecar.adapters.system import SystemClock, SystemIds, random_bytes
from sidecar.adapters.upstream import HttpUpstream
from sidecar.collecting import Collector, Pace
from sidecar.commits import Commits
from sidecar.delivery import Bounds as DeliveryBounds
from sidecar.domain.admission import Bounds as AdmissionBounds
from sidecar.domain.call import Offer
from sidecar.domain.days import DayLimits
from sidecar.domain.evidence import Heads
from sidecar.domain.expecting import Expected
from sidecar.domain.fees import Fees
from sidecar.domain.purses import Purses
from sidecar.domain.reporting import Bounds as ReportBounds
from sidecar.domain.routes import Routes
from sidecar.http.buyers import Buyers, Entry
from sidecar.http.paces import Paces
from sidecar.http.passing import Passing
from sidecar.http.selling import Limits as BuyerLimits
from sidecar.http.selling import Selling
from sidecar.http.wallet.nonces import Nonces
from sidecar.http.wallet.pages import Pages
from sidecar.http.wallet.proving import Proving
from sidecar.offering import compiled, offered
from sidecar.pipeline import Pipeline
from sidecar.ports import Observer
from sidecar.recovery import Recovery
from sidecar.reporting import US_PER_S, Reporting
from sidecar.room import Room
from sidecar.services import FAULT_POINTS, Services
from sidecar.settings import Limits, Settings
from sidecar.tokens import Tokens
from sidecar.weighing import Watched

ANSWERS_LIFETIME_S: Final = 15 * 60
ANSWERS_BYTES_MAX: Final = 256 * 1024 * 1024
DRAIN_BYTES: Final = 10 * 1024 * 1024
RECOVERY_INTERVAL_MS: Final = 2_000
SANDBOX_INTERVAL_MS: Final = 250


@dataclass(frozen=True, slots=True)
class Adapters:
    """What reaches outside, and has to be closed."""

    storage: OpenStorage
    upstream: WatchedUpstream
    facilitators: Sequence[HttpFacilitator]
    chains: Mapping[str, RpcChain]
    answers: AnswersFile
    reader: AnyReader

    async def close(self) -> None:
        """Close all of it, the storage last: it finishes what the others brought."""
        await self.upstream.close()
        for facilitator in self.facilitators:
            await facilitator.close()
        for chain in self.chains.values():
            await chain.close()
        await self.answers.close()
        await self.reader.close()
        await self.storage.close()


@dataclass(frozen=True, slots=True)
class PaidPath:
    """The sidecar without its listeners."""

    adapters: Adapters
    buyers: Buyers
    reporting: Reporting
    recovery: Recovery
    collector: Collector
    services: Services
    facilitators: Facilitators
    heads: Mapping[str, Heads]
    offers: Sequence[Offer]
    secrets: Secrets = field(repr=False)


def rate_cards(settings: Settings) -> RateCards:
    """Return the catalogue with the seller's own rates in front. Loads the catalogue: 0.2 s, once."""
    from pricing.catalogs import genai  # noqa: PLC0415 heavy, and only a running sidecar needs it

    overrides = [
        Override(
            model=each.model,
            input=each.input,
            output=each.output,
            cached_input=each.cached_input,
            from_us=each.since_us or None,
        )
        for each in settings.costs.overrides
    ]
    return OverriddenCards(overrides, genai.load())


def _tariffs(settings: Settings) -> Tariffs:
    fallbacks = {route.key: route.fallback_cost for route in settings.routes if route.fallback_cost}
    return Tariffs(settings.costs.tools, fallbacks)


def open_storage(settings: Settings, clock: SystemClock, owner: str) -> OpenStorage:
    """Open the books for the run *owner*; `ledger.store.StoreRefused` with one sentence if they cannot be."""
    return open_at(settings.books, clock.now_us, owner)


async def paid_path(
    settings: Settings, storage: OpenStorage, clock: SystemClock, observer: Observer, owner: str
) -> PaidPath:
    """Build the paid path of *settings* on an open storage. *owner* names this run of the process."""
    floored = [route.key for route in settings.routes if route.margin_floor is not None]
    expected = Expected(floored)
    if floored:
        await asyncio.to_thread(recall, expected, settings.books, clock.now_us())
    observer = Learning(observer, expected, clock)
    kept = load_secrets(settings.storage)
    adapters = _adapters(settings, storage, clock, kept.answers)
    facilitators = Facilitators(adapters.facilitators, clock, observer)
    heads = {name: Heads(settings.networks[name].confirmations) for name in adapters.chains}
    limits = settings.limits
    delivery = _delivery(limits)
    services = Services(
        commits=Commits(storage, observer),
        upstream=adapters.upstream,
        answers=adapters.answers,
        facilitators=facilitators,
        chains=adapters.chains,
        head_block=lambda network: heads[network].lasting if network in heads else 0,
        clock=clock,
        observer=observer,
        cards=rate_cards(settings),
        expected=expected,
        fees=Fees(settings.fees.facilitator, settings.fees.platform),
        admission=_admission(settings, owner, adapters.chains),
        delivery=delivery,
        room=Room(limits.read_ahead_total_bytes),
        tariffs=_tariffs(settings),
        purses=Purses(),
        collect=asyncio.Event(),
        reached=_fault_point(os.environ.get("SIDECAR_FAULT", "") if settings.sandbox else ""),
    )
    entries = await offered(settings, services)
    tokens = Tokens(
        origin=kept.origin, calls=kept.calls, life_s=_call_max_s(settings) + limits.close_window_s
    )
    await adapters.reader.open()
    routes = compiled(settings)
    buyers = Buyers(
        entries=entries,
        routes=routes,
        selling=Selling(Pipeline(services), clock, tokens, _buyer_limits(limits, storage)),
        passing=Passing(adapters.upstream, observer, delivery),
        pages=_pages(settings, entries, routes, adapters.reader, kept, services),
        clock=clock,
        ids=SystemIds(),
        observer=observer,
    )
    sales = [entry.sold.sale for entry in entries if entry.sold]
    offers = [offer for sale in sales for offer in sale.endpoint.offers]
    taken = [*(offer for sale in sales for offer in sale.offers), *offers]  # of two alike, the one in force
    interval_ms = SANDBOX_INTERVAL_MS if settings.sandbox else RECOVERY_INTERVAL_MS
    watched = {name: Watched(chain, heads[name]) for name, chain in adapters.chains.items()}
    recovery = Recovery(services, watched, taken, owner, interval_ms)
    pace = Pace(limits.flush_batch, limits.flush_concurrency, limits.flush_every_s)
    collector = Collector(services, taken, owner, pace)
    reporting = Reporting(
        services, tokens, ReportBounds(limits.cost_reports, limits.close_window_s * US_PER_S)
    )
    return PaidPath(
        adapters, buyers, reporting, recovery, collector, services, facilitators, heads, offers, kept
    )


def _delivery(limits: Limits) -> DeliveryBounds:
    return DeliveryBounds(
        limits.read_ahead_bytes,
        limits.stream_total_s,
        limits.drain_s,
        DRAIN_BYTES,
        keep_bytes=limits.stored_answer_bytes,
    )


def _admission(settings: Settings, owner: str, watched: Collection[str]) -> AdmissionBounds:
    exposure, limits = settings.exposure, settings.limits
    return AdmissionBounds(
        exposure.per_payer,
        limits.reentries,
        owner,
        DayLimits(exposure.per_day, limits.uncharged_cost),
        frozenset(watched),
    )


def _pages(
    settings: Settings,
    entries: Sequence[Entry],
    routes: Routes,
    reader: AnyReader,
    kept: Secrets,
    services: Services,
) -> Pages:
    limits = settings.limits
    chains = [accept.network for accept in settings.accept]
    return Pages(
        public_url=settings.public_url,
        entries=entries,
        routes=routes,
        reader=reader,
        proving=Proving(settings.public_url, chains, Nonces(kept.calls, random_bytes)),
        key=ReceiptKey(kept.receipts),
        paces=Paces(limits.per_address, limits.per_buyer),
        clock=services.clock,
        observer=services.observer,
        body_bytes_max=limits.paid_body_bytes,
    )


def _buyer_limits(limits: Limits, storage: OpenStorage) -> BuyerLimits:
    return BuyerLimits(
        limits.payment_header_bytes,
        limits.paid_body_bytes,
        limits.open_calls,
        limits.per_buyer,
        limits.per_address,
        lambda: storage.processes,
    )


def _call_max_s(settings: Settings) -> int:
    """Return how long a call may take: a token of it must outlive that, to report what came last."""
    limits = settings.limits
    return _headers_max_s(settings) + limits.settle_s + limits.stream_total_s + limits.drain_s


def _headers_max_s(settings: Settings) -> int:
    return max((route.timeout_s for route in settings.routes), default=60)


def _adapters(settings: Settings, storage: OpenStorage, clock: SystemClock, answers_key: bytes) -> Adapters:
    limits = settings.limits
    connect_ms = limits.upstream_connect_s * 1000
    upstream = HttpUpstream(settings.upstream, connect_timeout_ms=connect_ms)
    return Adapters(
        storage=storage,
        upstream=WatchedUpstream(upstream, settings.upstream, timeout_ms=connect_ms),
        facilitators=[
            HttpFacilitator(
                each.url,
                token_for=token_for(each.access, clock, random_bytes),
                verify_timeout_ms=limits.verify_s * 1000,
                settle_timeout_ms=limits.settle_s * 1000,
            )
            for each in settings.settlement.facilitators
        ],
        answers=AnswersFile(
            settings.storage.with_name(settings.storage.name + ".answers"),
            answers_key,
            lifetime_s=ANSWERS_LIFETIME_S,
            total_bytes_max=ANSWERS_BYTES_MAX,
        ),
        reader=reader_of(settings.books),
        chains={name: RpcChain(list(network.rpc)) for name, network in settings.networks.items()},
    )


def _fault_point(name: str) -> Callable[[str], None]:
    """Return what is told of each fault point: it ends the process at *name*, which only a sandbox sets."""
    assert name == "" or name in FAULT_POINTS, f"SIDECAR_FAULT is one of {', '.join(FAULT_POINTS)}"

    def reached(point: str) -> None:
        if point == name:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached
