"""Parameters: texts become values, or a problem that names the parameter."""

import pytest
from starlette.requests import Request

from sidecar.http.operator import parameters
from sidecar.http.operator.problems import Code, Problem
from tests.sidecar.shop import NOON_US


def request(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def test_what_is_not_given_has_its_default() -> None:
    """Nothing asked for is nothing narrowed."""
    asked = request("")

    assert parameters.count(asked, "limit", default=50, largest=1000) == 50
    assert parameters.number(asked, "cursor") is None
    assert parameters.instant(asked, "from") is None


def test_what_is_given_is_read() -> None:
    """Each text in its own form."""
    asked = request("limit=1000&cursor=0&from=2026-05-01T12:00:00Z")

    assert parameters.count(asked, "limit", default=50, largest=1000) == 1000
    assert parameters.number(asked, "cursor") == 0
    assert parameters.instant(asked, "from") == NOON_US
    parameters.refuse_unknown(asked, ("limit", "cursor", "from", "to"))


@pytest.mark.parametrize("text", ["٣", "1.0", "+1", " 1", "1" * 19])
def test_a_number_is_ascii_digits_that_fit(text: str) -> None:
    """Nothing that a database could not hold, nor any other spelling."""
    with pytest.raises(Problem, match="cursor is a whole number") as refused:
        parameters.number(request(f"cursor={text}"), "cursor")

    assert refused.value.code is Code.PARAMETER_INVALID


def test_every_unknown_parameter_is_named() -> None:
    """All at once, in order."""
    with pytest.raises(Problem, match="There is no parameter a, b here"):
        parameters.refuse_unknown(request("b=1&a=2&by=day"), ("by",))


@pytest.mark.parametrize(
    ("query", "path", "why"),
    [
        ("limit=5&limit=2000", {}, "is given once"),
        ("cursor=%00", {}, "no zero byte"),
        ("", {"id": "call_\0"}, "no zero byte"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(query: str, path: dict[str, str], why: str) -> None:
    """A zero byte is text to SQLite and a fault to PostgreSQL, which would be called a broken storage."""
    asked = request(query)
    asked.scope["path_params"] = path

    with pytest.raises(Problem, match=why) as refused:
        parameters.refuse_ambiguous(asked)
    assert refused.value.code is Code.PARAMETER_INVALID
