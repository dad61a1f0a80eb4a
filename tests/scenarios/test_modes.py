"""However a facilitator or a chain misbehaves, it ends by evidence, and books and chain agree.

Nobody is charged without a call or a credit, and nobody is asked to pay again while it is not known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from sidecar.sandbox import chain_modes, facilitator_modes
from sidecar.sandbox.process import start_sandbox
from tests.scenarios.season import HONEST, Modes, Season, Told, lived_through

PRICE: Final = 10_000_000  # nano-USD

SERVED: Final = (200, "")
UNKNOWN: Final = (503, "settlement_unknown")
UNAVAILABLE: Final = (503, "settlement_unavailable")
FAILED: Final = (402, "settlement_failed")


@dataclass(frozen=True, slots=True)
class End:
    """How a payment ends: what its buyer is told first and at last, what it got, and what the chain took."""

    told: Told
    last: Told
    worth: int
    taken: bool


SOLD: Final = End(SERVED, SERVED, PRICE, taken=True)
SOLD_LATER: Final = End(UNAVAILABLE, SERVED, PRICE, taken=True)
CREDITED: Final = End(UNKNOWN, SERVED, PRICE, taken=True)  # and the credit bought the call in the end
NOT_TAKEN: Final = End(UNKNOWN, FAILED, 0, taken=False)
GIVEN_AWAY: Final = End(SERVED, SERVED, 0, taken=False)  # on a word that proved false

ENDS: Final = {
    Modes("timeout-before"): NOT_TAKEN,
    Modes("timeout-after"): CREDITED,
    Modes("5xx-before"): NOT_TAKEN,
    Modes("5xx-after"): CREDITED,
    Modes("pending"): CREDITED,
    Modes("lying-payer"): CREDITED,
    Modes("lying-amount"): CREDITED,
    Modes("lying-network"): CREDITED,
    Modes("lying-transaction"): CREDITED,
    Modes("lying-success"): GIVEN_AWAY,
    Modes("duplicate"): NOT_TAKEN,
    Modes("slow"): CREDITED,
    Modes("hangs-up"): NOT_TAKEN,
    Modes("down"): SOLD_LATER,
    Modes(chain="delay"): CREDITED,
    Modes(chain="reorg"): SOLD,
    Modes(chain="reorg-lost"): GIVEN_AWAY,
    Modes(chain="frontrun"): CREDITED,
    Modes(chain="silent-nonce"): CREDITED,
    Modes("timeout-after", "reorg"): CREDITED,
    Modes("timeout-after", "reorg-lost"): NOT_TAKEN,
    Modes("5xx-after", "silent-nonce"): CREDITED,
    Modes("pending", "frontrun"): CREDITED,
}
TAKEN: Final = sum(end.taken for end in ENDS.values()) + len(ENDS) + 1  # with the honest sales in between


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory, agent: str) -> Iterator[Season]:
    """Live through all of them, on a chain whose time can be moved because nobody else is on it."""
    with start_sandbox() as alone:
        yield lived_through(tuple(ENDS), tmp_path_factory.mktemp("season"), alone, agent)


def test_every_mode_is_lived_through() -> None:
    """A new row in one of the tables needs its row here."""
    assert {modes.facilitator for modes in ENDS} == set(facilitator_modes.MODES)
    assert {modes.chain for modes in ENDS} == set(chain_modes.MODES)
    assert HONEST not in ENDS


@pytest.mark.parametrize("modes", ENDS, ids=str)
def test_a_payment_ends_by_evidence(modes: Modes, season: Season) -> None:
    """It buys its call, at once or later, or it was never taken; and what was taken is no more than that."""
    attempt, end = season.attempts[modes], ENDS[modes]
    payer = attempt.payer.address
    assert (attempt.told, attempt.last, attempt.used) == (end.told, end.last, end.taken)
    _, after, final = season.views
    assert after.books.sold_to(payer) + after.books.owed_to(payer) == end.worth
    assert (final.books.sold_to(payer), final.books.owed_to(payer)) == (end.worth, 0)


@pytest.mark.parametrize("modes", ENDS, ids=str)
def test_an_honest_buyer_signs_once(modes: Modes, season: Season) -> None:
    """Until evidence decides, no answer to that payment asks for another."""
    attempt = season.attempts[modes]
    assert len(attempt.payments) == 1
    assert attempt.statuses == [402, attempt.told[0]]
    assert attempt.at_once == attempt.told
    assert attempt.later in {UNKNOWN, SERVED}


def test_a_reorganisation_took_place(season: Season) -> None:
    """What was undone came back in another block, or never."""
    first, last = season.attempts[Modes(chain="reorg")].blocks
    assert "" not in {first, last}
    assert first != last
    first, last = season.attempts[Modes(chain="reorg-lost")].blocks
    assert (first != "", last) == (True, "")


def test_honest_sales_go_on_in_between(season: Season) -> None:
    """No misfortune outlasts its mode: the next honest sale is a sale."""
    assert season.honest == [SERVED] * (len(ENDS) + 1)


def test_all_that_is_open_is_explained(season: Season) -> None:
    """Beside the running sidecar nothing is missing: reports wait, and an unknown claims nothing."""
    before, *_ = season.views
    assert before.books.broken == {}
    assert (before.code, before.till["explained_ratio"]) == (0, "1.0000")
    assert before.till["matched"] + before.till["reported"] >= TAKEN
    assert [before.till[name] for name in ("missing", "different", "unapplied", "suspended")] == [0] * 4


def test_in_the_end_the_ledger_is_the_chain(season: Season) -> None:
    """Every Transfer is one payment's, every settled payment has one, what was given away is in suspense."""
    given_away = sum(end is GIVEN_AWAY for end in ENDS.values())
    for view in season.views[1:]:
        till, books = view.till, view.books
        assert books.broken == {}
        assert (view.code, till["explained"], till["explained_ratio"]) == (0, True, "1.0000")
        assert (till["matched"], till["suspended"]) == (TAKEN, given_away)
        others = ("reported", "unapplied", "missing", "different", "owner_movements")
        assert [till[name] for name in others] == [0] * 5
        assert till["balance_chain"] == till["balance_books"]
        assert int(till["balance_chain"].replace(".", "")) * 1_000 == TAKEN * PRICE == books.of("onchain")
        assert books.of("suspense") == given_away * PRICE
        assert books.of("deposit") == books.of("authorized") == books.of("reported") == 0
