"""A reconciliation as operators read it."""

import json

import pytest

from sidecar.domain.payments import State
from sidecar.finops import reconciled
from sidecar.finops.reconciled import listed, reconciled_object
from tests.sidecar.finops.money_moves import ADMITTED_US, FIRST, STRANGER, Story

NETWORK = "eip155:84532"
NOW_US = ADMITTED_US + 90_000_000
MADE_S = 4_060
TIMES_S = {(NETWORK, FIRST + number): MADE_S for number in range(9)}


def test_a_till_is_told_in_the_tokens_own_units() -> None:
    """Counts and amounts by what was found, the balance on both sides, and the blocks it is about."""
    story = Story(opening=5)
    story.matched(1_500_000)
    story.came(7, payer=STRANGER)
    answer = reconciled_object([story.told()], TIMES_S, NOW_US)
    (item,) = answer["items"]
    unmatched = item.pop("unmatched")

    assert answer["explained"] is True
    assert item == {
        "network": NETWORK,
        "asset": "0x" + "03" * 20,
        "pay_to": "0x" + "cc" * 20,
        "from_block": 100,
        "to_block": 200,
        "at": "1970-01-01T01:23:19.000000Z",
        "balance_chain": "1.500012",
        "balance_books": "1.500000",
        "opening": "0.000005",
        "matched": 1,
        "reported": 0,
        "owner_movements": 0,
        "unapplied": 1,
        "suspended": 0,
        "defaulted": 0,
        "owed": 0,
        "missing": 0,
        "different": 0,
        "amounts": {
            "matched": "1.500000",
            "reported": "0.000000",
            "owner_movements": "0.000000",
            "unapplied": "0.000007",
            "suspended": "0.000000",
            "defaulted": "0.000000",
            "owed": "0.000000",
            "missing": "0.000000",
            "different": "0.000000",
        },
        "unexplained": "0.000000",
        "explained_ratio": "1.0000",
        "explained": True,
    }
    assert unmatched == [
        {
            "kind": "unapplied",
            "call": None,
            "payer": "0x" + "99" * 20,
            "pay_to": "0x" + "cc" * 20,
            "transaction": f"0x{1:064x}",
            "block": 101,
            "since": "1970-01-01T01:07:40.000000Z",
            "age_s": 30,
            "amount": "0.000007",
        }
    ]
    assert json.loads(json.dumps(answer)) == answer


def test_a_payment_is_listed_by_its_call_and_its_age() -> None:
    """Whoever must look into it finds the call; a transaction that nobody saw is not made up."""
    story = Story()
    story.missing()
    story.claimed(state=State.SUSPENDED)
    story.reported(arrived=True)
    answer = reconciled_object([story.told()], TIMES_S, NOW_US)
    lines = [
        (each["kind"], each["call"], each["transaction"], each["block"], each["age_s"])
        for each in answer["items"][0]["unmatched"]
    ]

    assert lines == [
        ("missing", "call_0", "0x" + "ff" * 32, None, 90),
        ("suspended", "call_1", None, None, 90),
        ("reported", "call_2", f"0x{0:064x}", 100, 90),
    ]
    assert answer["explained"] is False


def test_a_chain_ahead_of_the_clock_makes_no_negative_age() -> None:
    """Nothing is younger than now."""
    story = Story()
    story.came(payer=STRANGER)
    answer = reconciled_object([story.told()], TIMES_S, 0)
    assert answer["items"][0]["unmatched"][0]["age_s"] == 0


def test_the_last_one_of_very_many_is_seen_in_the_ratio() -> None:
    """A ratio of one means that nothing is wrong at all."""
    story = Story()
    for _ in range(3 * 10**4):
        story.matched()
    story.missing()
    answer = reconciled_object([story.told()], {}, NOW_US)
    assert answer["items"][0]["explained_ratio"] == "0.9999"


def test_the_list_is_bounded_and_the_counts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst of it is listed."""
    monkeypatch.setattr(reconciled, "LISTED_MAX", 2)
    story = Story()
    for _ in range(3):
        story.came(payer=STRANGER)
    story.missing()
    told = story.told()
    assert len(listed(told)) == 2
    (item,) = reconciled_object([told], TIMES_S, NOW_US)["items"]
    assert ([each["kind"] for each in item["unmatched"]], item["unapplied"]) == (["missing", "unapplied"], 3)
