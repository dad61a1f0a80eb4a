"""Two times bound a report."""

import argparse

import pytest

from ledger.reports import NOW, AsOf
from sidecar.commands.as_of import add_as_of, as_of
from sidecar.commands.errors import Sentence
from tests.sidecar.shop import NOON_US


def read(*words: str) -> AsOf:
    parser = argparse.ArgumentParser()
    add_as_of(parser)
    return as_of(parser.parse_args(words))


def test_each_time_is_its_own() -> None:
    """When it happened, when it was known; neither is everything."""
    assert read() == NOW
    assert read("--as-of", "2026-05-01T12:00:00Z") == AsOf(happened_us=NOON_US)
    assert read("--known-at", "2026-05-01T12:00:00Z") == AsOf(recorded_us=NOON_US)


@pytest.mark.parametrize("option", ["--as-of", "--known-at"])
def test_another_text_is_no_time(option: str) -> None:
    """The sentence names the option."""
    with pytest.raises(Sentence, match=f"{option}: 'noon' is not a time"):
        read(option, "noon")
