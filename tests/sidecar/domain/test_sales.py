"""Sales: one price for one request and one buyer, wherever it is asked."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ledger.money import nano
from pricing.price import ComputedPrice, FixedPrice, Quantity
from sidecar.domain.call import Endpoint
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.requests import Request, Wrong
from sidecar.domain.sales import AMOUNTS_KEPT, Rules, Sale
from sidecar.domain.target import Target, canonical
from tests.sidecar.builders import NOW_US, PAYER, USDC, a_sale, an_endpoint, some_terms

BASE, EACH = 10_000_000, 2_000_000
SEARCH = ComputedPrice(nano(BASE), (Quantity("query pages", nano(EACH), most=10, default=1),))
CHAT = ComputedPrice(
    nano(1_000), models={"large": nano(50_000_000), "small": nano(5_000_000)}, model_place="body /model"
)
OTHER = bytes([7]) * 20
LATER_US = NOW_US + 10**12


def request(query: bytes = b"", body: object = None) -> Request:
    target = canonical(b"/research", query)
    assert isinstance(target, Target)
    return Request(target, body)


def read(sale: Sale, body: object) -> object:
    """Read a request with this JSON body; return the body, or the refusal."""
    found = sale.read(request().target, json.dumps(body).encode(), [], [])
    return found if isinstance(found, Refusal) else found.document


def prices(found: Sequence[Endpoint] | Refusal) -> list[int]:
    assert not isinstance(found, Refusal), found
    return [endpoint.price.units for endpoint in found]


@pytest.mark.parametrize(
    ("query", "price"), [(b"", BASE + EACH), (b"pages=4", BASE + 4 * EACH), (b"pages=0", BASE)]
)
def test_a_quote_is_the_price_that_will_be_taken(query: bytes, price: int) -> None:
    """The very endpoint: price, offers rounded up, version; asked twice it is the same object."""
    sale = a_sale(some_terms(SEARCH, version=4))

    quoted = sale.quote(request(query))

    assert isinstance(quoted, Endpoint)
    assert (quoted.price, quoted.price_version) == (nano(price), 4)
    assert quoted.offers[0].requirements.amount == price // 1000
    assert sale.open_to(request(query), PAYER, NOW_US) == (quoted,)
    assert sale.quote(request(query)) is quoted


@pytest.mark.parametrize(
    ("query", "reason"),
    [(b"pages=11", "too_large"), (b"pages=-1", "not_integer"), (b"pages=1&pages=2", "ambiguous")],
)
def test_a_request_without_a_price_is_not_sold(query: bytes, reason: str) -> None:
    """The place is named, and a payment opens nothing."""
    sale = a_sale(some_terms(SEARCH))
    refusal = Refusal(Code.REQUEST_INVALID, reason, part="query", place="pages")

    assert sale.quote(request(query)) == refusal
    assert sale.open_to(request(query), PAYER, NOW_US) == refusal


def test_a_price_above_the_ceiling_is_not_asked_for() -> None:
    """The ceiling itself is sold."""
    sale = a_sale(some_terms(SEARCH), rules=Rules(ceiling=nano(BASE + 5 * EACH)))

    assert isinstance(sale.quote(request(b"pages=5")), Endpoint)
    refusal = Refusal(Code.PRICE_ABOVE_CEILING, policy="routes.price_ceiling")
    assert sale.quote(request(b"pages=6")) == refusal
    assert sale.open_to(request(b"pages=6"), PAYER, NOW_US) == refusal


def test_the_ceiling_holds_for_each_price_that_stands() -> None:
    """Of everybody and of one buyer, in force and replaced: one that is too high is open to nobody."""
    now = some_terms(FixedPrice(nano(5_000)), version=2, own={PAYER: FixedPrice(nano(4_000))})
    was = some_terms(FixedPrice(nano(4_500)), version=1, own={OTHER: FixedPrice(nano(6_000))}).replaced(
        NOW_US
    )
    sale = a_sale(now, was, rules=Rules(ceiling=nano(4_500)))

    assert prices(sale.open_to(request(), PAYER, NOW_US)) == [4_000, 4_500]
    refusal = Refusal(Code.PRICE_ABOVE_CEILING, policy="routes.price_ceiling")
    assert sale.quote(request()) == sale.quote(request(), OTHER) == refusal
    assert sale.open_to(request(), OTHER, NOW_US) == refusal
    assert prices(sale.open_to(request(), PAYER, LATER_US)) == [4_000]


def test_a_model_without_a_price_is_not_sold() -> None:
    sale = a_sale(some_terms(CHAT))

    assert prices(sale.open_to(request(body={"model": "small"}), PAYER, NOW_US)) == [5_001_000]
    assert sale.quote(request(body={"model": "huge"})) == Refusal(
        Code.MODEL_NOT_ALLOWED, policy="routes.price"
    )


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"model": "gpt-4o"}, None),
        ({"model": "gpt-5"}, Refusal(Code.MODEL_NOT_ALLOWED, policy="routes.models")),
        ({"model": "GPT-4O"}, Refusal(Code.MODEL_NOT_ALLOWED, policy="routes.models")),
        ({}, Refusal(Code.REQUEST_INVALID, "missing", part="body", place="/model")),
        ({"model": 4}, Refusal(Code.REQUEST_INVALID, "not_text", part="body", place="/model")),
    ],
)
def test_only_models_that_are_let_in_are_sold(body: object, refusal: Refusal | None) -> None:
    """Before any price is told, also where all cost the same."""
    assert read(a_sale(rules=Rules(models=frozenset({"gpt-4o"}))), body) == (refusal or body)


def test_a_body_that_does_not_fit_is_not_sold() -> None:
    """The judge names the place."""
    sale = a_sale(rules=Rules(judge=lambda body: None if body == {} else Wrong("/a", "type")))

    assert read(sale, {}) == {}
    assert read(sale, {"a": 1}) == Refusal(
        Code.REQUEST_INVALID, "type", policy="routes.request", part="body", place="/a"
    )


def test_a_body_that_nothing_depends_on_is_not_looked_at() -> None:
    """It may be anything; elsewhere it has to be JSON."""
    target = request().target

    assert a_sale().read(target, b"\xff", [b"image/png"], [b"gzip"]) == Request(target)
    assert isinstance(a_sale(some_terms(CHAT)).read(target, b"\xff", [], []), Refusal)


@pytest.mark.parametrize(
    ("own", "listed", "shown", "open_"),
    [
        (FixedPrice(nano(4_000)), FixedPrice(nano(5_000)), 4_000, [4_000, 5_000]),
        (FixedPrice(nano(6_000)), FixedPrice(nano(5_000)), 6_000, [6_000]),
        (FixedPrice(nano(5_000)), FixedPrice(nano(5_000)), 5_000, [5_000, 5_000]),
        (FixedPrice(nano(4_000)), SEARCH, 4_000, [4_000, BASE + EACH]),
        (SEARCH, FixedPrice(nano(5_000)), BASE + EACH, [BASE + EACH]),
    ],
)
def test_a_buyer_with_a_price_of_its_own(own: Any, listed: Any, shown: int, open_: list[int]) -> None:
    """Is shown it when it says who it is; a lower one leaves the list price open, a higher one does not."""
    sale = a_sale(some_terms(listed, own={PAYER: own}))

    quoted = sale.quote(request(), PAYER)
    assert isinstance(quoted, Endpoint)
    assert quoted.price == nano(shown)
    assert prices(sale.open_to(request(), PAYER, NOW_US)) == open_
    for stranger in (None, OTHER):
        anonymous = sale.quote(request(), stranger)
        assert isinstance(anonymous, Endpoint)
        assert [anonymous.price.units] == prices(sale.open_to(request(), OTHER, NOW_US))


def test_a_buyer_whose_own_price_does_not_take_the_request_buys_nothing() -> None:
    """The list price is not a way around it."""
    sale = a_sale(some_terms(FixedPrice(nano(5_000)), own={PAYER: SEARCH}))

    assert sale.open_to(request(b"pages=11"), PAYER, NOW_US) == Refusal(
        Code.REQUEST_INVALID, "too_large", part="query", place="pages"
    )
    assert prices(sale.open_to(request(b"pages=11"), OTHER, NOW_US)) == [5_000]


def test_a_replaced_price_is_payable_and_not_shown_until_it_ends() -> None:
    """What is in force comes first; what was keeps its number, its time-out and its flow."""
    was = some_terms(
        FixedPrice(nano(4_000)), version=1, timeout_s=30, own={OTHER: FixedPrice(nano(3_000))}
    ).replaced(NOW_US)
    sale = a_sale(some_terms(FixedPrice(nano(5_000)), version=2), was)

    quoted = sale.quote(request())
    assert isinstance(quoted, Endpoint)
    assert (quoted.price_version, quoted.timeout_s) == (2, 60)
    found = sale.open_to(request(), PAYER, NOW_US)
    assert not isinstance(found, Refusal)
    assert [(each.price.units, each.price_version, each.timeout_s) for each in found] == [
        (5_000, 2, 60),
        (4_000, 1, 30),
    ]
    assert prices(sale.open_to(request(), OTHER, NOW_US)) == [5_000, 3_000, 4_000]
    assert prices(sale.open_to(request(), PAYER, LATER_US)) == [5_000]


def test_a_request_that_only_the_replaced_price_takes_is_sold_at_it() -> None:
    """It was offered; afterwards the price in force says why not."""
    was = some_terms(FixedPrice(nano(4_000)), version=1).replaced(NOW_US)
    sale = a_sale(some_terms(SEARCH, version=2), was)

    assert prices(sale.open_to(request(b"pages=99"), PAYER, NOW_US)) == [4_000]
    assert isinstance(sale.open_to(request(b"pages=99"), PAYER, LATER_US), Refusal)


def test_every_way_to_be_paid_has_every_price() -> None:
    """A second network is offered, own prices and replaced ones included."""
    two = (USDC, replace(USDC, chain_id=8453, network="eip155:8453"))
    sale = a_sale(
        some_terms(SEARCH, methods=two, own={PAYER: FixedPrice(nano(1_000))}, version=2),
        some_terms(version=1),
    )

    open_ = sale.open_to(request(b"pages=2"), PAYER, NOW_US)
    assert not isinstance(open_, Refusal)
    assert [[offer.network for offer in each.offers] for each in open_] == [
        ["eip155:84532", "eip155:8453"],
        ["eip155:84532", "eip155:8453"],
        ["eip155:84532"],
    ]
    assert [offer.network for offer in sale.offers] == ["eip155:84532", "eip155:8453"]


def test_a_way_to_be_paid_that_was_replaced_is_still_known() -> None:
    """A payment signed for it may have bought something: it is recognized by its token."""
    elsewhere = replace(USDC, chain_id=8453, network="eip155:8453")
    sale = a_sale(some_terms(version=2), some_terms(version=1, methods=(elsewhere,)))

    assert [offer.network for offer in sale.offers] == ["eip155:84532", "eip155:8453"]
    assert [offer.network for offer in sale.endpoint.offers] == ["eip155:84532"]


def test_what_holds_for_the_route_holds_at_every_price() -> None:
    """Lists, labels and fees come from the route; only the fees depend on the price."""
    endpoint = an_endpoint(agent="a", deny=frozenset({OTHER}), fees=nano(3))
    sale = a_sale(some_terms(SEARCH), endpoint=endpoint)

    quoted = sale.quote(request(b"pages=3"))

    assert isinstance(quoted, Endpoint)
    assert (quoted.agent, quoted.deny, quoted.fees, quoted.name) == (
        "a",
        frozenset({OTHER}),
        nano(3),
        endpoint.name,
    )
    assert sale.endpoint.price == nano(BASE)


def test_the_body_is_read_only_where_something_depends_on_it() -> None:
    assert not a_sale().reads_body
    assert not a_sale(some_terms(SEARCH)).reads_body
    assert a_sale(some_terms(CHAT)).reads_body
    assert a_sale(some_terms(own={PAYER: CHAT})).reads_body
    assert a_sale(some_terms(version=2), some_terms(CHAT, version=1)).reads_body
    assert a_sale(rules=Rules(models=frozenset())).reads_body
    assert a_sale(rules=Rules(judge=lambda _: None)).reads_body


def test_what_is_kept_of_prices_is_bounded() -> None:
    """However many amounts are asked for, they do not fill the memory."""
    many = Quantity("query pages", nano(1_000), most=10**6, default=1)
    sale = a_sale(some_terms(ComputedPrice(nano(1), (many,))))

    for pages in range(AMOUNTS_KEPT + 10):
        sale.quote(request(b"pages=%d" % pages))

    assert sale._at.cache_info().currsize == AMOUNTS_KEPT
