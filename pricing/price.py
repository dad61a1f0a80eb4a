"""What we ask for a call: the same for every call, or computed from what a request names.

Knows no costs, no buyer and no wire; where a number was read from is the caller's. A price is
rounded up, to a whole nano-USD here and to what a token can carry where it is offered: a sale
is never below its rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from ledger.money import INT64_MAX, USD, Amount, nano, up


def atomic_up(price: Amount, decimals: int) -> int:
    """The price in the smallest unit of a dollar token; rounded up, so a sale is never below its price."""
    assert price.asset == USD, "prices are in nano-USD"
    assert 0 <= decimals <= USD.decimals, "a token finer than nano-USD is not accepted"
    return up(Fraction(price.units, 10 ** (USD.decimals - decimals)))


def rounding_of(price: Amount, decimals: int) -> Amount:
    """What a buyer pays above the price because the token is coarser than nano-USD; booked on its own."""
    return nano(atomic_up(price, decimals) * 10 ** (USD.decimals - decimals)) - price


class Misfit(StrEnum):
    """Why a request has no price."""

    MISSING = "missing"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    NOT_LISTED = "not_listed"


@dataclass(frozen=True, slots=True)
class Unpriced:
    """The request has no price because of what it says in *place*: a quantity's name, or the model's."""

    place: str
    misfit: Misfit


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """The same price for every call of a route; zero is a price, a negative one is not."""

    amount: Amount

    def __post_init__(self) -> None:
        """Prices are dollars, and nobody is paid for calling."""
        assert self.amount.asset == USD, "prices are in nano-USD"
        assert self.amount.units >= 0, "a price is never negative"

    @property
    def places(self) -> tuple[str, ...]:
        """Return what of a request it is computed from: nothing."""
        return ()

    @property
    def least(self) -> Amount:
        """Return the lowest price there is."""
        return self.amount

    @property
    def most(self) -> Amount:
        """Return the highest price there is."""
        return self.amount

    def atomic(self, decimals: int) -> int:
        """What a buyer signs, in the smallest unit of a token with so many decimals."""
        return atomic_up(self.amount, decimals)

    def of(self, said: Mapping[str, object]) -> Amount | Unpriced:  # noqa: ARG002 - it is the same for all
        """Return the price of a request that says this."""
        return self.amount


@dataclass(frozen=True, slots=True)
class Quantity:
    """A whole number that a request names in *place*: `each` is the price of `per` of it.

    It is from `least` to `most`; a request that does not name it means `default`, or
    has no price if there is none.
    """

    place: str
    each: Amount
    most: int
    per: int = 1
    least: int = 0
    default: int | None = None

    def __post_init__(self) -> None:
        """A rate is dollars, and every bound makes sense."""
        assert self.each.asset == USD, "prices are in nano-USD"
        assert self.each.units >= 0, "nobody is paid for asking more"
        assert self.per >= 1, "a rate is for one or more"
        assert 0 <= self.least <= self.most, "a quantity is a range of whole numbers"
        assert self.default is None or self.least <= self.default <= self.most, "a default is in the range"

    def cost(self, number: int) -> Fraction:
        """Return the price of *number* of it, in nano-USD and not rounded yet."""
        return Fraction(self.each.units * number, self.per)

    def read(self, said: Mapping[str, object]) -> int | Unpriced:
        """Return the number that a request means."""
        number = said.get(self.place, self.default)
        if number is None:
            return Unpriced(self.place, Misfit.MISSING)
        assert isinstance(number, int), "a quantity was read as a whole number"
        if number < self.least:
            return Unpriced(self.place, Misfit.TOO_SMALL)
        return Unpriced(self.place, Misfit.TOO_LARGE) if number > self.most else number


@dataclass(frozen=True, slots=True)
class ComputedPrice:
    """A base, plus the price of the model that a request names, plus quantities at their rates.

    *models* is by name, read from *model_place*; empty: no model is asked for. The sum is
    exact and rounded up once, to a whole nano-USD.
    """

    base: Amount
    quantities: tuple[Quantity, ...] = ()
    models: Mapping[str, Amount] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    model_place: str = ""

    def __post_init__(self) -> None:
        """Every price it can come to is one, and a book can hold it."""
        assert bool(self.models) == bool(self.model_place), "a table by model is read from a place"
        assert len(set(self.places)) == len(self.places), "each place is read once"
        assert 0 <= self.least.units <= self.most.units <= INT64_MAX, "a price is what a book can hold"

    @property
    def places(self) -> tuple[str, ...]:
        """Return what of a request it is computed from."""
        named = tuple(quantity.place for quantity in self.quantities)
        return (*named, self.model_place) if self.model_place else named

    @property
    def least(self) -> Amount:
        """Return the lowest price there is."""
        table = min((price.units for price in self.models.values()), default=0)
        return self._sum(table, {quantity.place: quantity.least for quantity in self.quantities})

    @property
    def most(self) -> Amount:
        """Return the highest price there is."""
        table = max((price.units for price in self.models.values()), default=0)
        return self._sum(table, {quantity.place: quantity.most for quantity in self.quantities})

    def of(self, said: Mapping[str, object]) -> Amount | Unpriced:
        """Return the price of a request that *said* this: whole numbers and a model's name, by place."""
        table = 0
        if self.models:
            name = said.get(self.model_place)
            if name is None:
                return Unpriced(self.model_place, Misfit.MISSING)
            price = self.models.get(str(name))
            if price is None:
                return Unpriced(self.model_place, Misfit.NOT_LISTED)
            table = price.units
        numbers: dict[str, int] = {}
        for quantity in self.quantities:
            number = quantity.read(said)
            if isinstance(number, Unpriced):
                return number
            numbers[quantity.place] = number
        return self._sum(table, numbers)

    def _sum(self, table_units: int, numbers: Mapping[str, int]) -> Amount:
        parts = sum((each.cost(numbers[each.place]) for each in self.quantities), Fraction(0))
        return nano(up(self.base.units + table_units + parts))


Price = FixedPrice | ComputedPrice
