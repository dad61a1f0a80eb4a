"""Questions: a page's query becomes texts by name, or is refused. Knows no page."""

from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

from sidecar.domain.refusals import Code, Refusal

PARAMETERS_MAX: Final = 8
_DIGITS_MAX: Final = 4


def read(query: bytes, known: Collection[str]) -> dict[str, str] | Refusal:
    """Return the parameters of *query*; one that is unknown, doubled or malformed refuses it."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError:
        return INVALID
    asked = dict(pairs)
    if len(asked) != len(pairs) or not set(asked) <= set(known):
        return INVALID
    return asked


def limit(asked: dict[str, str], *, default: int, largest: int) -> int | Refusal:
    """Return how many rows a page shall have, from 1 to *largest*."""
    text = asked.get("limit", str(default))
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX and 1 <= int(text) <= largest:
        return int(text)
    return INVALID


INVALID: Final = Refusal(Code.PARAMETER_INVALID)
