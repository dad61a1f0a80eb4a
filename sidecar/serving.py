"""The running sidecar: three listeners, the tasks beside them, and an orderly end."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ledger.signing import Signer
from ledger.stores import versions
from sidecar.adapters.logs import JsonLines, LibraryLogs, LogObserver
from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.storage.opening import OpenStorage
from sidecar.adapters.storage.reading import reader_of
from sidecar.adapters.system import SystemClock, SystemIds
from sidecar.arrival import look_around
from sidecar.domain.events import Event, Lifecycle, NeedsAttention
from sidecar.folding import Folding
from sidecar.http.agent import agent_app
from sidecar.http.operator.app import operator_app
from sidecar.http.operator.policies import policies_object
from sidecar.http.reading import ProtocolLimits
from sidecar.http.servers import Listener, bind, serve
from sidecar.ports import Observer, StorageUnavailable
from sidecar.readiness import Readiness
from sidecar.sealing import OtherKey, Sealing
from sidecar.settings import Settings
from sidecar.wiring import PaidPath, open_storage, paid_path

STORAGE_CHECK_S: Final = 0.2
COLLECT_AT: Final = (10_000, 20, 50)
"""How many objects, and rounds over the younger ones, come before the collector's next round."""


class Everybody:
    """Tells several observers the same."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._tell = [observer.saw for observer in observers]

    def saw(self, event: Event) -> None:
        """Tell all of them that *event* happened."""
        for tell in self._tell:
            tell(event)


@dataclass(frozen=True, slots=True)
class Bound:
    """The ports the listeners got, which with port 0 are not those asked for."""

    buyers: int
    agent: int
    operator: int


async def run(settings: Settings, on_ready: Callable[[Bound], None]) -> bool:
    """Serve until told to stop; True for a clean end, False if the storage failed on the way.

    Raises one sentence before anything is served: CannotListenError, StoreRefused,
    SecretsUnusable, Unreadable.
    """
    async with AsyncExitStack() as open_things:
        sockets = bind(_addresses(settings))
        for each in sockets:
            open_things.callback(each.close)
        clock = SystemClock()
        lines = JsonLines(sys.stderr, clock)
        open_things.callback(lines.close)
        _carry_library_logs(lines)
        metrics = MetricsObserver(clock)
        observer = Everybody((LogObserver(lines), metrics))
        run = "run_" + SystemIds().call(clock.now_us()).removeprefix("call_")
        storage = open_storage(settings, clock, run)
        open_things.push_async_callback(storage.close)
        metrics.chain = lambda: storage.lag
        path = await _paid_path(settings, storage, clock, observer, run)
        open_things.push_async_callback(path.adapters.close)
        reader = reader_of(settings.books)
        await reader.open()
        open_things.push_async_callback(reader.close)
        readiness = _readiness(path, observer)
        stop = asyncio.Event()
        signer = Signer(path.secrets.checkpoints)
        sealing = Sealing(storage, signer, clock, observer)
        tasks = [
            path.recovery.run(),
            path.collector.run(),
            path.adapters.upstream.watch(),
            path.facilitators.watch(),
            readiness.watch(),
            _watch_storage(path, stop),
            sealing.run(),
            Folding(storage, settings.books, run, clock, observer).run(),
        ]
        for task in tasks:
            open_things.push_async_callback(_end, asyncio.create_task(task))
        operator = operator_app(
            reader=reader,
            metrics=metrics,
            token=settings.operator.token or path.secrets.operator,
            readiness=readiness.states,
            clock=clock,
            audit_place=settings.books,
            in_force=policies_object(settings),
            signer=signer,
            storage=storage,
        )
        ids = SystemIds()
        limits = _limits(settings)
        named = replace(limits, call_id=lambda: ids.call(clock.now_us()))
        listeners = [
            Listener("buyers", sockets[0], path.buyers, named, path.buyers.at_once),
            Listener("agent", sockets[1], agent_app(path.reporting), limits),
            Listener("operator", sockets[2], operator, limits),
        ]
        await _serve(settings, listeners, path, readiness, observer, stop, on_ready)
        with contextlib.suppress(StorageUnavailable, OtherKey):  # the next run signs it
            await sealing.seal()
        return storage.failed is None


async def _paid_path(
    settings: Settings, storage: OpenStorage, clock: SystemClock, observer: Observer, run: str
) -> PaidPath:
    path = await paid_path(settings, storage, clock, observer, run)
    damaging = versions.warning()
    if damaging is not None:
        observer.saw(NeedsAttention("sqlite_version", damaging))
    for warning in settings.warnings:
        observer.saw(NeedsAttention(warning.code, warning.message))
    await look_around(path, clock, observer)
    return path


def _readiness(path: PaidPath, observer: Observer) -> Readiness:
    storage = path.adapters.storage
    return Readiness(
        upstream=lambda: path.adapters.upstream.state,
        facilitators=path.facilitators,
        offers=path.offers,
        heads=path.heads,
        storage_failed=lambda: storage.failed,
        observer=observer,
    )


async def _serve(
    settings: Settings,
    listeners: Sequence[Listener],
    path: PaidPath,
    readiness: Readiness,
    observer: Observer,
    stop: asyncio.Event,
    on_ready: Callable[[Bound], None],
) -> None:
    bound = Bound(*(listener.port for listener in listeners))

    def started() -> None:
        spare_the_collector()
        observer.saw(Lifecycle("serving", f"buyers {bound.buyers}, operator {bound.operator}"))
        on_ready(bound)

    def draining() -> None:
        path.buyers.drain()
        readiness.draining = True
        observer.saw(Lifecycle("draining"))

    await serve(
        listeners,
        on_drain=draining,
        in_flight=partial(_finished, path),
        on_ready=started,
        stop=stop,
        drain_timeout_ms=settings.limits.drain_s * 1000,
    )
    observer.saw(Lifecycle("stopped"))


def spare_the_collector() -> None:
    """Let the garbage collector look at what calls leave behind, and at that less often.

    What was built until now lives as long as the process, and is never looked at again. Little of a call is
    in cycles: with Python's own thresholds the search for them takes a twelfth of a paid call's time.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT_AT)


async def _finished(path: PaidPath) -> None:
    """Wait until no paid call is open, and nothing is owed that somebody settles now."""
    await path.buyers.idle()
    await path.collector.finish()


async def _watch_storage(path: PaidPath, stop: asyncio.Event) -> None:
    """End the process in order once the storage is finished: it must not take money any more."""
    while True:
        if path.adapters.storage.failed is not None:
            stop.set()
            return
        await asyncio.sleep(STORAGE_CHECK_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


def _addresses(settings: Settings) -> list[tuple[str, str, int]]:
    listen = settings.listen
    named = (("buyers", listen.buyers), ("agent", listen.agent), ("operator", listen.operator))
    return [(name, address.host, address.port) for name, address in named]


def _limits(settings: Settings) -> ProtocolLimits:
    limits = settings.limits
    return ProtocolLimits(
        request_line_bytes_max=limits.request_line_bytes,
        headers_bytes_max=limits.headers_bytes,
        fields_max=limits.header_fields,
        head_timeout_ms=limits.header_read_s * 1000,
        body_idle_ms=limits.body_idle_s * 1000,
        unread_bytes_max=max(ProtocolLimits().unread_bytes_max, limits.paid_body_bytes),
    )


def _carry_library_logs(lines: JsonLines) -> None:
    root = logging.getLogger()
    root.handlers[:] = [LibraryLogs(lines)]
    root.setLevel(logging.WARNING)
