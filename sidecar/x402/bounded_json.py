"""JSON from strangers: objects of bounded depth and numbers, read one way or not at all.

A repeated key, a NaN or a lone surrogate is read differently by different programs, so it
is refused. Knows no document; the caller bounds the size.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NoReturn

DEPTH_MAX: Final = 16
INTEGER_MAX: Final = 2**63 - 1

_BRACKETS_AND_QUOTES: Final = b'{}[]"'
_BUT_THOSE: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS_AND_QUOTES)
_STEPS: Final = [{"{": 1, "[": 1, "}": -1, "]": -1}.get(chr(byte), 0) for byte in range(256)]
_DIGITS_MAX: Final = len(str(INTEGER_MAX))


def read_object(raw: bytes) -> dict[str, object] | None:
    """The object that *raw* is, with whole numbers only; None for everything else."""
    document = _read(raw, _EXACT)
    return document if isinstance(document, dict) else None


def read_objects(raw: bytes) -> list[dict[str, object]] | None:
    """The objects, with whole numbers only, that *raw* lists, or the one that it is; None for all else."""
    document = _read(raw, _EXACT)
    listed = document if isinstance(document, list) else [document]
    objects = [each for each in listed if isinstance(each, dict)]
    return objects if len(objects) == len(listed) else None


def read_loose_object(raw: bytes) -> dict[str, object] | None:
    """The same, but a fraction or a huge number is kept as its text.

    For answers in which members that we do not read may be anything.
    """
    document = _read(raw, _LOOSE)
    return document if isinstance(document, dict) else None


def read_value(raw: bytes, depth_max: int) -> object:
    """Whatever value *raw* is, nested at most *depth_max* deep, with its fractions as floats; else None.

    For documents whose shape is not ours. `null` is None too: it says nothing.
    """
    return _read(raw, _PLAIN, depth_max)


def read_document(raw: bytes, depth_max: int) -> dict[str, object] | list[object] | None:
    """The object or list that *raw* is, its numbers as `read_loose_object` keeps them; None for all else."""
    document = _read(raw, _LOOSE, depth_max)
    return document if isinstance(document, dict | list) else None


def _read(raw: bytes, decoder: json.JSONDecoder, depth_max: int = DEPTH_MAX) -> object:
    try:
        text = raw.decode("utf-8")
        if _too_deep(raw, depth_max):
            return None
        document = _decoded(text, decoder)
        if "\\u" in text:  # only an escape can bring half a surrogate pair
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except ValueError:
        return None
    return document


def _decoded(text: str, decoder: json.JSONDecoder) -> object:
    """Read *text*, which mostly has nothing around its value: then nothing is looked for there."""
    if text[:1].isspace():
        return decoder.decode(text)
    document, end = decoder.raw_decode(text)
    return document if end == len(text) else decoder.decode(text)


def _too_deep(raw: bytes, depth_max: int) -> bool:
    """Tell whether brackets outside strings are nested deeper. Linear, and a large body soon done."""
    if raw.count(b"{") + raw.count(b"[") <= depth_max:
        return False
    # Escapes stand in strings only; without the escaped quotes, every other part is outside a string.
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _BUT_THOSE)
    brackets = b"".join(plain.split(b'"')[::2])
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > depth_max


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is repeated")
    return members


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS_MAX + 1 or abs(int(digits)) > INTEGER_MAX:
        raise ValueError("a number is too large")
    return int(digits)


def _whole_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) < _DIGITS_MAX else digits


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a whole number")


_EXACT: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_whole, parse_float=_refuse, parse_constant=_refuse
)
_LOOSE: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_whole_or_text, parse_float=str, parse_constant=_refuse
)
_PLAIN: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse)
