"""The machine's clock and ids."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.system import CROCKFORD, SystemClock, SystemIds, random_bytes

MOMENT_US = 1_795_392_000_123_456
MOMENTS_US = st.integers(min_value=0, max_value=2**52)


def value_of(call: str) -> int:
    """Read an id back as the number it is."""
    value = 0
    for character in call.removeprefix("call_"):
        value = value << 5 | CROCKFORD.index(character)
    return value


def test_the_clocks_agree_on_their_unit() -> None:
    """Both count microseconds, and the monotonic one never goes back."""
    clock = SystemClock()
    assert 1_700_000_000_000_000 < clock.now_us() < 4_000_000_000_000_000
    assert clock.monotonic_us() <= clock.monotonic_us()


def test_a_call_id_is_a_ulid_of_its_millisecond() -> None:
    """The first 48 bits are the Unix time in milliseconds, as every ULID reader expects."""
    call = SystemIds().call(MOMENT_US)
    assert len(call) == len("call_") + 26
    assert value_of(call) >> 80 == MOMENT_US // 1_000
    assert value_of(call) < 2**128


@given(earlier=MOMENTS_US, later=MOMENTS_US)
def test_ids_sort_by_time(earlier: int, later: int) -> None:
    """Two ids sort as text like their microseconds, whatever order they were made in."""
    ids = SystemIds()
    if earlier < later:
        assert ids.call(later) > ids.call(earlier)


@given(st.binary(min_size=9, max_size=9), st.integers(min_value=2, max_value=100))
def test_ids_within_one_microsecond_count_up(entropy: bytes, count: int) -> None:
    """Within a microsecond ids still sort in the order made, and stay in it."""
    ids = SystemIds(lambda _count: entropy)
    made = [ids.call(MOMENT_US) for _ in range(count)]
    assert made == sorted(set(made))
    assert all(made_id < SystemIds().call(MOMENT_US + 1) for made_id in made)


def test_two_processes_make_different_ids_at_the_same_moment() -> None:
    """The rest of an id is random."""
    assert SystemIds().call(MOMENT_US) != SystemIds().call(MOMENT_US)


def test_many_ids_of_one_process_differ() -> None:
    """What is drawn for many of them is used once: they differ in more than their time."""
    ids = SystemIds()
    made = {value_of(ids.call(MOMENT_US + number)) & ((1 << 70) - 1) for number in range(1_000)}
    assert len(made) == 1_000


def test_random_bytes_are_as_many_as_asked() -> None:
    """And not the same twice."""
    assert len(random_bytes(32)) == 32
    assert random_bytes(32) != random_bytes(32)
