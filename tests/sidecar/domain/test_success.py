"""Success: what an agent answered is done, failed, or not to be judged; and only what is done is sold."""

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

import pytest

from sidecar.domain.pointers import read
from sidecar.domain.success import ANY_2XX, Presence, Rule, Verdict, Wanted, judge, readable

ERROR: Final[Mapping[tuple[str, ...], Wanted]] = {("error",): Presence.ABSENT}


def verdict(document: Any, path: str, wanted: Wanted) -> Verdict:
    """Judge a document by one member."""
    place = read(path)
    assert place is not None
    return judge(Rule(body={place: wanted}), b"", json.dumps(document).encode())


def test_without_a_rule_any_2xx_is_done() -> None:
    """A route that says nothing sells what the agent calls a success, and nothing else."""
    assert frozenset(range(200, 300)) == ANY_2XX.statuses
    assert not ANY_2XX.body


@pytest.mark.parametrize(
    ("document", "path", "wanted", "done"),
    [
        ({"answer": 1}, "/error", Presence.ABSENT, True),
        ({"error": None}, "/error", Presence.ABSENT, True),
        ({"error": "no credit"}, "/error", Presence.ABSENT, False),
        ({"error": False}, "/error", Presence.ABSENT, False),
        ({"error": ""}, "/error", Presence.ABSENT, False),
        ({"answer": []}, "/answer", Presence.PRESENT, True),
        ({"answer": None}, "/answer", Presence.PRESENT, False),
        ({}, "/answer", Presence.PRESENT, False),
        ({"status": "completed"}, "/status", "completed", True),
        ({"status": "failed"}, "/status", "completed", False),
        ({"status": ["completed"]}, "/status", "completed", False),
        ({}, "/status", "completed", False),
        ({"n": 1}, "/n", 1, True),
        ({"n": True}, "/n", 1, False),
        ({"n": 1}, "/n", True, False),
        ({"n": "1"}, "/n", 1, False),
        ({"n": 1.0}, "/n", 1, False),
        ({"ok": True}, "/ok", True, True),
        ({"steps": [{"ok": True}, {"ok": False}]}, "/steps/1/ok", False, True),
        ({"steps": [{"ok": True}]}, "/steps/1/ok", True, False),
        ({"steps": {"01": "x"}}, "/steps/01", "x", True),
        ({"steps": ["a", "x"]}, "/steps/01", "x", False),
        ([{"error": 1}], "/0/error", Presence.ABSENT, False),
        ({"a/b": {"m~n": "x"}}, "/a~1b/m~0n", "x", True),
        ({"": "x"}, "/", "x", True),
        ({"a": "text"}, "/a/b", Presence.ABSENT, True),
    ],
)
def test_a_member_decides(document: Any, path: str, wanted: Wanted, done: bool) -> None:
    """Null is not there; text, whole numbers and truth values equal only their own kind."""
    assert verdict(document, path, wanted) is (Verdict.DONE if done else Verdict.FAILED)


def test_every_member_must_hold() -> None:
    """One that does not is enough to fail."""
    rule = Rule(body={**ERROR, ("status",): "completed"})

    assert judge(rule, b"", b'{"status": "completed"}') is Verdict.DONE
    assert judge(rule, b"", b'{"status": "completed", "error": 1}') is Verdict.FAILED
    assert judge(rule, b"", b'{"status": "running"}') is Verdict.FAILED


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b'"done"',
        b"not json",
        b'{"error": 1',
        b'{"answer": 1, "error": 1, "error": null}',
        b'{"answer": NaN}',
        b'{"answer": "\xff"}',
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"\xef\xbb\xbf{}",
    ],
    ids=["empty", "null", "text", "no JSON", "cut off", "a key twice", "NaN", "no UTF-8", "deep", "a mark"],
)
def test_what_two_programs_may_read_differently_is_not_judged(raw: bytes) -> None:
    """The buyer's program might see an error where we see none, so nobody decides."""
    assert judge(Rule(body=ERROR), b"", raw) is Verdict.UNJUDGED


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_packed_answer_is_judged_on_an_unpacked_copy(pack: Any) -> None:
    """What was compressed without being asked to is judged all the same."""
    rule = Rule(body=ERROR)

    assert judge(rule, b"gzip", pack(b'{"error": 1}')) is Verdict.FAILED
    assert judge(rule, b"gzip", pack(b'{"answer": 1}')) is Verdict.DONE
    assert judge(rule, b"gzip", pack(b'{"answer": 1}')[:-9]) is Verdict.UNJUDGED
    assert judge(rule, b"gzip", b'{"answer": 1}') is Verdict.UNJUDGED


def test_what_unpacks_beyond_the_buffer_is_not_judged() -> None:
    """A small answer cannot be made to fill the memory."""
    text = b'{"answer": "' + b"x" * 5_000 + b'"}'

    assert judge(Rule(body=ERROR, buffer_bytes=len(text)), b"gzip", gzip.compress(text)) is Verdict.DONE
    assert (
        judge(Rule(body=ERROR, buffer_bytes=len(text) - 1), b"gzip", gzip.compress(text)) is Verdict.UNJUDGED
    )


@pytest.mark.parametrize(
    ("content_type", "encoding", "is_readable"),
    [
        (b"application/json", b"", True),
        (b"Application/Problem+JSON; charset=utf-8", b"identity", True),
        (b"application/json", b"gzip", True),
        (b"application/json", b"br", False),
        (b"application/json", b"gzip, gzip", False),
        (b"text/event-stream", b"", False),
        (b"text/html", b"", False),
        (b"", b"", False),
    ],
)
def test_only_json_is_waited_for(content_type: bytes, encoding: bytes, is_readable: bool) -> None:
    """A stream is not held back for a judgement that cannot come."""
    assert readable(content_type, encoding) is is_readable
