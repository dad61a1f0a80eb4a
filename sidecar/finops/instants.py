"""Instants: RFC 3339 text at the rim, whole microseconds inside. Knows no clock."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TEXT: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[Zz]|[+-]\d\d:\d\d))?", re.ASCII
)


class InstantText(ValueError):
    """A text is not an instant. The message is one sentence for the person who wrote it."""


def parse(text: str) -> int:
    """Read an RFC 3339 date (its first instant, UTC) or date and time, as microseconds since the epoch."""
    if _TEXT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text.upper())
            aware = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):  # such as the 31st of June, or before the year 1 in UTC
            aware = None
        if aware is not None:
            return (aware - _EPOCH) // _MICROSECOND
    raise InstantText(
        f"{text[:40]!r} is not a time: write a date, 2026-05-01, "
        "or a date and time with its zone, 2026-05-01T12:00:00Z"
    )


def text(us: int) -> str:
    """Write *us*, microseconds since the epoch, as RFC 3339 in UTC with 6 places."""
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
