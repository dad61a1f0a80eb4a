"""Pages: everything of ours on the buyers' listener. Reads the books, and writes nothing anywhere.

What a call costs is told to everybody; what a wallet has paid only to who proves it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sidecar.adapters.receipt_key import ReceiptKey
from sidecar.adapters.storage.reading import AnyReader, Unreadable
from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.events import NeedsAttention
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.routes import Matched, Routes, UnknownRoute, WrongMethod
from sidecar.domain.target import Ambiguous, Target, canonical
from sidecar.fields import values
from sidecar.finops import receipts, statements
from sidecar.http import headers as hygiene
from sidecar.http.exchange import BuyerExchange
from sidecar.http.paces import Paces
from sidecar.http.paid_body import PaidBody
from sidecar.http.wallet import questions
from sidecar.http.wallet.discovery import discovery
from sidecar.http.wallet.proving import Proving
from sidecar.http.wallet.quotes import quote_object
from sidecar.ports import Clock, Headers, Observer

if TYPE_CHECKING:
    from sidecar.http.buyers import Entry

Answer = tuple[int, Mapping[str, Any]] | Refusal
Opened = Callable[[bytes, str, Target], Awaitable[Answer]]

PREFIX: Final = b"/__402/"
WELL_KNOWN: Final = b"/.well-known/x402"
HEADER: Final = b"sign-in-with-x"
_RECEIPTS: Final = b"/__402/receipts/"
_READ: Final = ("GET", "HEAD")
_MEASURED: Final = ("GET", "HEAD", "POST")
_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_MINUTE: Final = (b"cache-control", b"public, max-age=60")
_ACCEPTED: Final = 202
_OK: Final = 200


def is_own(target: Target) -> bool:
    """Tell whether *target* is ours, whatever the seller's routes say of it."""
    return target.path.startswith(PREFIX) or target.path == WELL_KNOWN


class Pages:
    """The buyers' own pages. *public_url* is how buyers reach us."""

    def __init__(
        self,
        *,
        public_url: str,
        entries: Sequence["Entry"],
        routes: Routes,
        reader: AnyReader,
        proving: Proving,
        key: ReceiptKey,
        paces: Paces,
        clock: Clock,
        observer: Observer,
        body_bytes_max: int,
    ) -> None:
        self._public_url = public_url
        self._entries = entries
        self._routes = routes
        self._reader = reader
        self._proving = proving
        self._key = key
        self._paces = paces
        self._clock = clock
        self._observer = observer
        self._body_bytes_max = body_bytes_max
        self._discovery = discovery(entries, public_url, [key.public])
        self._proven: Mapping[bytes, Opened] = {
            PREFIX + b"credits": self._credits,
            PREFIX + b"statement": self._statement,
        }

    def methods(self, path: bytes) -> tuple[str, ...]:
        """Return the methods of *path*; none if there is no such page."""
        if path == PREFIX + b"quote":
            return _MEASURED
        public = path in {PREFIX + b"health", WELL_KNOWN}
        return _READ if public or self._page(path) is not None else ()

    def _page(self, path: bytes) -> Opened | None:
        if path.startswith(_RECEIPTS) and b"/" not in path.removeprefix(_RECEIPTS):
            return self._receipt
        return self._proven.get(path)

    async def answer(self, scope: dict[str, Any], target: Target, exchange: BuyerExchange) -> None:
        """Answer a request for one of our own paths."""
        allow = self.methods(target.path)
        if not allow:
            await exchange.refuse(Refusal(Code.ROUTE_UNKNOWN))
        elif scope["method"] not in allow:
            await exchange.refuse(Refusal(Code.METHOD_NOT_ALLOWED, allow=allow))
        elif target.path == WELL_KNOWN:
            await exchange.answer(_OK, [_JSON, _MINUTE], self._discovery)
        elif target.path == PREFIX + b"health":
            await _tell(exchange, (_OK, {"status": "ok"}))
        elif target.path == PREFIX + b"quote":
            await _tell(exchange, await self._quote(scope, target, exchange))
        else:
            await self._private(scope, target, exchange)

    # What everybody may know.

    async def _quote(self, scope: dict[str, Any], target: Target, exchange: BuyerExchange) -> Answer:
        asked = questions.read(target.query, ("method", "path"))
        if isinstance(asked, Refusal):
            return asked
        method, path = asked.get("method", ""), asked.get("path", "")
        if not (method and path):
            return questions.INVALID
        body = await self._body(scope, exchange)
        if isinstance(body, Refusal):
            return body
        try:
            return await self._of(method, path, body, scope["headers"])
        finally:
            body.close()

    async def _body(self, scope: dict[str, Any], exchange: BuyerExchange) -> PaidBody | Refusal:
        """Return the body that a price may be computed from: the one that comes with the question."""
        if scope["method"] != "POST":
            return PaidBody()
        late = self._paces.of_address(scope.get("client"), self._clock.now_us())
        return late or await exchange.read_body(self._body_bytes_max)

    async def _of(self, method: str, path: str, body: PaidBody, fields: Headers) -> Answer:
        raw_path, _, raw_query = path.encode("utf-8").partition(b"?")
        wanted = canonical(raw_path, raw_query)
        if isinstance(wanted, Ambiguous):
            return Refusal(Code.TARGET_AMBIGUOUS)
        if is_own(wanted):
            return Refusal(Code.ROUTE_UNKNOWN)
        match self._routes.match(method, wanted):
            case Matched(index=index):
                return await self._quoted(self._entries[index], method, wanted, body, fields)
            case WrongMethod(allow=allow):
                return Refusal(Code.METHOD_NOT_ALLOWED, allow=allow)
            case UnknownRoute():
                return Refusal(Code.ROUTE_UNKNOWN)

    # What only the wallet may know.

    async def _private(self, scope: dict[str, Any], target: Target, exchange: BuyerExchange) -> None:
        now_us = self._clock.now_us()
        wallet = self._wallet(scope, target.path, now_us)
        if isinstance(wallet, Refusal):
            challenged = wallet.code is Code.WALLET_UNPROVEN
            asking = self._proving.challenge(target.path, now_us) if challenged else None
            await exchange.refuse(wallet, extensions=asking)
            return
        page = self._page(target.path)
        assert page is not None, "a path without a page has no method"
        try:
            answer = await page(wallet, target.path.rpartition(b"/")[2].decode("ascii"), target)
        except Unreadable as fault:
            self._observer.saw(NeedsAttention("books_unreadable", str(fault), exchange.call))
            answer = Refusal(Code.STORAGE_UNAVAILABLE, retry_after_s=RETRY_AFTER_S)
        await _tell(exchange, answer)

    def _wallet(self, scope: dict[str, Any], path: bytes, now_us: int) -> bytes | Refusal:
        """Return the wallet that proves itself; the rate is held before any signature is looked at."""
        fields: Headers = scope["headers"]
        proofs = values(fields, HEADER)
        if len(proofs) != 1:
            return Refusal(Code.WALLET_UNPROVEN)
        late = self._paces.of_address(scope.get("client"), now_us)
        return late or self._proving.wallet(proofs[0], path, now_us)

    async def _quoted(
        self, entry: "Entry", method: str, target: Target, body: PaidBody, fields: Headers
    ) -> Answer:
        if entry.sold is None:
            return _OK, quote_object(entry.name, None, method, target, self._public_url)
        request = await entry.sold.read(target, fields, body)
        if isinstance(request, Refusal):
            return request
        quoted = entry.sold.sale.quote(request, hygiene.wallet(fields))
        if isinstance(quoted, Refusal):
            return quoted
        return _OK, quote_object(entry.name, quoted, method, target, self._public_url)

    async def _credits(self, wallet: bytes, _: str, target: Target) -> Answer:
        asked = questions.read(target.query, ())
        if isinstance(asked, Refusal):
            return asked
        (row,) = await self._reader.fetch("wallet_credit", statements.credit_parameters(wallet))
        return _OK, statements.credit_object(wallet, row)

    async def _statement(self, wallet: bytes, _: str, target: Target) -> Answer:
        asked = questions.read(target.query, ("limit", "cursor"))
        if isinstance(asked, Refusal):
            return asked
        limit = questions.limit(asked, default=statements.LIMIT_DEFAULT, largest=statements.LIMIT_MAX)
        if isinstance(limit, Refusal):
            return limit
        wanted = statements.page_parameters(wallet, limit, asked.get("cursor"))
        return _OK, statements.page_object(await self._reader.fetch("wallet_calls", wanted), limit)

    async def _receipt(self, wallet: bytes, call: str, target: Target) -> Answer:
        asked = questions.read(target.query, ())
        if isinstance(asked, Refusal):
            return asked
        rows = await self._reader.fetch("wallet_receipt", receipts.parameters(wallet, call))
        if not rows:
            return Refusal(Code.CALL_UNKNOWN)
        receipt = receipts.receipt_object(rows[0], self._public_url)
        signature = self._key.sign(receipts.canonical(receipt)) if receipts.is_proof(receipt) else None
        return _OK if receipts.is_final(receipt) else _ACCEPTED, {**receipt, "signature": signature}


async def _tell(exchange: BuyerExchange, answer: Answer) -> None:
    if isinstance(answer, Refusal):
        await exchange.refuse(answer)
        return
    status, document = answer
    await exchange.answer(status, [_JSON, _NO_STORE], json.dumps(document, separators=(",", ":")).encode())
