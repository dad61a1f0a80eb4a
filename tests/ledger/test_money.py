"""Money is exact: text, sums and rounding lose nothing, and no float can enter the ledger."""

import ast
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.money import INT64_MAX, USD, Amount, Asset, MoneyText, down, half_even, nano, parse, text, up

WEI = Asset("ETH", 18)
SHARE = Asset("SHARE", 0)

SOURCES = sorted(Path(ledger.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_float_can_enter(source: Path) -> None:
    """No ledger module names float, writes a float literal, divides with `/` or calls round."""
    found = [
        (node.lineno, ast.unparse(node))
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in {"float", "round"})
        or (
            isinstance(node, ast.BinOp | ast.AugAssign)
            and isinstance(node.op, ast.Div)
            and not _is_path(node)
        )
    ]

    assert found == []


def _is_path(node: ast.BinOp | ast.AugAssign) -> bool:
    """Tell a path joined to a literal name, `folder / "name"`, from a division."""
    last = node.right if isinstance(node, ast.BinOp) else node.value
    return isinstance(last, ast.Constant) and isinstance(last.value, str)


@pytest.mark.parametrize(
    ("written", "asset", "units"),
    [
        ("0.05", USD, 50_000_000),
        ("$0.05", USD, 50_000_000),
        ("0", USD, 0),
        ("1", USD, 1_000_000_000),
        ("0.000000001", USD, 1),
        ("9223372036.854775807", USD, INT64_MAX),
        ("9.223372036854775807", WEI, INT64_MAX),
        ("12", SHARE, 12),
    ],
)
def test_a_decimal_is_read_exactly(written: str, asset: Asset, units: int) -> None:
    """A plain decimal becomes its number of smallest units."""
    assert parse(written, asset) == Amount(units, asset)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "-1",
        "+1",
        "1e3",
        " 1",
        "1 ",
        "1.",
        ".5",
        "01",
        "1,5",
        "1_0",
        "$",
        "$$1",
        "٣",
        "0x1",
        "NaN",
        "1" * 65,
    ],
)
def test_anything_else_is_refused(written: str) -> None:
    """Signs, exponents, spaces and foreign digits are no money."""
    with pytest.raises(MoneyText, match="is not an amount"):
        parse(written, USD)


def test_the_dollar_sign_is_for_dollars() -> None:
    """A dollar sign before another asset is a mistake, not an ornament."""
    with pytest.raises(MoneyText):
        parse("$1", WEI)


def test_decimals_beyond_the_asset_are_refused() -> None:
    """Text is never rounded, not even by a zero."""
    with pytest.raises(MoneyText, match="more than the 9 decimals of USD"):
        parse("0.0500000000", USD)


def test_more_than_a_book_holds_is_refused() -> None:
    """One unit above int64 is no amount."""
    with pytest.raises(MoneyText, match="more USD than a book can hold"):
        parse("9223372036.854775808", USD)


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (nano(50_000_000), "0.050000000"),
        (nano(0), "0.000000000"),
        (nano(-1), "-0.000000001"),
        (nano(-1_500_000_000), "-1.500000000"),
        (Amount(7, SHARE), "7"),
        (Amount(-7, SHARE), "-7"),
    ],
)
def test_an_amount_is_written_with_all_decimals(amount: Amount, written: str) -> None:
    """Every text of an asset has the same number of decimals."""
    assert text(amount) == written


@given(st.integers(0, INT64_MAX), st.sampled_from([USD, WEI, SHARE]))
def test_text_is_read_back(units: int, asset: Asset) -> None:
    """What is written is read as the same amount."""
    assert parse(text(Amount(units, asset)), asset) == Amount(units, asset)


@given(st.fractions())
def test_rounding_is_what_its_name_says(x: Fraction) -> None:
    """Up is the least whole not below, down the greatest not above, half_even the nearest, ties to even."""
    assert up(x) - 1 < x <= up(x)
    assert down(x) <= x < down(x) + 1
    assert half_even(x) == round(x)


@pytest.mark.parametrize(("x", "whole"), [("5/2", 2), ("7/2", 4), ("-5/2", -2), ("-7/2", -4), ("1/3", 0)])
def test_a_tie_goes_to_the_even_neighbour(x: str, whole: int) -> None:
    """Over many lines rounding favours nobody."""
    assert half_even(Fraction(x)) == whole


def test_amounts_add_subtract_and_compare() -> None:
    """Amounts of one asset are ordered and added like their units."""
    one, two = nano(1), nano(2)

    assert one + one == two
    assert one - two == nano(-1)
    assert one < two
    assert two > one
    assert one <= nano(1) <= two
    assert two >= nano(2) >= one
    assert Amount.zero(USD) == nano(0)


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_assets_never_meet(operation: str) -> None:
    """An operation over two assets is a programmer's error, caught at once."""
    with pytest.raises(AssertionError, match="two assets"):
        getattr(nano(1), operation)(Amount(1, WEI))
