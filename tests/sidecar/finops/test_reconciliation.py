"""Books against chain: everything is named, and what contradicts is never explained away."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.payments import Proof, State
from sidecar.finops.reconciliation import Kind, Reconciled, reconcile
from tests.sidecar.finops.money_moves import DIES_AT, FIRST, PAY_TO, STRANGER, Story


def counts(told: Reconciled) -> dict[Kind, int]:
    return {kind: len(told.of(kind)) for kind in Kind if told.of(kind)}


def test_nothing_is_explained() -> None:
    """Where nothing moved and nothing is booked, all of it agrees."""
    told = Story().told()
    assert (told.explained, told.unexplained) == (True, 0)
    assert told.ratio == 1


EVENTS = {
    "matched": lambda story, units: story.matched(units),
    "earlier": lambda story, units: story.earlier(units),
    "on its way": lambda story, units: story.reported(units, arrived=False),
    "arrived": lambda story, units: story.reported(units, arrived=True),
    "unapplied": lambda story, units: story.came(units, payer=STRANGER),
    "left": lambda story, units: story.left(units),
    "failed": lambda story, units: story.claimed(units, state=State.FAILED),
    "suspended": lambda story, units: story.claimed(units, state=State.SUSPENDED),
    "disproved": lambda story, units: story.claimed(units, state=State.DELIVERED, proof=Proof.DISPROVED),
    "owed": lambda story, units: story.claimed(units, state=State.OWED),
    "being collected": lambda story, units: story.claimed(units, state=State.COLLECTING),
    "in doubt": lambda story, units: story.claimed(units, state=State.DOUBTFUL),
    "a debt": lambda story, units: story.claimed(units, state=State.DEFAULTED),
}
KINDS = {
    "matched": Kind.MATCHED,
    "on its way": Kind.REPORTED,
    "arrived": Kind.REPORTED,
    "unapplied": Kind.UNAPPLIED,
    "left": Kind.OWNER_MOVEMENT,
    "suspended": Kind.SUSPENDED,
    "disproved": Kind.SUSPENDED,
    "owed": Kind.OWED,
    "being collected": Kind.OWED,
    "in doubt": Kind.OWED,
    "a debt": Kind.DEFAULTED,
}
HAPPENED = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(1, 3)), max_size=12)


def a_story(happened: list[tuple[str, int]], *, opening: int, remembers: bool) -> Story:
    story = Story(opening=opening, remembers=remembers)
    for event, units in happened:
        EVENTS[event](story, units)
    return story


@given(HAPPENED, st.integers(0, 5), st.booleans())
def test_whatever_happened_is_named_and_adds_up(
    happened: list[tuple[str, int]], opening: int, remembers: bool
) -> None:
    """Each event is found once as what it was, and the balance is explained to the last unit."""
    told = a_story(happened, opening=opening, remembers=remembers).told()
    expected: dict[Kind, int] = {}
    for event, _ in happened:
        if event in KINDS:
            expected[KINDS[event]] = expected.get(KINDS[event], 0) + 1
    assert counts(told) == expected
    assert (told.explained, told.unexplained) == (True, 0)
    assert told.ratio == 1
    assert told.opening == opening + sum(units for event, units in happened if event == "left")


@given(HAPPENED, st.booleans(), st.integers(1, 3))
def test_a_transfer_that_is_gone_is_missing(
    happened: list[tuple[str, int]], remembers: bool, units: int
) -> None:
    """Whatever else happened, the books are too high by exactly what is not there."""
    story = a_story(happened, opening=0, remembers=remembers)
    claim = story.missing(units)
    told = story.told()
    assert [each.claim for each in told.of(Kind.MISSING)] == [claim]
    assert (told.explained, told.unexplained) == (False, -units)
    assert told.ratio < 1


@given(HAPPENED, st.booleans(), st.integers(1, 3))
def test_money_the_books_made_up_is_unexplained(
    happened: list[tuple[str, int]], remembers: bool, units: int
) -> None:
    """An account that says more than its payments is found, though every payment matches."""
    story = a_story(happened, opening=0, remembers=remembers)
    story.till = replace(story.till, booked=story.till.booked + units)
    told = story.told()
    assert (told.wrong, told.explained, told.unexplained) == ((), False, -units)


def test_a_balance_that_moved_without_a_log_is_unexplained() -> None:
    """Where the node remembers what the till held, the token itself is checked."""
    story = Story(opening=7)
    story.matched()
    seen = story.told().seen
    assert Story(opening=7).told().explained
    told = reconcile(story.till, story.claims, [], replace(seen, balance=seen.balance + 1), {})
    assert (told.explained, told.unexplained, told.wrong) == (False, 1, ())


@pytest.mark.parametrize("change", [{"value": 9}, {"payer": STRANGER}])
def test_a_booked_transfer_must_be_the_one_that_was_signed(change: dict[str, object]) -> None:
    """Another amount or another payer is not a match."""
    story = Story()
    story.matched(10)
    story.transfers[0] = replace(story.transfers[0], **change)  # type: ignore[arg-type]  # a field of its type
    told = story.told()
    assert counts(told) == {Kind.DIFFERENT: 1}
    assert told.ratio == 0
    assert not told.explained


def test_a_settlement_of_another_amount_is_different() -> None:
    """The transaction a facilitator named brought something else from the same payer."""
    story = Story()
    claim = story.claimed(10, proof=Proof.WORD, state=State.DELIVERED, transaction=f"0x{0:064x}")
    story.came(9)
    told = story.told()
    (finding,) = told.of(Kind.DIFFERENT)
    assert (finding.claim, finding.units, told.unexplained) == (claim, 9, 0)
    assert not told.explained


def test_a_report_that_can_no_longer_come_true_is_missing() -> None:
    """Past the authorization's death nothing is on its way any more."""
    story = Story(timestamp_s=DIES_AT)
    story.reported(arrived=False)
    assert counts(story.told()) == {Kind.REPORTED: 1}
    story.timestamp_s += 1
    told = story.told()
    assert (counts(told), told.unexplained, told.explained) == ({Kind.MISSING: 1}, 0, False)


def test_a_report_from_before_the_range_is_not_judged() -> None:
    """Its Transfer may be in a block that was not looked at."""
    story = Story(timestamp_s=DIES_AT + 1)
    story.reported(arrived=False, from_block=FIRST - 2)
    assert counts(story.told()) == {Kind.REPORTED: 1}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"state": State.UNKNOWN}, Kind.REPORTED),
        ({"state": State.SENDING}, Kind.REPORTED),
        ({"state": State.FAILED, "watched": True}, Kind.REPORTED),
        ({"state": State.RELEASED, "watched": True}, Kind.REPORTED),
        ({"state": State.FAILED}, Kind.UNAPPLIED),
        ({"state": State.SUSPENDED}, Kind.UNAPPLIED),
    ],
)
def test_a_transfer_is_the_books_to_come_only_if_somebody_looks_for_it(
    fields: dict[str, Any], kind: Kind
) -> None:
    """What recovery will book is reported; what it will not is unapplied, with its call."""
    story = Story()
    claim = story.claimed(**fields)
    story.found[claim.key] = [story.came()]
    told = story.told()
    assert [each.claim for each in told.of(kind) if each.transfer] == [claim]
    assert (told.explained, told.unexplained) == (True, 0)


def test_two_payments_in_one_transaction_take_one_transfer_each() -> None:
    """The nonce leads to the transaction; each Transfer in it is taken once."""
    story = Story()
    first, second, third = (story.claimed() for _ in range(3))
    both = [story.came(), story.came()]
    story.found = {claim.key: both for claim in (first, second, third)}
    told = story.told()
    assert [(each.claim, each.transfer) for each in told.of(Kind.REPORTED)] == [
        (first, both[0]),
        (second, both[1]),
    ]


def test_what_was_admitted_meanwhile_explains_its_transfer_and_nothing_else() -> None:
    """What came after the books were read is known by its nonce; without a Transfer it is no matter."""
    story = Story()
    story.matched()
    arrived, _ = (story.a_claim(proof=Proof.WORD), story.a_claim(proof=Proof.CHAIN, booked_at=("0x", 1)))
    story.late = [arrived, replace(arrived, key=b"other", proof=Proof.CHAIN, booked_at=("0x", 1))]
    story.found[arrived.key] = [story.came()]
    told = story.told()
    assert counts(told) == {Kind.MATCHED: 1, Kind.REPORTED: 1}
    assert told.explained


def test_a_transfer_to_oneself_is_nothing() -> None:
    """It changes no balance and belongs to nobody."""
    story = Story()
    story.transfers.append(replace(story.came(), payer=PAY_TO))
    story.transfers.pop(0)
    assert story.told().findings == ()


def test_the_worst_comes_first() -> None:
    """Whoever reads a long list sees what is wrong before what is right."""
    story = Story()
    story.matched()
    story.came(payer=STRANGER)
    story.missing()
    told = story.told()
    assert [each.kind for each in told.findings] == [Kind.MISSING, Kind.UNAPPLIED, Kind.MATCHED]
    assert told.ratio == Fraction(2, 3)
