"""Model answers become usage. The registry of wire formats: a new one is a file and a line here."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Final

from pricing.extract import anthropic_messages, gemini, openai_chat, openai_embeddings, openai_responses
from pricing.extract.inflate import CODINGS, InflateMeter
from pricing.extract.meters import EncodedMeter, JsonMeter, Meter, Metered, NullMeter, SseMeter
from pricing.extract.wire import Format

__all__ = ["FORMATS", "Meter", "Metered", "codings_of", "is_json", "meter_for"]

FORMATS: Final[Sequence[Format]] = (
    openai_chat.FORMAT,
    openai_responses.FORMAT,
    openai_embeddings.FORMAT,
    anthropic_messages.FORMAT,
    gemini.FORMAT,
)

KEPT_BYTES_MAX: Final = 200
"""Header values that are longer are not kept beside what was chosen for them."""

WANTED: Final = {
    name: max(f.wanted.get(name, 0) for f in FORMATS)
    for name in sorted({n for f in FORMATS for n in f.wanted})
}


def meter_for(content_type: bytes, content_encoding: bytes) -> Meter:
    """Choose the meter for an answer by its two header values, as they came; empty when there was none."""
    if len(content_type) + len(content_encoding) > KEPT_BYTES_MAX:
        return _choose(content_type, content_encoding)()
    return _chosen(content_type, content_encoding)()


def _choose(content_type: bytes, content_encoding: bytes) -> Callable[[], Meter]:
    is_object = is_json(content_type)
    if not is_object and _media_type(content_type) != b"text/event-stream":
        return NullMeter
    codings = codings_of(content_encoding)
    if len(codings) > 1 or not CODINGS.issuperset(codings):
        return EncodedMeter
    reads: Callable[[], Meter] = partial(JsonMeter if is_object else SseMeter, FORMATS, WANTED)
    return (lambda: InflateMeter(reads())) if codings else reads


_chosen = lru_cache(maxsize=64)(_choose)


def is_json(content_type: bytes) -> bool:
    """Tell whether the value of a `Content-Type` field says JSON, of whatever kind."""
    media_type = _media_type(content_type)
    return media_type in {b"application/json", b"text/json"} or media_type.endswith(b"+json")


def codings_of(content_encoding: bytes) -> list[bytes]:
    """Return the codings that the value of `Content-Encoding` lists, without `identity`."""
    codings = [coding.strip().lower() for coding in content_encoding.split(b",")]
    return [coding for coding in codings if coding not in {b"", b"identity"}]


def _media_type(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()
