"""Terms: what a price version promises survives the process."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ledger.money import nano
from pricing.price import ComputedPrice, FixedPrice, Quantity
from sidecar.domain.call import Flow
from sidecar.domain.terms import read, written
from sidecar.domain.verification import max_timeout_s
from tests.sidecar.builders import NOW_US, PAYER, USDC, some_terms

COMPUTED = ComputedPrice(
    nano(1_000),
    (
        Quantity("query pages", nano(5), most=9, default=1),
        Quantity("body /n", nano(7), most=8, per=3, least=1),
    ),
    {"large": nano(50), "small": nano(5)},
    "body /model",
)
TERMS = some_terms(
    COMPUTED,
    own={PAYER: FixedPrice(nano(900)), bytes(20): COMPUTED},
    methods=(USDC, replace(USDC, network="eip155:1")),
)


@pytest.mark.parametrize("terms", [TERMS, some_terms(), some_terms(flow=Flow.UPFRONT, timeout_s=9)])
def test_terms_are_read_back_as_they_were_written(terms: Any) -> None:
    """Every price, every buyer's own, every way to be paid; the number is the one on disk."""
    assert read(written(terms), 7) == replace(terms, version=7)


def test_terms_are_canonical() -> None:
    """The same terms are the same text, whatever their number; amounts are strings."""
    text = written(some_terms(version=3))

    assert text == written(some_terms(version=4).replaced(NOW_US))
    assert json.loads(text)["price"] == {"nano": "50000000"}
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "other",
    [
        {"price": FixedPrice(nano(50_000_001))},
        {"price": replace(COMPUTED, base=nano(1))},
        {"own": {PAYER: FixedPrice(nano(1))}},
        {"timeout_s": 61},
        {"methods": (replace(USDC, network="eip155:8453"),)},
        {"methods": (replace(USDC, pay_to_text="0x" + "11" * 20),)},
        {"methods": (replace(USDC, domain_version="1"),)},
        {"flow": Flow.UPFRONT},
    ],
)
def test_other_terms_are_another_text(other: dict[str, Any]) -> None:
    """A change a buyer could see is another price version."""
    assert written(some_terms(**other)) != written(some_terms())


def test_a_price_changed_within_a_unit_is_another_version() -> None:
    """Two prices that are signed alike are booked apart, so they are different terms."""
    assert written(some_terms(FixedPrice(nano(1_500)))) != written(some_terms(FixedPrice(nano(1_600))))


def test_replaced_terms_are_payable_as_long_as_they_were_promised() -> None:
    """An offer says for how many seconds it is good; to the microsecond."""
    ended = some_terms().replaced(NOW_US)
    end_us = NOW_US + max_timeout_s(60) * 1_000_000

    assert some_terms().payable(end_us * 10)
    assert ended.payable(end_us - 1)
    assert not ended.payable(end_us)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"price_nano":"5","accepts":[]}',
        written(TERMS).replace("authorization", "later"),
    ],
)
def test_terms_of_another_version_of_the_sidecar_are_not_guessed(text: str) -> None:
    assert read(text, 1) is None
