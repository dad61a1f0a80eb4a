"""Costs that others tell in headers and answers. Knows no call, no rates and no book.

`Sidecar-Cost` is what an agent declares itself. Its syntax is a List of Items of RFC 9651: a decimal number
of dollars, and parameters.

    0.0036;kind=tool;name="web_search", 0.012;kind=model;name="openai/gpt-4o";id="chatcmpl-1"

One thing is wider than the RFC: a decimal may have up to 9 fraction digits, because 3 cannot say what a
token costs. An agent that knows no figure for a tool writes the token `tariff` in its place,
`tariff;kind=tool;name="web_search"`: then the seller's own is taken.

`kind` (a token) and `name` (a string) are required; `step` and `id` (strings) and `attempt` (an integer) are
not; other parameters are read past, as the RFC asks.

`x-litellm-response-cost` is what a LiteLLM gateway says the answer cost: dollars as Python writes a float.
Providers write such numbers into their JSON too; `dollars` reads both, exactly.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ledger.money import INT64_MAX, USD, Amount, half_even, nano
from pricing.cost import Basis, CostLine, Kind, Source
from pricing.usage import clean_text

HEADER_BYTES_MAX: Final = 8192
ITEMS_MAX: Final = 100
ATTEMPT_MAX: Final = 1000
KINDS: Final[Mapping[str, Kind]] = {kind.value: kind for kind in Kind}

_DOLLARS: Final = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,60}))?(?:[eE]([+-]?[0-9]{1,3}))?")
_TARIFF: Final = re.compile(r"tariff(?![!#$%&'*+.^_`|~0-9A-Za-z:/-])")
_MONEY: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?(?![0-9.])")
_KEY: Final = re.compile(r"; *([a-z*][a-z0-9_.*-]*)(=)?")
_STRING: Final = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_OTHER: Final = re.compile(  # a decimal, a boolean, a date, bytes, a display string
    r"""-?[0-9]{1,12}\.[0-9]{1,3}(?![0-9])|\?[01]|@-?[0-9]{1,15}(?![0-9.])"""
    r"""|:[A-Za-z0-9+/]*={0,2}:|%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*\""""
)
_COMMA: Final = re.compile(r"[ \t]*,[ \t]*")


def dollars(number: object) -> Fraction | None:
    """Exact nano-USD of a number of dollars, as text or a whole number; None if it is none, or negative."""
    match = _DOLLARS.fullmatch(number) if isinstance(number, str) else None
    if match is not None:
        fraction, exponent = match[2] or "", int(match[3] or 0)
        return int(match[1] + fraction) * Fraction(10) ** (exponent - len(fraction) + USD.decimals)
    if type(number) is int and number >= 0:
        return Fraction(number * 10**USD.decimals)
    return None


def booked(exact: Fraction | None) -> Amount | None:
    """Round *exact* nano-USD once, half to even; None for what is not known or no book can hold."""
    return nano(half_even(exact)) if exact is not None and exact <= INT64_MAX else None


def gateway_cost(value: bytes, answers: Sequence[CostLine]) -> tuple[CostLine, ...]:
    """Read the combined value of all `x-litellm-response-cost` fields, about the one of *answers*.

    *answers* are the lines of the model answers that were metered. Where there is one, the header is about
    it and has its identity; else it stands for itself. The gateway says zero where it reckoned no cost at
    all, and `None` where it could not: neither tells anything. What cannot be read is an unknown cost.
    """
    if not value:
        return ()
    text = value.decode("latin-1").strip()
    exact = dollars(text)
    if text in {"", "None"} or exact == 0:
        return ()
    amount = booked(exact)
    answer = answers[0] if len(answers) == 1 else None
    return (
        CostLine(
            kind=Kind.MODEL,
            name="litellm" if answer is None else answer.name,
            amount=amount,
            basis=Basis.UNKNOWN if amount is None else Basis.REPORTED,
            rate="",
            source=Source.HEADER,
            provider="" if answer is None else answer.provider,
            response_id="" if answer is None else answer.response_id,
        ),
    )


@dataclass(frozen=True, slots=True)
class Malformed:
    """The header cannot be read; none of it is believed, and a cost of unknown size is booked instead."""

    reason: str

    def line(self) -> CostLine:
        """Stand in for the costs that could not be read: something was spent, nobody knows what."""
        return CostLine(Kind.EXTERNAL, "sidecar-cost", None, Basis.UNKNOWN, "", Source.HEADER)


class _UnreadableError(Exception):
    """Why and at which character reading stopped; leaves this module as a `Malformed`."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(f"{why} at character {at}")


@dataclass(frozen=True, slots=True)
class _Token:
    """A bare word, to be told from a quoted string."""

    word: str


_Value = str | _Token | int | None


def parse_costs(header: bytes) -> tuple[CostLine, ...] | Malformed:
    """Read the combined value of all `Sidecar-Cost` fields; an empty value declares nothing."""
    if len(header) > HEADER_BYTES_MAX:
        return Malformed("longer than 8 KiB")
    try:
        return _items(header.decode("ascii").strip(" "))
    except UnicodeDecodeError:
        return Malformed("not ASCII")
    except _UnreadableError as stopped:
        return Malformed(str(stopped))


def _items(text: str) -> tuple[CostLine, ...]:
    lines: list[CostLine] = []
    at = 0
    while at < len(text):
        if len(lines) == ITEMS_MAX:
            raise _UnreadableError("too many items", at)
        units, at = _money(text, at)
        parameters, at = _parameters(text, at)
        lines.append(_line(units, parameters, at))
        if at == len(text):
            break
        comma = _COMMA.match(text, at)
        if comma is None or comma.end() == len(text):
            raise _UnreadableError("no further item", at)
        at = comma.end()
    return tuple(lines)


def _money(text: str, at: int) -> tuple[int | None, int]:
    """Read an amount; None where it is left to the tariff."""
    if left_out := _TARIFF.match(text, at):
        return None, left_out.end()
    match = _MONEY.match(text, at)
    if match is None:
        raise _UnreadableError("no dollar amount with at most 12 and 9 digits", at)
    units = int(match[1] + (match[2] or "").ljust(USD.decimals, "0"))
    if units > INT64_MAX:
        raise _UnreadableError("an amount larger than a book can hold", at)
    return units, match.end()


def _parameters(text: str, at: int) -> tuple[Mapping[str, _Value], int]:
    found: dict[str, _Value] = {}  # a repeated parameter replaces the earlier one, as the RFC has it
    while match := _KEY.match(text, at):
        at = match.end()
        value: _Value = None
        if match[2]:
            value, at = _bare_item(text, at)
        found[match[1]] = value
    return found, at


def _bare_item(text: str, at: int) -> tuple[_Value, int]:
    if match := _STRING.match(text, at):
        return re.sub(r"\\(.)", r"\1", match[1]), match.end()
    if match := _TOKEN.match(text, at):
        return _Token(match[0]), match.end()
    if match := _INTEGER.match(text, at):
        return int(match[0]), match.end()
    if match := _OTHER.match(text, at):
        return None, match.end()
    raise _UnreadableError("no parameter value", at)


def _line(units: int | None, parameters: Mapping[str, _Value], at: int) -> CostLine:
    kind = parameters.get("kind")
    if not isinstance(kind, _Token) or kind.word not in KINDS:
        raise _UnreadableError("no known kind", at)
    if units is None and KINDS[kind.word] is not Kind.TOOL:
        raise _UnreadableError("only a tool has a tariff", at)
    name = _text(parameters, "name", at)
    if not name:
        raise _UnreadableError("no name", at)
    attempt = parameters.get("attempt", 1)
    if not isinstance(attempt, int) or not 1 <= attempt <= ATTEMPT_MAX:
        raise _UnreadableError("attempt out of range", at)
    return CostLine(
        kind=KINDS[kind.word],
        name=name,
        amount=None if units is None else nano(units),
        basis=Basis.UNKNOWN if units is None else Basis.REPORTED,
        rate="",
        source=Source.HEADER,
        provider=name.partition("/")[0] if kind.word == "model" and "/" in name else "",
        response_id=_text(parameters, "id", at),
        step=_text(parameters, "step", at),
        attempt=attempt,
    )


def _text(parameters: Mapping[str, _Value], key: str, at: int) -> str:
    if key not in parameters:
        return ""
    text = clean_text(parameters[key])
    if text is None:
        raise _UnreadableError("name, step or id is not a short quoted string", at)
    return text
