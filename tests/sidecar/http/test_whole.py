"""A whole answer leaves in one piece, and no field of it can end it early."""

import json

import pytest

from sidecar.domain.refusals import Code, Refusal
from sidecar.http.whole import Broken, Whole, lines, refused, written

STAMP = b"date: now\r\n"


@pytest.mark.parametrize("to_head", [True, False])
@pytest.mark.parametrize("closing", [True, False])
def test_a_whole_answer_is_one_piece(to_head: bool, closing: bool) -> None:
    """With the connection's own lines, and to HEAD without its body."""
    answer = Whole(402, b"content-length: 2\r\n", b"hi")
    assert written(answer, STAMP, to_head=to_head, closing=closing) == (
        b"HTTP/1.1 402 Payment Required\r\n" + STAMP + b"content-length: 2\r\n"
        + b"connection: close\r\n" * closing + b"\r\n" + b"hi" * (not to_head)
    )  # fmt: skip


def test_lines_are_fields_as_they_are() -> None:
    """An empty value, a tab, and nothing at all."""
    assert lines([(b"a", b"b\tc"), (b"d", b"")]) == b"a: b\tc\r\nd: \r\n"
    assert lines([]) == b""


@pytest.mark.parametrize("byte", [b"\n", b"\r", b"\x00", b"\x1f", b"\x7f"])
def test_a_control_byte_is_never_written(byte: bytes) -> None:
    """Neither in a name nor in a value."""
    for field in ((b"a" + byte, b"b"), (b"a", b"b" + byte)):
        with pytest.raises(Broken):
            lines([(b"x", b"y"), field])


@pytest.mark.parametrize("call", ["call_1", ""])
def test_a_connection_refuses_as_an_app_does(call: str) -> None:
    """A problem document of its length; the call where there is one; and it is the last answer."""
    head, _, body = refused(Refusal(Code.HEADERS_TOO_LARGE), call, STAMP).partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    told = dict(field.split(b": ", 1) for field in fields)

    assert first.startswith(b"HTTP/1.1 431 ")
    assert (told[b"date"], told[b"connection"]) == (b"now", b"close")
    assert (told[b"content-length"], told[b"cache-control"]) == (b"%d" % len(body), b"no-store")
    assert told.get(b"sidecar-call-id", b"").decode() == call
    assert (json.loads(body)["code"], json.loads(body)["call"]) == ("headers_too_large", call)
