"""Parameters: a query's texts become values, or a problem that names the parameter."""

from collections.abc import Iterable
from typing import Final

from starlette.requests import Request

from sidecar.finops import instants
from sidecar.finops.instants import InstantText
from sidecar.http.operator.problems import Code, Problem

DIGITS_MAX: Final = 18
"""Every number with so many digits fits into int64."""


def refuse_unknown(request: Request, known: Iterable[str]) -> None:
    """Refuse parameters that mean nothing here: a misspelt one must not widen a report."""
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise Problem(Code.PARAMETER_INVALID, f"There is no parameter {', '.join(unknown)} here.")


def refuse_ambiguous(request: Request) -> None:
    """Refuse a parameter that is given twice, and a zero byte, which SQLite alone takes for text."""
    given = request.query_params.multi_items()
    if len(given) != len(dict(given)):
        raise Problem(Code.PARAMETER_INVALID, "A parameter is given once.")
    texts = [*(text for _, text in given), *request.path_params.values()]
    if any("\0" in text for text in texts):
        raise Problem(Code.PARAMETER_INVALID, "There is no zero byte in a path or a parameter.")


def count(request: Request, name: str, *, default: int, largest: int) -> int:
    """Read a whole number from 1 to *largest*."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX and 1 <= int(text) <= largest:
        return int(text)
    raise Problem(Code.PARAMETER_INVALID, f"{name} is a whole number from 1 to {largest}.")


def number(request: Request, name: str) -> int | None:
    """Read a whole number that an earlier answer gave; None if it is not given."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX:
        return int(text)
    raise Problem(Code.PARAMETER_INVALID, f"{name} is a whole number.")


def instant(request: Request, name: str) -> int | None:
    """Read a time in microseconds since the epoch; None if it is not given."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return instants.parse(text)
    except InstantText as wrong:
        raise Problem(Code.PARAMETER_INVALID, f"{name}: {wrong}.") from wrong
