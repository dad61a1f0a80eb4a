"""Money: whole numbers of an asset's smallest unit, and rounding by name. Knows no account and no book.

Text becomes an Amount at the rim, once; inside, only integers are added and compared.
"""

import re
from fractions import Fraction
from typing import Final

from ledger.values import value

INT64_MAX: Final = 2**63 - 1
"""The largest amount a book can hold; everything above is a typed refusal."""

_TEXT: Final = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)
_TEXT_MAX: Final = 64


class MoneyText(ValueError):
    """A text is not an amount of the asset. The message is one sentence for the person who wrote it."""


@value
class Asset:
    """What is counted, and how many decimals its smallest unit stands for. Fixed for ever once booked."""

    code: str
    decimals: int


USD: Final = Asset("USD", 9)
"""Dollars in nano-USD: one atomic unit of USDC is exactly 1,000."""


@value
class Amount:
    """A whole number of the asset's smallest unit. May be negative as the result of a subtraction."""

    units: int
    asset: Asset

    @staticmethod
    def zero(asset: Asset) -> "Amount":
        """Return nothing of *asset*."""
        return Amount(0, asset)

    def __add__(self, other: "Amount") -> "Amount":
        assert self.asset == other.asset, "amounts of two assets cannot be added"
        return Amount(self.units + other.units, self.asset)

    def __sub__(self, other: "Amount") -> "Amount":
        assert self.asset == other.asset, "amounts of two assets cannot be subtracted"
        return Amount(self.units - other.units, self.asset)

    def __lt__(self, other: "Amount") -> bool:
        assert self.asset == other.asset, "amounts of two assets cannot be compared"
        return self.units < other.units

    def __le__(self, other: "Amount") -> bool:
        assert self.asset == other.asset, "amounts of two assets cannot be compared"
        return self.units <= other.units

    def __gt__(self, other: "Amount") -> bool:
        return other < self

    def __ge__(self, other: "Amount") -> bool:
        return other <= self


def nano(units: int) -> Amount:
    """Return *units* nano-USD."""
    return Amount(units, USD)


def parse(text: str, asset: Asset) -> Amount:
    """Read a plain decimal such as `0.05`, for USD also `$0.05`, or raise MoneyText.

    No sign, exponent, space or superfluous leading zero; nothing is rounded, so
    more decimals than the asset has are refused, and so is more than int64 holds.
    """
    digits = text.removeprefix("$") if asset == USD else text
    match = _TEXT.fullmatch(digits) if len(digits) <= _TEXT_MAX else None
    if match is None:
        raise MoneyText(f"{text[:_TEXT_MAX]!r} is not an amount; write digits, as in 0.05")
    whole, decimals = match[1], match[2] or ""
    if len(decimals) > asset.decimals:
        raise MoneyText(f"{text!r} has more than the {asset.decimals} decimals of {asset.code}")
    units = int(whole + decimals.ljust(asset.decimals, "0"))
    if units > INT64_MAX:
        raise MoneyText(f"{text!r} is more {asset.code} than a book can hold")
    return Amount(units, asset)


def text(amount: Amount) -> str:
    """Write *amount* with all decimals of its asset: `0.050000000`. Exact, and read back by `parse`."""
    decimals = amount.asset.decimals
    digits = str(abs(amount.units)).rjust(decimals + 1, "0")
    sign = "-" if amount.units < 0 else ""
    if decimals == 0:
        return sign + digits
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def half_even(x: Fraction) -> int:
    """Round to the nearest whole, a tie to the even one: over many cost lines it favours nobody."""
    return half_even_of(x.numerator, x.denominator)


def half_even_of(numerator: int, denominator: int) -> int:
    """Do the same for a fraction that nobody has reduced; its denominator is positive."""
    floor, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and floor % 2 == 1):
        return floor + 1
    return floor


def up(x: Fraction) -> int:
    """Round towards plus infinity: a price asked is never below its rate."""
    return -(-x.numerator // x.denominator)


def down(x: Fraction) -> int:
    """Round towards minus infinity: a return is never above what it is worth."""
    return x.numerator // x.denominator
