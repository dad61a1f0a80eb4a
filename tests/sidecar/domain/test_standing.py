"""Standing: who has not paid pays first, and only who has paid may owe."""

import pytest

from sidecar.domain.call import Flow
from sidecar.domain.outcomes import Failed
from sidecar.domain.records import Payment
from sidecar.domain.standing import flow_for, standing
from tests.sidecar.builders import Books, P, verified


async def debts(books: Books, count: int) -> list[Payment]:
    """Deliver calls whose settlement is refused."""
    return [
        await books.collected(Failed("insufficient_funds"), verified(call=f"call_{number}", nonce=number))
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("credit", "repaid", "owes", "left"),
    [
        (0, 0, True, 0),
        (P - 1, 0, True, P - 1),
        (P, 1, True, 0),
        (2 * P - 1, 1, True, P - 1),
        (2 * P + 7, 2, False, 7),
    ],
)
async def test_credit_pays_whole_debts_the_oldest_first(
    books: Books, credit: int, repaid: int, owes: bool, left: int
) -> None:
    """What does not cover the next debt stays the payer's to spend."""
    owed = await debts(books, 2)
    found = standing(owed, credit)

    assert (found.repaid, found.owes, found.credit_nano) == (tuple(owed[:repaid]), owes, left)


def test_who_owes_nothing_keeps_its_credit() -> None:
    """Nothing is taken for nothing."""
    found = standing([], 5)

    assert (found.repaid, found.owes, found.credit_nano) == ((), False, 5)


@pytest.mark.parametrize("sold_under", Flow)
@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("watched", [True, False])
def test_a_debtor_pays_first_whatever_is_sold(sold_under: Flow, proven: bool, watched: bool) -> None:
    """On every route, until it has paid."""
    assert flow_for(sold_under, owes=True, proven=proven, watched=watched) is Flow.UPFRONT


@pytest.mark.parametrize(
    ("sold_under", "proven", "watched", "served_under"),
    [
        (Flow.DEFERRED, True, True, Flow.DEFERRED),
        (Flow.DEFERRED, False, True, Flow.AUTHORIZATION),
        (Flow.DEFERRED, True, False, Flow.AUTHORIZATION),
        (Flow.AUTHORIZATION, True, True, Flow.AUTHORIZATION),
        (Flow.UPFRONT, True, True, Flow.UPFRONT),
    ],
)
def test_only_who_has_paid_may_owe(sold_under: Flow, proven: bool, watched: bool, served_under: Flow) -> None:
    """And only where the chain can be asked; other routes are served as they are sold."""
    assert flow_for(sold_under, owes=False, proven=proven, watched=watched) is served_under
