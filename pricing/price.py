"""What we ask for a call. Knows no costs, no buyer and no wire."""

from dataclasses import dataclass
from fractions import Fraction

from ledger.money import USD, Amount, nano, up


def atomic_up(price: Amount, decimals: int) -> int:
    """The price in the smallest unit of a dollar token; rounded up, so a sale is never below its price."""
    assert price.asset == USD, "prices are in nano-USD"
    assert 0 <= decimals <= USD.decimals, "a token finer than nano-USD is not accepted"
    return up(Fraction(price.units, 10 ** (USD.decimals - decimals)))


def rounding_of(price: Amount, decimals: int) -> Amount:
    """What a buyer pays above the price because the token is coarser than nano-USD; booked on its own."""
    return nano(atomic_up(price, decimals) * 10 ** (USD.decimals - decimals)) - price


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """The same price for every call of a route; zero is a price, a negative one is not."""

    amount: Amount

    def __post_init__(self) -> None:
        """Prices are dollars, and nobody is paid for calling."""
        assert self.amount.asset == USD, "prices are in nano-USD"
        assert self.amount.units >= 0, "a price is never negative"

    def atomic(self, decimals: int) -> int:
        """What a buyer signs, in the smallest unit of a token with so many decimals."""
        return atomic_up(self.amount, decimals)
