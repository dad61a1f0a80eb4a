"""Beancount adds our books up by itself, and finds what we say."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.accounts import Account, AccountClass, Side
from ledger.money import INT64_MAX, USD, Asset
from ledger.transfers import Booked, Kind, Row
from sidecar.finops.beancount import currency, journal_text, name

TOKEN = Asset("eip155:84532/0x036c", 6)
WEIRD = ("a b", 'é"\\', "", "/x", "-", "Ärger", "9", "Upper", "lower", "x-2F")
CASH = Account(("cash",), USD, AccountClass.ASSET, Side.DEBIT)
ODD = Account(WEIRD, USD, AccountClass.EQUITY, Side.CREDIT)
HELD = Account(("token", "t"), TOKEN, AccountClass.ASSET, Side.DEBIT)
BRIDGE = Account(("fx", "t"), TOKEN, AccountClass.EQUITY, Side.CREDIT)
BUDGET = Account(("budget",), USD, AccountClass.MEMORANDUM, Side.DEBIT)
DAY_US = 86_400_000_000


def booked(seq: int, *rows: Row, note: str = "", day: int = 20_000) -> Booked:
    return Booked(seq, f"j{seq}", "kind", day * DAY_US, 0, "about", note, rows)


BOOK = (
    booked(
        1,
        Row("a", Kind.TRANSFER, CASH, ODD, 123_456_789_012_345_678, None),
        Row("b", Kind.TRANSFER, HELD, BRIDGE, 1, None),
    ),
    booked(2, Row("h", Kind.PENDING, ODD, CASH, 7, None)),
    booked(3, Row("p", Kind.POST, ODD, CASH, 5, "h"), note='a "reason"\nin two \\ lines', day=20_001),
    booked(4, Row("m", Kind.TRANSFER, BUDGET, CASH, 1, None), day=19_000),  # learned late
    booked(5, Row("l", Kind.TRANSFER, CASH, ODD, INT64_MAX, None)),
)


def checked(folder: Path, text: str) -> tuple[int, str]:
    """Run bean-check on *text*."""
    (folder / "books.beancount").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "beancount.scripts.check", "--no-cache", str(folder / "books.beancount")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_bean_check_accepts_it(tmp_path: Path) -> None:
    """Strange names, other assets, late journals and the largest amounts: all of it adds up."""
    assert checked(tmp_path, "".join(journal_text(BOOK))) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("123456789.012345678 USD", "123456789.012345679 USD"),
        ("0.000001 ~ 0 T", "0.000002 ~ 0 T"),
        ("9346828825.867121479 ~ 0 USD", "9346828825.867121480 ~ 0 USD"),
    ],
)
def test_bean_check_forgives_nothing(tmp_path: Path, right: str, wrong: str) -> None:
    """One unit in the last place, in a posting or in a balance, is found."""
    text = "".join(journal_text(BOOK))
    assert right in text

    assert checked(tmp_path, text.replace(right, wrong, 1))[0] == 1


def test_a_hold_is_not_written() -> None:
    """Beancount knows only what is posted; our number of the journal stands beside it."""
    text = "".join(journal_text(BOOK))

    assert [line for line in text.splitlines() if line.startswith("  seq:")] == [
        "  seq: 1",
        "  seq: 3",
        "  seq: 4",
        "  seq: 5",
    ]


def test_no_two_accounts_have_one_name() -> None:
    """Whatever parts accounts are named by, in whatever spelling."""
    parts = [
        "",
        "-",
        "--",
        "x",
        "X",
        "x-",
        "X-",
        "/",
        "x/",
        "X/",
        "-2F",
        "x-2F",
        "X--",
        "1",
        "é",
        "É",
        ":",
        "%3A",
    ]
    names = {name(Account((part,), USD, AccountClass.ASSET, Side.DEBIT)) for part in parts}

    assert len(names) == len(parts)


def test_a_currency_is_short() -> None:
    """A token's name is too long for beancount: a hash stands for it, and the name beside it."""
    assert currency(USD) == "USD"
    assert len(currency(TOKEN)) == 21
    assert currency(TOKEN) != currency(Asset("eip155:84532/0x036d", 6))
    assert '  asset: "eip155:84532/0x036c"' in "".join(journal_text(BOOK))


def test_an_empty_book_is_a_file_too(tmp_path: Path) -> None:
    """Nothing is booked, nothing is wrong."""
    assert checked(tmp_path, "".join(journal_text(())))[0] == 0
