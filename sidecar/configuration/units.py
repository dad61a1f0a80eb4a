"""Written scalars to values: money, durations, sizes, shares, counts, switches, names, dates.

Each reader takes what YAML gave and raises WrongValue with a sentence that
names the right spelling. A value from the environment is text and is read as
text. Knows no setting by name.
"""

import re
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Final

from ledger.money import USD, Amount, MoneyText, parse
from sidecar.configuration.model import KIB, MIB
from sidecar.configuration.problems import WrongValue
from sidecar.configuration.reading import Number
from sidecar.domain.pacing import Rate
from sidecar.domain.success import STATUSES, Presence, Wanted
from sidecar.x402.bounded_json import INTEGER_MAX

MONEY: Final = r"\$?(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?"
DURATION: Final = r"(0|[1-9][0-9]{0,6})[smhd]"
SIZE: Final = r"(0|[1-9][0-9]{0,9})(B|KiB|MiB)"
SHARE: Final = r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?%"
RATE: Final = r"([0-9]{1,9})/(second|minute|hour|day)"
RATE_CALLS_MAX: Final = 1_000_000
_PERIOD_US: Final = {"second": 10**6, "minute": 60 * 10**6, "hour": 3_600 * 10**6, "day": 86_400 * 10**6}
COUNT: Final = r"0|[1-9][0-9]{0,8}"
COUNT_MAX: Final = 999_999_999
NAME: Final = r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"
POINTER: Final = r"(/([^/~\x00-\x1f\x7f]|~[01]){1,100}){1,8}"
LABEL: Final = r"[^\x00-\x1f\x7f]{1,100}"
DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
KEY_CHARACTERS_MAX: Final = 16 * KIB

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES: Final = {"B": 1, "KiB": KIB, "MiB": MIB}


def money(value: object) -> Amount:
    """Read `"$0.05"` as USD. Numbers are refused: a float would not be the price that was meant."""
    if isinstance(value, Number):
        raise WrongValue("money", 'an amount is text in quotes, such as "$0.05"')
    try:
        return parse(value if isinstance(value, str) else "", USD)
    except MoneyText:
        raise WrongValue("money", 'an amount is written like "$0.05", with at most 9 decimals') from None


def price(value: object) -> Amount:
    """Read an amount above zero."""
    amount = money(value)
    if amount.units == 0:
        raise WrongValue("money_zero", "must be more than zero; a route without a price is written `free`")
    return amount


def estimate(value: object) -> Amount:
    """Read a cost that stands in for an unknown one: above zero."""
    amount = money(value)
    if amount.units == 0:
        raise WrongValue("money_zero", "must be more than zero: an unknown cost is never booked as none")
    return amount


def duration(value: object, low: int, high: int) -> int:
    """Read `30s`, `15m`, `1h` or `7d` as seconds, between *low* and *high*."""
    if not isinstance(value, str) or not re.fullmatch(DURATION, value):
        raise WrongValue("duration", "a duration is a whole number and a unit, such as 30s, 15m or 1h")
    seconds = int(value[:-1]) * _SECONDS[value[-1]]
    if not low <= seconds <= high:
        raise WrongValue("out_of_range", f"must be from {duration_text(low)} to {duration_text(high)}")
    return seconds


def duration_text(seconds: int) -> str:
    """Return seconds in the largest unit that is exact: 600 is `10m`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def size(value: object, low: int, high: int) -> int:
    """Read `512B`, `16KiB` or `10MiB` as bytes, between *low* and *high*."""
    if not isinstance(value, str) or not re.fullmatch(SIZE, value):
        raise WrongValue("size", "a size is a whole number and a unit, B, KiB or MiB, such as 10MiB")
    digits = value.rstrip("BKMi")
    size_bytes = int(digits) * _BYTES[value.removeprefix(digits)]
    if not low <= size_bytes <= high:
        raise WrongValue("out_of_range", f"must be from {size_text(low)} to {size_text(high)}")
    return size_bytes


def size_text(size_bytes: int) -> str:
    """Return bytes in the largest unit that is exact: 16384 is `16KiB`."""
    for unit in ("MiB", "KiB"):
        if size_bytes and size_bytes % _BYTES[unit] == 0:
            return f"{size_bytes // _BYTES[unit]}{unit}"
    return f"{size_bytes}B"


def count(value: object, low: int, high: int) -> int:
    """Read a whole number between *low* and *high*."""
    text = value.text if isinstance(value, Number) else value
    if not isinstance(text, str) or not re.fullmatch(COUNT, text):
        raise WrongValue("count", "must be a whole number")
    if not low <= int(text) <= high:
        raise WrongValue("out_of_range", f"must be from {low} to {high}")
    return int(text)


def rate(value: object) -> Rate:
    """Read `100/minute`: so many calls in a second, minute, hour or day."""
    if not isinstance(value, str) or (found := re.fullmatch(RATE, value)) is None:
        raise WrongValue("rate", "a rate is written like 100/minute: per second, minute, hour or day")
    if not 1 <= int(found[1]) <= RATE_CALLS_MAX:
        raise WrongValue("out_of_range", f"must be from 1 to {RATE_CALLS_MAX} calls")
    return Rate(int(found[1]), _PERIOD_US[found[2]])


def share(value: object) -> Fraction:
    """Read `"2%"` as an exact fraction, from 0% to 100%."""
    if not isinstance(value, str) or not re.fullmatch(SHARE, value):
        raise WrongValue("share", "a share is written in percent, such as 2% or 0.5%")
    fraction = Fraction(value[:-1]) / 100
    if fraction > 1:
        raise WrongValue("out_of_range", "must be from 0% to 100%")
    return fraction


def switch(value: object) -> bool:
    """Read `true` or `false`; `on`, `yes` and their like mean different things to different readers."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise WrongValue("switch", "must be true or false")


def label(value: object) -> str:
    """Read a name: 1 to 100 printable characters."""
    if isinstance(value, Number | bool):
        raise WrongValue("not_text", "must be text; put it in quotes")
    if not isinstance(value, str) or not re.fullmatch(LABEL, value) or value != value.strip():
        raise WrongValue("label", "must be 1 to 100 printable characters, without space at the ends")
    return value


def plain(node: object) -> object:
    """Return a tree with its numbers read, as JSON has them."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if not isinstance(node, Number):
        return node
    try:
        return int(node.text) if re.fullmatch(r"[-+]?[0-9]{1,18}", node.text) else float(node.text)
    except ValueError:
        raise WrongValue("number", "must be a plain decimal number") from None


def name(value: object) -> str:
    """Read the name of a parameter."""
    if not isinstance(value, str) or not re.fullmatch(NAME, value):
        raise WrongValue("name", "must be a parameter's name: letters, digits, '_', '-' and '.'")
    return value


def pointer(value: object) -> str:
    """Check a JSON pointer to a member, as deep as a config may have one; `domain.pointers` reads it."""
    if not isinstance(value, str) or not re.fullmatch(POINTER, value):
        raise WrongValue("pointer", "must be a JSON pointer to a member of the body, such as /max_tokens")
    return value


def secret(value: object) -> str:
    """Read a bearer token: visible ASCII, 16 to 512 characters."""
    if isinstance(value, Number | bool):
        raise WrongValue("not_text", "must be text; put it in quotes")
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{0,512}", value):
        raise WrongValue("token", "must be visible ASCII characters without spaces, at most 512")
    if len(value) < 16:
        raise WrongValue("token_short", "must have at least 16 characters")
    return value


def credential(value: object) -> str:
    """Read somebody else's bearer token: visible ASCII, at most 8,192 characters."""
    if isinstance(value, Number | bool):
        raise WrongValue("not_text", "must be text; put it in quotes")
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,8192}", value):
        raise WrongValue("token", "must be visible ASCII characters without spaces, at most 8192")
    return value


def key_text(value: object) -> str:
    """Read a key as text, whatever its format: at most 16 KiB."""
    if not isinstance(value, str) or not 0 < len(value) <= KEY_CHARACTERS_MAX:
        raise WrongValue("key", "must be the text of a key: PEM or base64")
    return value


def statuses(value: object) -> frozenset[int]:
    """Read a status of success, `200`, or all of them, `2xx`."""
    text = value.text if isinstance(value, Number) else value
    if text == "2xx":
        return STATUSES
    if not isinstance(text, str) or not re.fullmatch(r"2[0-9]{2}", text):
        raise WrongValue("status", "must be a status from 200 to 299, or 2xx: no other answer is charged")
    return frozenset((int(text),))


def wanted(value: object) -> Wanted:
    """Read what a member must be: `absent`, `present`, or the text, whole number or truth value it equals."""
    if isinstance(value, Number):
        if not re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", value.text) or abs(int(value.text)) > INTEGER_MAX:
            raise WrongValue("wanted", "a number here is whole and below 2^63")
        return int(value.text)
    if not isinstance(value, str | bool) or len(str(value)) > 200:
        raise WrongValue("wanted", "must be absent, present, a text, a whole number, true or false")
    return Presence(value) if value in {"absent", "present"} else value


def since(value: object) -> int:
    """Read `2026-11-01` as the microsecond that day begins, UTC."""
    if not isinstance(value, str) or not re.fullmatch(DATE, value):
        raise WrongValue("date", "a date is written like 2026-11-01")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise WrongValue("date", "there is no such day") from None
    if day.year < 1970:
        raise WrongValue("date", "must be in 1970 or later")
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
