"""Declared costs: the header's syntax, to the nano-USD, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from pricing.cost import Basis, CostLine, Kind, Source
from pricing.declared import ITEMS_MAX, Malformed, parse_costs

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
