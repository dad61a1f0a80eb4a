"""Spellings of a path that some server would read as that path, and how such servers read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes


def variants(path: bytes) -> set[bytes]:
    """Every way we know to write *path* so that it looks like another one. Not *path* itself."""
    return set(_variants(path)) - {path}


def _variants(path: bytes) -> Iterator[bytes]:
    for at in range(len(path)):
        yield from (path[:at] + escape + path[at + 1 :] for escape in _escapes(path[at]))
    for at in (at for at in range(len(path) + 1) if path[at : at + 1] in {b"/", b""}):
        yield from (path[:at] + junk + path[at:] for junk in _JUNK_BEFORE_SLASH)
    for at in (at for at in range(len(path)) if path[at : at + 1] == b"/"):
        yield from (path[:at] + slash + path[at + 1 :] for slash in _SLASHES)
    yield from (path + tail for tail in _TAILS)
    yield from (b"/x" + up + path for up in _UPS)
    yield from (b"http://agent" + path, b"*" + path, b"x" + path, path[1:], b"\xef\xbb\xbf" + path)


def _escapes(byte: int) -> Iterator[bytes]:
    upper, lower = b"%%%02X" % byte, b"%%%02x" % byte
    yield from {upper, lower}
    yield from (b"%25" + upper[1:], b"%2525" + upper[1:], b"%%%b" % upper, b"%u00" + upper[1:])
    yield b"%%%02X%%%02X" % (0xC0 | byte >> 6, 0x80 | byte & 0x3F)  # overlong UTF-8
    yield bytes((byte | 0x80,))


_JUNK_BEFORE_SLASH = (
    *(b"/", b"//", b"/.", b"/%2e", b"/%2E", b"/%252e", b"/x/..", b"/x/%2e%2e", b"/x/.%2E", b"/x/%2e."),
    *(b";", b";a=b", b"%3b", b"%3B", b"%00", b"%09", b"%0a", b"%0D%0A", b"%7f"),
    *(b"\x00", b"\t", b"\n", b"\r\n", b"\x0b", b"\x7f", b"\xa0", b"\xc2\xa0"),
)
_SLASHES = (
    b"\\",
    b"\\\\",
    b"%5c",
    b"%5C",
    b"%2f",
    b"%2F",
    b"//",
    b"/\\",
    b"\\/",
    b"%255c",
    b"%252F",
    b"%c0%af",
)
_TAILS = (
    *(b"#", b"#x", b"%23", b"%23x", b"?", b"?a=b", b"%3f", b"%3Fa=b", b"%253f"),
    *(b"/..;/x/..", b"/.", b"/./", b"/x/..", b"/x/../", b"%", b"%2", b"%zz", b"%C3%28", b"%80"),
)
_UPS = (b"/..", b"/../", b"/%2e%2e", b"/%2E%2E/", b"/.%2e", b"\\..", b"/..;", b"%2f..", b"/..%2f")


def _resolved(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/")[1:]:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    return b"".join(b"/" + segment for segment in kept)


READINGS: tuple[Callable[[bytes], bytes], ...] = (
    unquote_to_bytes,
    lambda path: path.replace(b"\\", b"/"),
    lambda path: re.sub(rb"/+", b"/", path),
    lambda path: re.sub(rb";[^/]*", b"", path),
    lambda path: re.split(rb"[?#\x00]", path)[0],
    lambda path: re.sub(rb"[\x00-\x1f\x7f]", b"", path),
    lambda path: re.sub(rb"[\xc0-\xc1]([\x80-\xbf])", lambda m: bytes((m[1][0] & 0x3F,)), path),
    _resolved,
)


def readings(path: bytes) -> set[bytes]:
    """What servers may make of *path* by up to four of the usual steps, in any order."""
    read = {path}
    for _ in range(4):
        read |= {step(known) for known in read for step in READINGS}
    return read
