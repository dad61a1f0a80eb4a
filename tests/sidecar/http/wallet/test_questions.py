"""Questions: every parameter of a page is understood, or the question is refused."""

import pytest

from sidecar.http.wallet.questions import INVALID, limit, read


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (b"", {}),
        (b"method=POST&path=%2Fresearch%3Fq%3D1%26r%3D2", {"method": "POST", "path": "/research?q=1&r=2"}),
        (b"path=/research", {"path": "/research"}),
        (b"path=", {"path": ""}),
    ],
)
def test_parameters_are_read(query: bytes, asked: dict[str, str]) -> None:
    """By name, with their escapes undone."""
    assert read(query, ("method", "path")) == asked


@pytest.mark.parametrize(
    "query",
    [b"p=1", b"path", b"path=1&path=2", b"&", b"path=%ff", b"&".join([b"path=1"] * 9), b"a=1&x=2"],
)
def test_what_is_not_understood_is_refused(query: bytes) -> None:
    """Unknown, doubled, broken or too many: an answer to half a question would mislead."""
    assert read(query, ("method", "path")) is INVALID


@pytest.mark.parametrize("text", ["0", "201", "-1", "1e2", "", " 5", "\u0665", "9" * 30])
def test_a_limit_out_of_bounds_is_refused(text: str) -> None:
    """A page is never silently shorter than asked for."""
    assert limit({"limit": text}, default=50, largest=200) is INVALID


def test_a_limit_within_bounds_is_taken() -> None:
    """Both ends are within."""
    assert [limit({"limit": text}, default=50, largest=200) for text in ("1", "200")] == [1, 200]
    assert limit({}, default=50, largest=200) == 50
