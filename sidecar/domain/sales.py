"""Sales: what a route asks of whom, for which request. Pure.

A price is a function of the request alone, of who pays and of the version of the terms, so
the 402, a quote and the claim of a payment come to the same: each reads the very request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from ledger.money import Amount
from pricing.price import Misfit, Price, Unpriced
from sidecar.domain import requests
from sidecar.domain.call import Endpoint, Offer
from sidecar.domain.quoting import Method, offer
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.requests import MODEL_PLACE, Judge, Request
from sidecar.domain.target import Target
from sidecar.domain.terms import Terms

AMOUNTS_KEPT: Final = 1024
"""How many prices of a route are kept worked out."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a request must be to be sold: not too dear, for a model that is let in, of the body's shape."""

    ceiling: Amount | None = None
    models: frozenset[str] | None = None
    judge: Judge | None = None


NO_RULES: Final = Rules()


class Sale:
    """One priced route: its terms in force, and replaced ones that are still payable.

    `endpoint` is the route on the terms in force at the lowest price there is; what it has
    beside price, offers, flow and time-out holds for every call, whatever its terms.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        terms: Sequence[Terms],
        fees: Callable[[Amount], Amount],
        rules: Rules = NO_RULES,
    ) -> None:
        """*terms* in force first, then those replaced, newest first; *fees* of selling at a price."""
        assert terms, "something is asked for"
        self._template = endpoint
        self._terms = {each.version: each for each in terms}
        self._fees = fees
        self._rules = rules
        self._parameters = requests.parameters_of(endpoint.name)
        self._at = lru_cache(maxsize=AMOUNTS_KEPT)(self._worked_out)
        self._now = terms[0]
        self._standing = {each.version: self._settled(each) for each in terms}
        self.endpoint = self._at(terms[0].version, terms[0].price.least)
        self.offers: Final = self._every_way()
        """An offer in every way to be paid that is taken, on whatever terms; those in force come first."""
        places = [place for each in terms for price in _prices(each) for place in price.places]
        self.reads_body: Final = (
            requests.reads_body(places) or rules.models is not None or rules.judge is not None
        )
        """Whether a request is priced or judged by its body."""

    def read(
        self, target: Target, body: bytes, kinds: Sequence[bytes], codings: Sequence[bytes]
    ) -> Request | Refusal:
        """Return the request as prices read it, or why it is not sold at any price.

        *kinds* and *codings* are the fields Content-Type and Content-Encoding. Where nothing
        depends on the body, it is not looked at.
        """
        if not self.reads_body:
            return Request(target)
        document = requests.document(body, kinds, codings)
        if isinstance(document, Refusal):
            return document
        request = Request(target, document)
        return self._judged(request) or request

    def quote(self, request: Request, wallet: bytes | None = None) -> Endpoint | Refusal:
        """Return the route at the price of *request* for the buyer *wallet*, or why it is not sold.

        The one function that tells a price: `price`, `price_version` and `offers` of what it returns.
        *request* is what `read` returned.
        """
        return self._asked(request, self._now, wallet if wallet in self._now.own else None)

    def open_to(self, request: Request, payer: bytes, now_us: int) -> tuple[Endpoint, ...] | Refusal:
        """Return every price *payer* may have signed for *request*: what is in force first, then what was.

        A buyer with a price of its own may pay the list price too unless that is lower.
        """
        found: list[Endpoint] = []
        for terms in self._terms.values():
            if not terms.payable(now_us):
                continue
            listed = self._asked(request, terms, None)
            if payer in terms.own:
                asked = self._asked(request, terms, payer)
                if isinstance(asked, Refusal):
                    continue
                found.append(asked)
                if isinstance(listed, Endpoint) and listed.price < asked.price:
                    continue
            if isinstance(listed, Endpoint):
                found.append(listed)
        return tuple(found) or self._refused(request, payer)

    def _settled(self, terms: Terms) -> dict[bytes | None, Endpoint | Refusal]:
        """Return what *terms* ask for whatever the request: of everybody (None), and of some buyers."""
        asked = [(None, terms.price), *terms.own.items()]
        return {buyer: self._at_most(terms, price.least) for buyer, price in asked if not price.places}

    def _asked(self, request: Request, terms: Terms, buyer: bytes | None) -> Endpoint | Refusal:
        """Return what *terms* ask for *request*: of everybody (None), or of a *buyer* with its own price.

        A 402, a quote and a payment all come here: what is shown is what is charged.
        """
        standing = self._standing[terms.version].get(buyer)
        if standing is not None:
            return standing
        return self._priced(request, terms, terms.price if buyer is None else terms.own[buyer])

    def _refused(self, request: Request, payer: bytes) -> Refusal:
        quoted = self.quote(request, payer)
        assert isinstance(quoted, Refusal), "what is sold in force is open to its payer"
        return quoted

    def _priced(self, request: Request, terms: Terms, price: Price) -> Endpoint | Refusal:
        said = requests.said(request, price.places, self._parameters)
        if isinstance(said, Refusal):
            return said
        amount = price.of(said)
        if isinstance(amount, Unpriced):
            if amount.misfit is Misfit.NOT_LISTED:
                return Refusal(Code.MODEL_NOT_ALLOWED, policy="routes.price")
            return requests.invalid(amount.place, amount.misfit.value)
        return self._at_most(terms, amount)

    def _at_most(self, terms: Terms, amount: Amount) -> Endpoint | Refusal:
        if self._rules.ceiling is not None and amount > self._rules.ceiling:
            return Refusal(Code.PRICE_ABOVE_CEILING, policy="routes.price_ceiling")
        return self._at(terms.version, amount)

    def _judged(self, request: Request) -> Refusal | None:
        """Say why a request is not sold at any price."""
        if self._rules.models is not None:
            said = requests.said(request, (MODEL_PLACE,), self._parameters)
            if isinstance(said, Refusal):
                return said
            if MODEL_PLACE not in said:
                return requests.invalid(MODEL_PLACE, Misfit.MISSING.value)
            if said[MODEL_PLACE] not in self._rules.models:
                return Refusal(Code.MODEL_NOT_ALLOWED, policy="routes.models")
        wrong = None if self._rules.judge is None else self._rules.judge(request.document)
        if wrong is None:
            return None
        return replace(requests.invalid(f"body {wrong.pointer}", wrong.rule), policy="routes.request")

    def _every_way(self) -> tuple[Offer, ...]:
        found: dict[Method, Offer] = {}
        for version, terms in self._terms.items():
            for method, each in zip(terms.methods, self._at(version, terms.price.least).offers, strict=True):
                found.setdefault(method, each)
        return tuple(found.values())

    def _worked_out(self, version: int, price: Amount) -> Endpoint:
        terms = self._terms[version]
        return replace(
            self._template,
            price=price,
            price_version=version,
            offers=tuple(offer(price, method, terms.timeout_s, terms.flow) for method in terms.methods),
            timeout_s=terms.timeout_s,
            flow=terms.flow,
            fees=self._fees(price),
        )


def _prices(terms: Terms) -> tuple[Price, ...]:
    return (terms.price, *terms.own.values())
