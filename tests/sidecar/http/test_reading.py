"""A reader tells what is sound, in order, and says no before it tells of anything that is not."""

import pytest

from sidecar.domain.refusals import Code
from sidecar.http.reading import Head, ProtocolLimits, Reader, RefusedError
from sidecar.http.request_rules import MALFORMED

GET = b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nX:  1 \r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc"


class Notes(Reader):
    """Writes down what it is told."""

    limits = ProtocolLimits(fields_max=4)

    def __init__(self, *, refusing: bool = False) -> None:
        super().__init__()
        self.told: list[Head | bytes | None] = []
        self._refusing = refusing

    def opened(self, head: Head) -> None:
        self.told.append(head)

    def continued(self, piece: bytes) -> None:
        if self._refusing:
            raise RefusedError(MALFORMED)
        self.told.append(piece)

    def closed(self) -> None:
        self.told.append(None)


def test_requests_are_told_of_in_order() -> None:
    """A head in its parts, the body as it comes, the end."""
    notes = Notes()
    assert notes.feed(GET + POST) is None
    assert notes.told == [
        Head("GET", b"/a", b"b=c", [(b"host", b"a"), (b"x", b"1")], expects=False, keep_alive=True),
        None,
        Head(
            "POST",
            b"/a",
            b"",
            [(b"host", b"a"), (b"expect", b"100-Continue"), (b"content-length", b"3")],
            expects=True,
            keep_alive=True,
        ),
        b"abc",
        None,
    ]


def test_a_last_request_is_told_as_such() -> None:
    """Whoever asked to close is not kept."""
    notes = Notes()
    notes.feed(GET[:-2] + b"Connection: close\r\n\r\n")
    assert isinstance(notes.told[0], Head)
    assert not notes.told[0].keep_alive


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_what_is_refused_was_not_told_of(step: int) -> None:
    """However it is cut; the request before it was."""
    notes = Notes()
    raw = GET + b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
    refusals = [notes.feed(raw[start : start + step]) for start in range(0, len(raw), step)]

    assert [refusal.code for refusal in refusals if refusal] == [Code.REQUEST_MALFORMED]
    assert refusals[-1] is not None
    assert [type(each) for each in notes.told] == [Head, type(None)]


def test_a_limit_has_its_own_refusal() -> None:
    """Five fields of four."""
    refusal = Notes().feed(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 4 + b"\r\n")
    assert refusal is not None
    assert refusal.code is Code.HEADERS_TOO_LARGE


def test_whoever_is_told_may_refuse_too() -> None:
    """What it raises is what the segment is refused for."""
    assert Notes(refusing=True).feed(POST) == MALFORMED


def test_trailers_are_bounded_and_not_told_of() -> None:
    """They count as fields."""
    chunked = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    notes = Notes()
    assert notes.feed(chunked + b"X: 1\r\n\r\n") is None
    assert isinstance(notes.told[0], Head)
    assert len(notes.told[0].fields) == 2
    assert Notes().feed(chunked + b"X: 1\r\n" * 3 + b"\r\n") is not None
