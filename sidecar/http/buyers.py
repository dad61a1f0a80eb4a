"""The buyers' listener: plain ASGI in front of the paid path. Reads each header once; decides no money.

Every path is priced, free, ours, or refused. An unpaid call costs no I/O.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.events import Answered, NeedsAttention
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.requests import Request
from sidecar.domain.routes import Matched, Routes, UnknownRoute, WrongMethod
from sidecar.domain.target import Ambiguous, canonical
from sidecar.fields import combined, values
from sidecar.http import headers as hygiene
from sidecar.http import unpaid
from sidecar.http.exchange import BuyerExchange, BuyerLeft, Receive, Send
from sidecar.http.passing import Passing
from sidecar.http.reading import Head
from sidecar.http.selling import Selling
from sidecar.http.sold import Sold
from sidecar.http.wallet.pages import Pages, is_own
from sidecar.http.whole import Whole
from sidecar.ports import Clock, Headers, Ids, Observer

Scope = dict[str, Any]
WRITE_IDLE_S: Final = 60
GRANTED: Final = b"PAYMENT-SIGNATURE, X-PAYMENT, SIGN-IN-WITH-X, Content-Type"


@dataclass(frozen=True, slots=True)
class Entry:
    """One route: what is sold there; `sold` is None for a free route."""

    name: str
    sold: Sold | None
    timeout_s: int


class Buyers:
    """The ASGI app."""

    def __init__(
        self,
        *,
        entries: Sequence[Entry],
        routes: Routes,
        selling: Selling,
        passing: Passing,
        pages: Pages,
        clock: Clock,
        ids: Ids,
        observer: Observer,
    ) -> None:
        self._entries = entries
        self._routes = routes
        self._selling = selling
        self._passing = passing
        self._pages = pages
        self._clock = clock
        self._ids = ids
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3, HTTP only)."""
        assert scope["type"] == "http", "the buyers' listener speaks HTTP only"
        started_us = self._clock.monotonic_us()
        fields: Headers = scope["headers"]
        exchange = BuyerExchange(
            receive,
            send,
            self._ids.call(self._clock.now_us()),
            write_idle_s=WRITE_IDLE_S,
            cross_origin=b"origin" in [name for name, _ in fields],
        )
        endpoint = ""
        try:
            name, answering = self._route(scope, fields, exchange)
            await answering
            endpoint = name
        except BuyerLeft:
            return
        except Exception as defect:  # a buyer never sees a defect, an operator always does
            self._observer.saw(NeedsAttention("defect", type(defect).__name__, exchange.call))
            await exchange.refuse(Refusal(Code.STORAGE_UNAVAILABLE, retry_after_s=RETRY_AFTER_S))
        latency_us = self._clock.monotonic_us() - started_us
        self._observer.saw(
            Answered(endpoint, exchange.outcome, exchange.status, exchange.call, latency_us, exchange.policy)
        )

    def at_once(self, head: Head) -> Callable[[], Whole] | None:
        """Return what answers an unpaid call: the 402 of a price that does not depend on the body."""
        names = {name for name, _ in head.fields}
        if head.method == "OPTIONS" or not names.isdisjoint(hygiene.PAYING):
            return None
        started_us = self._clock.monotonic_us()
        target = canonical(head.path, head.query)
        if isinstance(target, Ambiguous) or is_own(target):
            return None
        matched = self._routes.match(head.method, target)
        entry = self._entries[matched.index] if isinstance(matched, Matched) else None
        if entry is None or entry.sold is None or entry.sold.sale.reads_body:
            return None
        wallet = hygiene.wallet(head.fields) if hygiene.WALLET in names else None
        quoted = entry.sold.sale.quote(Request(target), wallet)
        if isinstance(quoted, Refusal):
            return None
        challenge = entry.sold.challenge(quoted)
        asking = partial(unpaid.asking, challenge, target.path, cross_origin=b"origin" in names)
        return partial(self._ask, entry.name, asking, started_us)

    def _ask(self, endpoint: str, asking: Callable[[str], Whole], started_us: int) -> Whole:
        call = self._ids.call(self._clock.now_us())
        answer = asking(call)
        latency_us = self._clock.monotonic_us() - started_us
        self._observer.saw(Answered(endpoint, unpaid.OUTCOME, unpaid.STATUS, call, latency_us))
        return answer

    def drain(self) -> None:
        """Begin nothing that is paid any more; the rest runs on."""
        self._selling.ready = False

    async def idle(self) -> None:
        """Wait until no paid call is open."""
        await self._selling.idle()

    def _route(
        self, scope: Scope, fields: Headers, exchange: BuyerExchange
    ) -> tuple[str, Coroutine[Any, Any, None]]:
        """Return the endpoint's name, empty if it is none, and what answers."""
        target = canonical(scope["raw_path"], scope["query_string"])
        if isinstance(target, Ambiguous):
            return "", exchange.refuse(Refusal(Code.TARGET_AMBIGUOUS))
        method: str = scope["method"]
        own = is_own(target)
        if method == "OPTIONS":
            allow = self._pages.methods(target.path) if own else self._routes.allow(target)
            return "", _preflight(allow, fields, exchange)
        if own:
            return "", self._pages.answer(scope, target, exchange)
        match self._routes.match(method, target):
            case Matched(index=index):
                entry = self._entries[index]
            case WrongMethod(allow=allow):
                return "", exchange.refuse(Refusal(Code.METHOD_NOT_ALLOWED, allow=allow))
            case UnknownRoute():
                return "", exchange.refuse(Refusal(Code.ROUTE_UNKNOWN))
        if entry.sold is None:
            return entry.name, self._passing.pass_on(method, target, fields, exchange, entry.timeout_s)
        exchange.path = target.path
        return entry.name, self._selling.sell(entry.sold, scope, target, exchange)


async def _preflight(allow: Sequence[str], fields: Headers, exchange: BuyerExchange) -> None:
    """Answer a CORS preflight ourselves: it carries no payment and must not be charged."""
    if not allow or not values(fields, b"access-control-request-method"):
        await exchange.refuse(Refusal(Code.ROUTE_UNKNOWN))
        return
    asked = combined(fields, b"access-control-request-headers")
    granted = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", ", ".join(allow).encode("ascii")),
        (b"access-control-allow-headers", asked or GRANTED),
        (b"access-control-max-age", b"600"),
    ]
    await exchange.answer(204, granted, b"")
