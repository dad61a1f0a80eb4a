"""Declared costs: the header's syntax, to the nano-USD, or not at all."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import INT64_MAX, half_even, nano
from pricing.cost import Basis, CostLine, Kind, Source
from pricing.declared import ITEMS_MAX, Malformed, booked, dollars, gateway_cost, parse_costs

NAMED = b'kind=tool;name="x"'


def one(header: bytes) -> CostLine:
    lines = parse_costs(header)
    assert not isinstance(lines, Malformed), lines
    (line,) = lines
    return line


def test_the_documented_example() -> None:
    """Two items, a tool and a model, each a reported line from the header."""
    header = b'0.0036;kind=tool;name="web_search", 0.012;kind=model;name="openai/gpt-4o"'

    assert parse_costs(header) == (
        CostLine(Kind.TOOL, "web_search", nano(3_600_000), Basis.REPORTED, "", Source.HEADER),
        CostLine(
            Kind.MODEL,
            "openai/gpt-4o",
            nano(12_000_000),
            Basis.REPORTED,
            "",
            Source.HEADER,
            provider="openai",
        ),
    )


def test_step_attempt_and_id_make_the_identity() -> None:
    """The optional parameters go into the line; unknown ones of any type are read past."""
    strange = b'1;a;b=?0;c=:YQ==:;d=%"x%c3%a9";e=@-12;f=-1.5;g=7'
    header = strange + b';kind=retry;name="a\\"b\\\\";attempt=2; step="s"; id="r"'

    line = one(header)

    assert (line.name, line.step, line.attempt, line.response_id) == ('a"b\\', "s", 2, "r")
    assert (line.kind, line.amount) == (Kind.RETRY, nano(10**9))


def test_a_tool_may_leave_its_figure_to_the_tariff() -> None:
    """An agent that knows no price says so, and does not have to make one up."""
    named, priced = parse_costs(b'tariff;kind=tool;name="web_search";step="plan", 0.01;' + NAMED)  # type: ignore[misc]

    assert named == CostLine(Kind.TOOL, "web_search", None, Basis.UNKNOWN, "", Source.HEADER, step="plan")
    assert priced.amount == nano(10_000_000)


@pytest.mark.parametrize("header", [b"", b"   "])
def test_an_empty_field_declares_nothing(header: bytes) -> None:
    """An empty list is a list without costs."""
    assert parse_costs(header) == ()


@given(st.integers(0, 9_000_000_000), st.integers(0, 999_999_999))
def test_nine_places_are_exact(dollars: int, nanos: int) -> None:
    """Every nano-USD can be declared: nine fraction digits, where the RFC's decimals have three."""
    assert one(b"%d.%09d;%b" % (dollars, nanos, NAMED)).amount == nano(dollars * 10**9 + nanos)


@pytest.mark.parametrize(
    "header",
    [
        b"0.01",
        b'0.01;name="x"',
        b"0.01;kind=tool",
        b'0.01;kind=tool;name=""',
        b'0.01;kind="tool";name="x"',
        b'0.01;kind=gold;name="x"',
        b"0.01;kind=tool;name=x",
        b"0.01;kind=tool;name",
        b"-0.01;" + NAMED,
        b"+1;" + NAMED,
        b".5;" + NAMED,
        b"1.;" + NAMED,
        b"1e3;" + NAMED,
        b"$1;" + NAMED,
        b"1.0000000001;" + NAMED,
        b"1234567890123;" + NAMED,
        b"10000000000;" + NAMED,
        b'"1";' + NAMED,
        b'tariff;kind=model;name="x"',
        b"tariffs;" + NAMED,
        b"tariff1;" + NAMED,
        b"Tariff;" + NAMED,
        b"(1);" + NAMED,
        b"1;" + NAMED + b",",
        b"1;" + NAMED + b" 2;" + NAMED,
        b",1;" + NAMED,
        b"1;" + NAMED + b";attempt=0",
        b"1;" + NAMED + b";attempt=1.0",
        b"1;" + NAMED + b';attempt="1"',
        b"1;" + NAMED + b";step=s",
        b"1;" + NAMED + b";x=",
        b'1;kind=tool;name="x',
        b'1;kind=tool;name="caf\xc3\xa9"',
        b"1;Kind=tool;" + NAMED,
        b'1;kind=tool;name="%b"' % (b"x" * 201),
        b", ".join([b"1;" + NAMED] * (ITEMS_MAX + 1)),
        b" " * 8193,
    ],
)
def test_what_is_not_exactly_the_syntax_is_malformed(header: bytes) -> None:
    """Half a header is not believed: any fault makes the whole malformed, and that is an unknown cost."""
    malformed = parse_costs(header)

    assert isinstance(malformed, Malformed)
    assert malformed.reason
    assert malformed.line().amount is None


@given(st.binary(max_size=60) | st.text(alphabet='01.;kindtoolname="\\ ,x?@:%', max_size=60).map(str.encode))
def test_no_header_raises(header: bytes) -> None:
    """Whatever arrives is a list of costs or malformed."""
    assert isinstance(parse_costs(header), tuple | Malformed)


@pytest.mark.parametrize(
    ("number", "exact"),
    [
        ("0.0036", 3_600_000),
        ("1.2e-05", 12_000),
        ("1E+2", 10**11),
        ("0", 0),
        ("0.00000000025", Fraction(1, 4)),
        ("1e-18", Fraction(1, 10**9)),
        (5, 5 * 10**9),
        (0, 0),
    ],
)
def test_a_number_of_dollars_is_exact(number: object, exact: Fraction | int) -> None:
    """As JSON and Python write it, with an exponent or without; nothing is rounded yet."""
    assert dollars(number) == exact


@pytest.mark.parametrize(
    "number",
    [
        "",
        "-1",
        "+1",
        ".5",
        "1.",
        "1e",
        "e5",
        "1e1000",
        "0x1",
        "1_0",
        "\u0663",
        "nan",
        "inf",
        " 1",
        "9" * 21,
        -1,
        True,
        None,
        [1],
        {"usd": 1},
    ],
    ids=repr,
)
def test_what_is_no_number_of_dollars_is_none(number: object) -> None:
    """Signs, bare points, other digits and other types are refused."""
    assert dollars(number) is None


def test_an_amount_is_rounded_once_and_fits_a_book() -> None:
    """Half to even; what is unknown or too large for 64 bits is none."""
    assert [booked(Fraction(n, 2)) for n in (1, 3, 5)] == [nano(0), nano(2), nano(2)]
    assert booked(Fraction(INT64_MAX)) == nano(INT64_MAX)
    assert booked(Fraction(INT64_MAX + 1)) is None
    assert booked(None) is None


ANSWER = CostLine(
    Kind.MODEL, "gpt-4o", nano(7), Basis.MEASURED, "card", Source.USAGE, provider="openai", response_id="r1"
)


@given(st.floats(1e-300, 10**6))
def test_a_gateways_figure_is_exact(cost: float) -> None:
    """Any figure as Python writes a float is the decimal number that it is, rounded once."""
    (line,) = gateway_cost(repr(cost).encode(), [ANSWER])

    assert line.amount == nano(half_even(Fraction(Decimal(repr(cost))) * 10**9))
    assert (line.basis, line.source, line.rate) == (Basis.REPORTED, Source.HEADER, "")


def test_a_gateways_figure_is_about_the_one_answer() -> None:
    """It has the identity of that answer; without one, or beside several, it has its own."""
    (about,) = gateway_cost(b" 0.5 ", [ANSWER])
    (alone,) = gateway_cost(b"0.5", [])
    (among,) = gateway_cost(b"0.5", [ANSWER, ANSWER])

    assert (about.name, about.provider, about.response_id) == ("gpt-4o", "openai", "r1")
    assert (
        alone == among == CostLine(Kind.MODEL, "litellm", nano(5 * 10**8), Basis.REPORTED, "", Source.HEADER)
    )


@pytest.mark.parametrize("value", [b"", b" ", b"0", b"0.0", b"0e5", b"None"])
def test_a_gateway_that_reckoned_nothing_tells_nothing(value: bytes) -> None:
    """LiteLLM says zero, or None, where it has no cost; the answer's usage is not free for that."""
    assert gateway_cost(value, [ANSWER]) == ()


@given(st.binary(max_size=40))
def test_no_gateway_raises(value: bytes) -> None:
    """Whatever it says is nothing, a cost, or an unknown one."""
    for line in gateway_cost(value, []):
        assert (line.amount is None) is (line.basis is Basis.UNKNOWN)
