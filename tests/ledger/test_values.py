"""Values are compared by content, can be keys, have their fields and no others, and are not assigned to."""

from dataclasses import KW_ONLY

import pytest

from ledger.values import value


@value
class Place:
    """Where something lies."""

    row: int
    _: KW_ONLY
    column: int = 0


@value
class Step:
    """Another value with the same fields."""

    row: int
    column: int = 0


def test_values_are_equal_by_content() -> None:
    """Two of the same content are one key; another class with the same content is another."""
    assert Place(1, column=2) == Place(1, column=2)
    assert {Place(1): "here"}[Place(1, column=0)] == "here"
    assert Place(1) != Place(2)
    assert len({Step(1), Place(1)}) == 2


def test_a_value_has_its_fields_and_no_others() -> None:
    """A name that is not a field holds nothing."""
    place = Place(1)

    with pytest.raises(AttributeError):
        place.colour = "red"  # type: ignore[attr-defined]  # the claim under test

    assert repr(place) == "Place(row=1, column=0)"


def test_nobody_assigns_to_a_value() -> None:
    """The type checker refuses it: it also refuses an ignore that nothing needs, so this line is the test."""

    def move(place: Place) -> None:
        place.row = 3  # type: ignore[misc]  # the claim under test

    step = Step(2)
    move(place := Place(2))

    assert step.row == 2
    assert place.row == 3, "at run time it is not looked at"
