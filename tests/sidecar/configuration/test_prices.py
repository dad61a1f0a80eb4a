"""Prices as written: what a seller reads in the file is what is asked for."""

from ledger.money import nano
from pricing.price import ComputedPrice, FixedPrice, Quantity
from sidecar.settings import Route
from tests.sidecar.configs import BUYER, MINIMAL, PAY_TO, settings


def route(text: str, key: str = "POST /research") -> Route:
    """Return the one route of a config in which it is written like this."""
    return settings(MINIMAL.replace('"POST /research": {price: "$0.05"}', f'"{key}": {{{text}}}')).routes[0]


def wallet(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def test_a_price_is_computed_from_what_a_request_names() -> None:
    """A base, models, and quantities from the query, the path and the body, each with its bounds."""
    found = route(
        """price: {
          base: "$0.01",
          by_model: {gpt-4o: "$0.05", gpt-4o-mini: "$0.005"},
          plus: [
            {query: pages, each: "$0.002", max: 50, default: 1},
            {path: count, each: "$0.001", min: 1, max: 10},
            {body: /max_tokens, each: "$0.60", per: 1000000, max: 32000},
          ]}""",
        "POST /search/{count}",
    )

    assert found.price == ComputedPrice(
        nano(10_000_000),
        (
            Quantity("query pages", nano(2_000_000), most=50, default=1),
            Quantity("path count", nano(1_000_000), least=1, most=10),
            Quantity("body /max_tokens", nano(600_000_000), per=1_000_000, most=32_000),
        ),
        {"gpt-4o": nano(50_000_000), "gpt-4o-mini": nano(5_000_000)},
        "body /model",
    )


def test_a_price_may_be_only_what_is_counted() -> None:
    """If at least one has to be."""
    found = route('price: {plus: [{query: n, each: "$0.002", min: 1, max: 5}]}').price

    assert found is not None
    assert (found.least, found.most) == (nano(2_000_000), nano(10_000_000))


def test_a_ceiling_makes_a_price_payable() -> None:
    """Above it nothing is sold, so only what is below has to fit the exposure."""
    found = route('price: {base: "$0.5", plus: [{query: n, each: "$1", max: 9}]}, price_ceiling: "$1"')

    assert found.price is not None
    assert (found.price.most, found.price_ceiling) == (nano(9_500_000_000), nano(1_000_000_000))


def test_buyers_have_prices_of_their_own() -> None:
    """By address, or several under a name; fixed or computed."""
    found = route(
        f"""price: "$0.05", buyers: {{
          "{BUYER}": {{price: "$0.04"}},
          partners: {{wallets: ["{PAY_TO}"], price: {{base: "$0.01"}}}}}}"""
    )

    assert found.buyers == {
        wallet(BUYER): FixedPrice(nano(40_000_000)),
        wallet(PAY_TO): ComputedPrice(nano(10_000_000)),
    }
    assert route('price: "$0.05"').buyers == {}
