"""Room is finite, and what is given back can be taken again."""

from sidecar.room import Room


def test_room_is_finite() -> None:
    """What does not fit is not taken, and nothing is taken in part."""
    room = Room(10)

    assert room.take(10)
    assert not room.take(1)
    room.give(4)
    assert not room.take(5)
    assert room.take(4)
