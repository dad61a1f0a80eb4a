"""Purses: a balance is good for ten seconds, for what was open when it was read and all that came since."""

import pytest

from ledger.money import Amount, nano
from sidecar.domain import purses as purses_module
from sidecar.domain.purses import GOOD_US, Purse, Purses
from sidecar.domain.records import Authorized

PURSE: Purse = ("eip155:84532", bytes(20), b"\x01" * 20)
OTHER: Purse = ("eip155:84532", bytes(20), b"\x02" * 20)
NOW_US = 1_000_000_000


def atomic(amount: Amount) -> int:
    return -(-amount.units // 1_000)


def authorized(*, open_: int, ever: int) -> Authorized:
    return Authorized(open=nano(open_ * 1_000), ever=nano(ever * 1_000))


def read(balance: int, *, open_: int = 10, ever: int = 100, at_us: int = NOW_US) -> Purses:
    purses = Purses()
    purses.saw(PURSE, balance, authorized(open_=open_, ever=ever), at_us)
    return purses


def test_what_was_never_read_covers_nothing() -> None:
    """The chain is asked at least once for each payer and asset."""
    assert not Purses().covers(PURSE, authorized(open_=1, ever=1), atomic, NOW_US)
    assert not read(1_000).covers(OTHER, authorized(open_=1, ever=1), atomic, NOW_US)


@pytest.mark.parametrize(
    ("balance", "open_now", "ever", "covered"),
    [
        (20, 20, 110, True),
        (19, 20, 110, False),
        (10, 10, 100, True),
        # Settled since it was read: nothing else is open, and the money is not there any more.
        (20, 10, 120, False),
        (30, 10, 120, True),
        # Admitted before the one it was read for, and asked about after it.
        (10, 5, 95, True),
    ],
)
def test_all_that_was_signed_since_is_counted(balance: int, open_now: int, ever: int, covered: bool) -> None:
    """Open when it was read, and signed since then, whatever became of it."""
    asked = authorized(open_=open_now, ever=ever)

    assert read(balance).covers(PURSE, asked, atomic, NOW_US) is covered


@pytest.mark.parametrize(("later_us", "covered"), [(0, True), (GOOD_US - 1, True), (GOOD_US, False)])
def test_a_balance_grows_old(later_us: int, covered: bool) -> None:
    """It counts from when the chain was asked."""
    purses = read(1_000)

    assert purses.covers(PURSE, authorized(open_=10, ever=100), atomic, NOW_US + later_us) is covered


def test_parts_of_a_unit_need_a_whole_one() -> None:
    """Rounded up once, over all of it."""
    asked = Authorized(open=nano(10_001), ever=nano(100_001))

    assert not read(10).covers(PURSE, asked, atomic, NOW_US)
    assert read(11).covers(PURSE, asked, atomic, NOW_US)


def test_an_older_question_does_not_undo_a_newer_one() -> None:
    """Answers may overtake each other; the one for the newest admission counts."""
    purses = read(50, open_=10, ever=100)
    purses.saw(PURSE, 1_000, authorized(open_=5, ever=95), NOW_US + 1)

    assert not purses.covers(PURSE, authorized(open_=10, ever=150), atomic, NOW_US + 1)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many payers, those read last are kept."""
    monkeypatch.setattr(purses_module, "KEPT_MAX", 1)
    purses = read(1_000)
    purses.saw(OTHER, 1_000, authorized(open_=1, ever=1), NOW_US)

    assert not purses.covers(PURSE, authorized(open_=1, ever=1), atomic, NOW_US)
    assert purses.covers(OTHER, authorized(open_=1, ever=1), atomic, NOW_US)
