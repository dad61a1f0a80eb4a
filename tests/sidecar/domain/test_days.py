"""Days: a payer's day holds so much spending and so much cost that nobody pays for."""

import pytest

from ledger.money import Amount, nano
from sidecar.domain.days import DAY_US, DayLimits, PayerDay, day_of, decide, rest_s
from sidecar.domain.refusals import Code, Refusal

NOON_US = 20_000 * DAY_US + DAY_US // 2
HALF_A_DAY_S = 43_200
SPENT = Refusal(Code.BUDGET_SPENT, policy="exposure.per_day", retry_after_s=HALF_A_DAY_S)
UNCHARGED = Refusal(Code.UNCHARGED_LIMIT, policy="limits.uncharged_cost", retry_after_s=HALF_A_DAY_S)


def decided(
    day: PayerDay,
    *,
    spend: Amount | None = None,
    uncharged: Amount | None = None,
    upfront: bool = False,
    credit: int = 0,
) -> Refusal | None:
    limits = DayLimits(spend, uncharged)
    return decide(limits, day, nano(10), upfront=upfront, credit=nano(credit), at_us=NOON_US)


@pytest.mark.parametrize(
    ("spent", "limit", "refusal"),
    [(90, 100, None), (91, 100, SPENT), (0, 10, None), (0, 9, SPENT), (10**15, None, None)],
)
def test_a_day_is_spent_to_the_last_unit(spent: int, limit: int | None, refusal: Refusal | None) -> None:
    """The call that fills the day exactly is sold, and the next one is not."""
    assert decided(PayerDay(spent, 0), spend=None if limit is None else nano(limit)) == refusal


@pytest.mark.parametrize(
    ("cost", "limit", "upfront", "credit", "refusal"),
    [
        (100, 100, False, 0, None),
        (101, 100, False, 0, UNCHARGED),
        (10**15, 100, True, 0, None),
        (110, 100, False, 10, None),
        (111, 100, False, 10, UNCHARGED),
        (0, 0, False, 0, None),
        (1, 0, False, 0, UNCHARGED),
        (10**15, None, False, 0, None),
    ],
)
def test_beyond_the_uncharged_cost_only_prepaid_work_is_done(
    cost: int, limit: int | None, upfront: bool, credit: int, refusal: Refusal | None
) -> None:
    """Who cost us more than the limit pays before the work: anew, or from credit that covers the rest."""
    day, uncharged = PayerDay(0, cost), None if limit is None else nano(limit)

    assert decided(day, uncharged=uncharged, upfront=upfront, credit=credit) == refusal


def test_no_limit_bounds_nothing_and_money_comes_first() -> None:
    """Without limits everything fits; with both passed, the day's spending is named."""
    assert decided(PayerDay(10**15, 10**15)) is None
    assert decided(PayerDay(10**15, 10**15), spend=nano(1), uncharged=nano(1)) == SPENT


@pytest.mark.parametrize(
    ("at_us", "day", "rest"),
    [(0, 0, 86_400), (DAY_US - 1, 0, 1), (DAY_US, 1, 86_400), (DAY_US + 1, 1, 86_400)],
)
def test_a_day_ends_at_midnight_utc(at_us: int, day: int, rest: int) -> None:
    """The last microsecond still has a second to wait: nobody is sent back too early."""
    assert (day_of(at_us), rest_s(at_us)) == (day, rest)
