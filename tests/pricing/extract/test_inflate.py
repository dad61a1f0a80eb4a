"""Compressed answers: metered as if they were not, at every splitting, and within limits."""

import gzip
import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract import Metered, meter_for
from pricing.extract.inflate import RATIO_FROM_BYTES, UNPACKED_BYTES_MAX, InflateMeter
from pricing.usage import Unmeasured
from tests.pricing.extract.shapes import OPENAI, a_chunk, a_stream, an_answer, written

BODY = written(an_answer(usage=OPENAI))
STREAM = a_stream(*[a_chunk()] * 60, a_chunk(usage=OPENAI))
COST = b': sidecar-cost 0.001;kind=tool;name="search"\n'


def deflated(body: bytes) -> bytes:
    return zlib.compress(body)


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def in_members(body: bytes) -> bytes:
    return b"".join(gzip.compress(body[start : start + 100]) for start in range(0, len(body), 100))


def flushed_often(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    events = (event + b"\n\n" for event in body.split(b"\n\n"))
    return (
        b"".join(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events)
        + packer.flush()
    )


PACKERS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gzip": (b"gzip", gzip.compress),
    "gzip in members": (b"gzip", in_members),
    "gzip flushed often": (b"x-gzip", flushed_often),
    "gzip and padding": (b"gzip", lambda body: gzip.compress(body) + b"\0" * 512),
    "deflate": (b"deflate", deflated),
    "deflate without its head": (b"deflate", bare),
}
every_packer = pytest.mark.parametrize(("coding", "pack"), PACKERS.values(), ids=PACKERS)


def metered(
    pieces: Iterable[bytes], coding: bytes = b"gzip", content_type: bytes = b"application/json"
) -> Metered:
    meter = meter_for(content_type, coding)
    for piece in pieces:
        meter.feed(piece)
    return meter.finish()


def hidden(found: Metered) -> str | None:
    """Say why the answer was not measured, when it is one answer of which nothing else is known."""
    (reading,) = found.usages
    assert isinstance(reading, Unmeasured)
    assert (reading.model, reading.problem) == (None, found.problem)
    return found.problem


@every_packer
def test_a_compressed_answer_costs_what_it_costs_plain(coding: bytes, pack: Callable[[bytes], bytes]) -> None:
    """Whole or as a stream, in one piece or byte by byte, unpacking changes nothing."""
    for content_type, body in ((b"application/json", BODY), (b"text/event-stream", STREAM)):
        plain, packed = metered([body], b"", content_type), pack(body)

        assert metered([packed], coding, content_type) == plain
        assert metered((bytes([byte]) for byte in packed), coding, content_type) == plain
        assert plain.problem is None


@every_packer
def test_every_split_reads_the_same(coding: bytes, pack: Callable[[bytes], bytes]) -> None:
    """Cut in two anywhere, a compressed answer gives what it gives whole."""
    packed = pack(BODY)
    plain = metered([BODY], b"")

    assert all(metered([packed[:cut], packed[cut:]], coding) == plain for cut in range(len(packed)))


@given(st.binary(max_size=60), st.sampled_from([b"", gzip.compress(BODY)[:50]]), st.integers(0, 110))
def test_junk_is_survived_and_splitting_changes_nothing(junk: bytes, head: bytes, cut: int) -> None:
    """Bytes that are not compressed, or stop being it, raise nothing."""
    text = head + junk

    assert metered([text[:cut], text[cut:]]) == metered([text])
    metered([text], b"deflate")


def test_what_cannot_be_unpacked_is_unknown() -> None:
    """It may have been a model's answer."""
    packed = bytearray(gzip.compress(BODY))
    packed[len(packed) // 2] ^= 0xFF

    assert hidden(metered([bytes(packed)])) == "compressed answer cannot be read"
    assert hidden(metered([b"\x1f\x8bnonsense"])) == "compressed answer cannot be read"


def test_an_answer_that_breaks_off_is_read_as_far_as_it_came() -> None:
    """Before its usage it is unknown; behind it, it has told; nothing at all is nothing."""
    packed = flushed_often(STREAM)

    assert hidden(metered([gzip.compress(BODY)[:10]])) == "cut off"
    assert metered([packed[:-12]], content_type=b"text/event-stream").usages == metered([BODY], b"").usages
    assert isinstance(metered([packed[:-80]], content_type=b"text/event-stream").usages[0], Unmeasured)
    assert metered([]) == Metered()


def test_what_no_model_wrote_has_no_line() -> None:
    """Compressed or not."""
    assert metered([gzip.compress(b'{"answer": 42}')]) == Metered()


def bomb(size: int) -> bytes:
    """Compress *size* spaces, a thousand to one, in front of an answer."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    packed = [packer.compress(b" " * 65_536) for _ in range(size // 65_536)]
    return b"".join([*packed, packer.compress(BODY), packer.flush()])


@pytest.mark.parametrize("size", [1, 1000, 65_536, 10**7])
def test_a_bomb_is_not_unpacked(size: int) -> None:
    """What swells a hundredfold beyond the first megabyte is unknown, in whatever pieces it comes."""
    packed = bomb(64 * RATIO_FROM_BYTES)
    meter = Reader()
    unpacking = InflateMeter(meter)

    for start in range(0, len(packed), size):
        unpacking.feed(packed[start : start + size])

    assert hidden(unpacking.finish()) == "compressed answer is too large"
    assert meter.came <= 2 * RATIO_FROM_BYTES


def test_a_small_answer_may_swell() -> None:
    """The first megabyte is read at any ratio."""
    assert metered([bomb(RATIO_FROM_BYTES // 2)]) == metered([BODY], b"")


def test_what_is_large_at_any_ratio_is_not_unpacked_to_its_end() -> None:
    """Beyond 64 MiB the answer is unknown, however honest."""
    line = bytes(range(256)) * 256
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    meter = Reader()
    unpacking = InflateMeter(meter)

    for _ in range(UNPACKED_BYTES_MAX // len(line) + 1):
        unpacking.feed(packer.compress(line))
    unpacking.feed(packer.flush())

    assert hidden(unpacking.finish()) == "compressed answer is too large"
    assert UNPACKED_BYTES_MAX - 16 * 1024 < meter.came <= UNPACKED_BYTES_MAX


def test_costs_declared_before_a_problem_stand() -> None:
    """What an agent declared is known, whatever became of the rest."""
    packed = gzip.compress(COST + STREAM)[:-8] + b"\0" * 8

    found = metered([packed], content_type=b"text/event-stream")

    assert found.problem == "compressed answer cannot be read"
    assert [line.name for line in found.declared] == ["search"]


class Reader:
    """A meter that counts what it is given."""

    def __init__(self) -> None:
        self.came = 0

    def feed(self, chunk: bytes) -> None:
        self.came += len(chunk)

    def finish(self) -> Metered:
        return Metered()


@given(st.lists(st.integers(0, 12_000), max_size=8))
def test_a_large_answer_reads_the_same_at_random_splits(cuts: list[int]) -> None:
    """Tens of kilobytes of members, flushes and padding in any pieces give the same usage."""
    packed = in_members(STREAM) + b"\0" * 100
    places = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]

    found = metered((packed[a:b] for a, b in pairwise(places)), content_type=b"text/event-stream")

    assert found == metered([STREAM], b"", b"text/event-stream")
