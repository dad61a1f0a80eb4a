"""Answers as the bytes they are on the wire: a whole one in one piece, and the lines of any.

A name or value with a control byte in it is a defect and is never written: it could end the head early.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from sidecar.domain.refusals import Refusal
from sidecar.http import replies

Fields = Sequence[tuple[bytes, bytes]]
CLOSE: Final = b"connection: close\r\n"
_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {0x09})


class Broken(RuntimeError):
    """An app has sent what is no answer."""


class Whole(NamedTuple):
    """A whole answer, ready to be written. `fields` are whole lines, all but those of the connection."""

    status: int
    fields: bytes
    body: bytes


def written(answer: Whole, stamp: bytes, *, to_head: bool, closing: bool) -> bytes:
    """Return the bytes of *answer*; *to_head*: it was asked for by HEAD, *stamp*: the server's own lines."""
    parts = (
        STATUS_LINE[answer.status],
        stamp,
        answer.fields,
        CLOSE if closing else b"",
        b"\r\n",
        b"" if to_head else answer.body,
    )
    return b"".join(parts)


def lines(fields: Fields) -> bytes:
    """Write *fields* as lines. Broken: one of them holds a control byte."""
    text = b"".join([b"%b: %b\r\n" % field for field in fields])
    # Deleting what is forbidden deletes the line ends that were just written, and nothing else.
    if len(text.translate(None, _CONTROLS)) != len(text) - 2 * len(fields):
        raise Broken("a header field holds a control byte")
    return text


def refused(refusal: Refusal, call: str, stamp: bytes) -> bytes:
    """Return the whole answer that a connection itself gives to a broken request; it is the last one."""
    content_type, body = replies.body(refusal, call)
    fields: Fields = (
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *replies.fields(refusal),
        *([(b"sidecar-call-id", call.encode("ascii"))] if call else ()),
    )
    whole = Whole(replies.REPLIES[refusal.code].status, lines(fields), body)
    return written(whole, stamp, to_head=False, closing=True)
