"""The rules of a sound request head: readable in one way only. Pure; knows no connection and no app.

RFC 9112 read strictly: what two programs on the way could frame, address or spell
differently is refused, though a lenient server would take it.
"""

import re
from collections.abc import Sequence
from typing import Final

from sidecar.domain.refusals import Code, Refusal

MALFORMED: Final = Refusal(Code.REQUEST_MALFORMED)
LATE: Final = Refusal(Code.REQUEST_MALFORMED, reason="request_timeout")
TOO_LARGE: Final = Refusal(Code.HEADERS_TOO_LARGE)
AMBIGUOUS: Final = Refusal(Code.TARGET_AMBIGUOUS)

_ORIGIN_FORM: Final = re.compile(rb"/[!\"$-~]*\Z")  # '#' and the rest would be cut off before the app
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}\Z")
_FRAMING: Final = (b"content-length", b"transfer-encoding")


def judge(
    target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]], *, upgrading: bool
) -> Refusal | None:
    """Say why a head is refused, or None.

    Sound is: HTTP/1.1, a target that starts with a slash, exactly one valid Host, and at
    most one framing, `chunked` or a plain number. Names are in lower case. *upgrading*:
    the parser takes the bytes after this head for another protocol, so no body may follow.
    """
    if not _ORIGIN_FORM.match(target):
        return AMBIGUOUS
    hosts = 0
    framing: list[tuple[bytes, bytes]] = []
    for field in headers:
        if field[0] == b"host":
            hosts += 1 if _HOST.match(field[1]) else 2  # a wrong one is one too many
        elif field[0] in _FRAMING:
            framing.append(field)
    if version != "1.1" or hosts != 1 or len(framing) > 1:
        return MALFORMED
    if not framing:
        return None
    name, value = framing[0]
    if name == b"content-length":
        plain = _LENGTH.match(value) is not None and (not upgrading or int(value) == 0)
    else:
        plain = value.lower() == b"chunked" and not upgrading
    return None if plain else MALFORMED
