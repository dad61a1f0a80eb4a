"""Written scalars to values."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano, text
from sidecar.configuration import units
from sidecar.configuration.problems import WrongValue
from sidecar.configuration.reading import Number


@pytest.mark.parametrize(
    ("written", "nanos"),
    [("$0.05", 50_000_000), ("0.05", 50_000_000), ("$1", 10**9), ("$0.000000001", 1), ("$0", 0)],
)
def test_money_is_exact(written: str, nanos: int) -> None:
    """An amount is a whole number of nano-USD."""
    assert units.money(written) == nano(nanos)


@pytest.mark.parametrize(
    "written",
    ["", "$", "-$1", "$-1", "$1e3", "1,5", "$ 1", "$1 ", "$.5", "$1.", "€1", "$0.0000000001",
     "$99999999999999", True, Number("0.05"), Number("1"), None, [], {}],
)  # fmt: skip
def test_what_is_no_money_is_refused(written: object) -> None:
    """No number, sign, exponent, space or precision beyond nine decimals."""
    with pytest.raises(WrongValue) as caught:
        units.money(written)
    assert caught.value.code == "money"


@given(st.integers(1, 2**63 - 1))
def test_every_price_survives_its_text(nanos: int) -> None:
    """Reading what the ledger writes gives the same amount."""
    assert units.price("$" + text(nano(nanos))) == nano(nanos)


def test_a_price_is_more_than_zero() -> None:
    """Zero is spelled `free`."""
    with pytest.raises(WrongValue, match="free"):
        units.price("$0.00")


@pytest.mark.parametrize(
    ("written", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), ("7d", 604_800), ("0s", 0)]
)
def test_durations(written: str, seconds: int) -> None:
    """A duration is whole seconds."""
    assert units.duration(written, 0, 10**6) == seconds


@pytest.mark.parametrize(
    "written", ["30", "s", "1.5s", "-1s", "1 s", "1ms", "1h30m", "01s", Number("30"), None]
)
def test_what_is_no_duration_is_refused(written: object) -> None:
    """A number without a unit is not a duration."""
    with pytest.raises(WrongValue) as caught:
        units.duration(written, 0, 10**6)
    assert caught.value.code == "duration"


@pytest.mark.parametrize(
    ("written", "size_bytes"), [("512B", 512), ("16KiB", 16_384), ("10MiB", 10_485_760), ("0B", 0)]
)
def test_sizes(written: str, size_bytes: int) -> None:
    """A size is whole bytes."""
    assert units.size(written, 0, 2**30) == size_bytes


@pytest.mark.parametrize(
    "written", ["10", "10MB", "10 MiB", "1GiB", "1.5MiB", "MiB", "10kib", Number("10"), True]
)
def test_what_is_no_size_is_refused(written: object) -> None:
    """Decimal megabytes are ambiguous, and a number without a unit is not a size."""
    with pytest.raises(WrongValue) as caught:
        units.size(written, 0, 2**30)
    assert caught.value.code == "size"


@given(st.integers(0, 10**6))
def test_texts_of_units_are_read_back(value: int) -> None:
    """What a message says can be written into the file."""
    assert units.size(units.size_text(value), 0, 10**6) == value
    assert units.duration(units.duration_text(value), 0, 10**6) == value


def test_a_bound_is_told_in_its_unit() -> None:
    """The sentence for a value out of range can be acted on."""
    with pytest.raises(WrongValue, match="from 1s to 10m"):
        units.duration("11m", 1, 600)
    with pytest.raises(WrongValue, match="from 1KiB to 10MiB"):
        units.size("1B", 1024, 10 * 1024 * 1024)
    with pytest.raises(WrongValue, match="from 1 to 3"):
        units.count(Number("4"), 1, 3)


@pytest.mark.parametrize("written", [Number("12"), "12"])
def test_a_count_may_be_text(written: object) -> None:
    """The environment only has text."""
    assert units.count(written, 0, 20) == 12


@pytest.mark.parametrize(
    "written", [Number("1.0"), Number("0x1"), Number("012"), Number("-1"), "two", True, None]
)
def test_what_is_no_count_is_refused(written: object) -> None:
    """A count is plain digits."""
    with pytest.raises(WrongValue) as caught:
        units.count(written, 0, 20)
    assert caught.value.code == "count"


@pytest.mark.parametrize(
    ("written", "share"),
    [("2%", Fraction(1, 50)), ("0.5%", Fraction(1, 200)), ("0%", Fraction(0)), ("100%", Fraction(1))],
)
def test_shares_are_fractions(written: str, share: Fraction) -> None:
    """A share is exact."""
    assert units.share(written) == share


@pytest.mark.parametrize("written", ["2", "101%", "-1%", "%", "1e1%", Number("2"), Number("0.02")])
def test_what_is_no_share_is_refused(written: object) -> None:
    """A share says percent and is at most all."""
    with pytest.raises(WrongValue):
        units.share(written)


@pytest.mark.parametrize(("written", "value"), [(True, True), ("true", True), ("false", False)])
def test_switches(written: object, value: bool) -> None:
    """Only true and false switch."""
    assert units.switch(written) is value


@pytest.mark.parametrize("written", ["on", "yes", "True", "1", Number("1"), None, ""])
def test_what_is_no_switch_is_refused(written: object) -> None:
    """Words that readers disagree about are refused."""
    with pytest.raises(WrongValue):
        units.switch(written)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "label"),
        (" a", "label"),
        ("a\nb", "label"),
        ("x" * 101, "label"),
        (Number("2"), "not_text"),
        (True, "not_text"),
    ],
)
def test_labels_are_printable_text(written: object, code: str) -> None:
    """A version written as a number is told to be quoted."""
    assert units.label("größe 1") == "größe 1"
    with pytest.raises(WrongValue) as caught:
        units.label(written)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("short", "token_short"),
        ("", "token_short"),
        ("x" * 513, "token"),
        ("with spaces in it", "token"),
        (Number("1"), "not_text"),
    ],
)
def test_secrets_are_long_enough_and_never_repeated(written: object, code: str) -> None:
    """A token that could be guessed is refused, and no sentence carries it."""
    with pytest.raises(WrongValue) as caught:
        units.secret(written)
    assert caught.value.code == code
    assert not isinstance(written, str) or not written or written not in caught.value.sentence


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "token"),
        ("x" * 8193, "token"),
        ("Bearer abc", "token"),
        ("é", "token"),
        (Number("1"), "not_text"),
    ],
)
def test_another_partys_token_is_any_visible_text(written: object, code: str) -> None:
    """How long it is, is theirs to say; what no header can carry is refused and not repeated."""
    assert units.credential("a") == "a"
    with pytest.raises(WrongValue) as caught:
        units.credential(written)
    assert caught.value.code == code
    assert not isinstance(written, str) or not written or written not in caught.value.sentence


@pytest.mark.parametrize("written", ["", "x" * (16 * 1024 + 1), Number("1"), None])
def test_a_key_is_text_of_a_bounded_size(written: object) -> None:
    """Which text is a key, is found out where it is read."""
    assert units.key_text("a\nb") == "a\nb"
    with pytest.raises(WrongValue) as caught:
        units.key_text(written)
    assert caught.value.code == "key"


def test_since_is_the_start_of_a_day() -> None:
    """A date is the microsecond it begins, UTC."""
    assert units.since("1970-01-02") == 86_400_000_000
    assert units.since("2026-11-01") == 1_793_491_200_000_000


@pytest.mark.parametrize(
    "written", ["2026-02-30", "1.11.2026", "1969-12-31", "2026-11-01T00:00:00Z", Number("2026")]
)
def test_what_is_no_date_is_refused(written: object) -> None:
    """Only a day that exists is a date."""
    with pytest.raises(WrongValue) as caught:
        units.since(written)
    assert caught.value.code == "date"


@pytest.mark.parametrize("written", ["", "1a", "a&b", "a[]", "a b", "x" * 65, Number("1"), None])
def test_a_parameters_name_is_plain(written: object) -> None:
    """What a query would have to escape is no name."""
    assert units.name("max_results.n-1") == "max_results.n-1"
    with pytest.raises(WrongValue) as caught:
        units.name(written)
    assert caught.value.code == "name"


@pytest.mark.parametrize("written", ["", "/", "a", "/a/", "/a~2", "/a\n", "/a" * 9, "/" + "a" * 101, None])
def test_a_pointer_names_a_member(written: object) -> None:
    """RFC 6901, of a bounded depth; not the whole document."""
    assert units.pointer("/a~1b/0/c~0") == "/a~1b/0/c~0"
    with pytest.raises(WrongValue) as caught:
        units.pointer(written)
    assert caught.value.code == "pointer"


def test_a_tree_has_its_numbers_read() -> None:
    """As JSON has them; what JSON does not have is refused."""
    written = {"a": [Number("5"), Number("-0.5"), Number("1e3"), "5", True], "b": {"c": Number("+7")}}

    assert units.plain(written) == {"a": [5, -0.5, 1000.0, "5", True], "b": {"c": 7}}
    with pytest.raises(WrongValue) as caught:
        units.plain([Number("0x10")])
    assert caught.value.code == "number"
