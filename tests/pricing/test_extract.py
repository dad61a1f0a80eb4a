"""Every recorded shape: the same cost whole, streamed and in any pieces, and the same as others reckon it."""

import gzip
import json
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import genai_prices
import pytest

from ledger.money import half_even, nano
from pricing.catalogs import genai
from pricing.cost import Basis, CostLine, cost_of
from pricing.extract import FORMATS, WANTED, Metered, meter_for
from pricing.extract.members import Found
from pricing.extract.parsed import read_members
from pricing.extract.wire import Room, StreamReader
from pricing.rates import STANDARD_TIERS, Card, Rate
from pricing.usage import COUNTS, Reading, Unit, Unmeasured, Usage
from tests.pricing.golden.corpus import SHAPES
from tests.pricing.golden.openai import DONE
from tests.pricing.golden.shape import Event as WireEvent
from tests.pricing.golden.shape import Shape

CARDS = genai.load()
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
AT_US = (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
SMALL_BYTES = 600
SPLITTINGS = 200

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
every_stream = pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.stream], ids=lambda shape: shape.name
)


class EveryUnit:
    """One card for all models, with a rate of its own for each unit, so that no two counts cost the same."""

    CARD = Card(
        id="every unit",
        provider="",
        model="",
        rates={unit: Rate(Fraction(10**9 + rank**5, 7)) for rank, unit in enumerate(Unit)},
    )

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        return self.CARD


def metered(content_type: bytes, pieces: Iterable[bytes], encoding: bytes = b"") -> Metered:
    meter = meter_for(content_type, encoding)
    for piece in pieces:
        meter.feed(piece)
    return meter.finish()


def whole(shape: Shape) -> Metered:
    return metered(b"application/json", [shape.json])


def one(readings: tuple[Reading, ...]) -> Reading:
    (reading,) = readings
    return reading


def lines(found: Metered) -> list[CostLine]:
    """Book what was found at rates that tell every count, and at the catalogue's."""
    plain = [
        replace(reading, service_tier="") if isinstance(reading, Usage) else reading
        for reading in found.usages
    ]
    return [cost_of(reading, cards, AT_US) for cards in (EveryUnit(), CARDS) for reading in plain]


def test_the_corpus_is_large_and_holds_every_format() -> None:
    """Sixty shapes and more, each under a name of its own, and of each format several, whole and streamed."""
    assert len(SHAPES) >= 60
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
    for wire_format in FORMATS:
        read = [shape for shape in SHAPES if wire_format.answer(read_members(WANTED, shape.json)) is not None]
        assert len(read) >= 4


@every_shape
def test_a_recorded_answer_has_the_counts_it_tells(shape: Shape) -> None:
    """Each count is read as its provider means it; what is not told is not zero but unmeasured."""
    reading = one(whole(shape).usages)

    if isinstance(reading, Unmeasured):
        assert shape.problem
        assert shape.problem in reading.problem
    else:
        assert {name: count for name in COUNTS if (count := getattr(reading, name))} == dict(shape.counts)
        tier = "" if reading.service_tier in STANDARD_TIERS else reading.service_tier
        assert (tier, shape.problem) == (shape.tier, "")
    assert reading.reported == (None if shape.reported is None else nano(shape.reported))


@every_stream
def test_a_stream_costs_what_the_whole_answer_costs(shape: Shape) -> None:
    """To the nano-USD, at rates that tell every count apart and at those of the catalogue."""
    content_type, body = shape.streamed
    buffered, streamed = whole(shape), metered(content_type, [body])

    assert lines(streamed) == lines(buffered)
    if not shape.problem:
        assert streamed.usages == buffered.usages


@every_shape
def test_one_format_and_no_other_reads_a_shape(shape: Shape) -> None:
    """No answer is counted twice because two formats know it, whole or in a stream."""
    found = read_members(WANTED, shape.json)
    events = [found_in(event) for event in shape.stream if event != DONE]

    answered = [f.name for f in FORMATS if f.answer(found) is not None]
    streamed = [f.name for f in FORMATS if read_stream(f.stream(Room()), events)]

    assert len(answered) == 1
    assert streamed == (answered if shape.stream else [])


def found_in(event: WireEvent) -> Found:
    text = event.encode() if isinstance(event, str) else json.dumps(event).encode()
    return read_members(WANTED, text.removeprefix(b"data: "))


def read_stream(reader: StreamReader, events: Iterable[Found]) -> tuple[Reading, ...]:
    for event in events:
        reader.event(event)
    return reader.finish()


def splittings(body: bytes, seed: str) -> Iterator[list[bytes]]:
    """Single bytes; then every cut in two of a small body, and of a large one cuts by chance."""
    yield [body[at : at + 1] for at in range(len(body))]
    if len(body) <= SMALL_BYTES:
        yield from ([body[:cut], body[cut:]] for cut in range(len(body) + 1))
        return
    chance = random.Random(seed)
    for _ in range(SPLITTINGS):
        cuts = sorted(chance.choices(range(len(body) + 1), k=chance.randint(1, 12)))
        yield [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]


@every_shape
def test_no_splitting_of_the_whole_answer_changes_anything(shape: Shape) -> None:
    """Cut anywhere, an answer is the answer."""
    want = whole(shape)

    for pieces in splittings(shape.json, shape.name):
        assert metered(b"application/json", pieces) == want


@every_stream
def test_no_splitting_of_a_stream_changes_anything(shape: Shape) -> None:
    """Cut anywhere, a stream is the stream."""
    content_type, body = shape.streamed
    want = metered(content_type, [body])

    for pieces in splittings(body, shape.name):
        assert metered(content_type, pieces) == want


@every_shape
def test_a_compressed_answer_costs_the_same(shape: Shape) -> None:
    """Packed by the server, whole or as a stream, it is read as if it were not."""
    for content_type, body in ((b"application/json", shape.json), shape.streamed):
        want, packed = metered(content_type, [body]), gzip.compress(body, mtime=0)
        pieces = [packed[at : at + 7] for at in range(0, len(packed), 7)]

        assert metered(content_type, pieces, b"gzip") == want
        assert metered(content_type, [zlib.compress(body)], b"deflate") == want


# Each of their counts may be the last one, so a stream that breaks off costs what was told until then.
COUNTING_AS_THEY_GO = {"vllm, counting as it goes", "anthropic messages, several deltas"}


@pytest.mark.parametrize(
    "shape",
    [shape for shape in SHAPES if shape.stream and shape.name not in COUNTING_AS_THEY_GO],
    ids=lambda shape: shape.name,
)
def test_a_stream_that_breaks_off_never_costs_less(shape: Shape) -> None:
    """At whatever event it ends, all of it is measured or nothing: no count counts too early."""
    content_type, body = shape.streamed
    want = metered(content_type, [body]).usages

    for count in range(1, len(shape.stream)):
        found = metered(content_type, [replace(shape, stream=shape.stream[:count]).streamed[1]]).usages
        assert found == want or not any(isinstance(reading, Usage) for reading in found)


def theirs(shape: Shape) -> int:
    """Let genai-prices read and price the answer: nano-USD, rounded once."""
    used = genai_prices.extract_usage(shape.body, provider_id=shape.seller, api_flavor=shape.flavor)
    price = used.calc_price(genai_request_timestamp=AT, price_context=shape.context or None)
    return half_even(Fraction(price.total_price) * 10**9)


def ours(shape: Shape) -> CostLine:
    """Measure the answer at the same seller's prices, whatever it says of its cost itself."""
    reading = one(whole(shape).usages)
    return cost_of(replace(reading, provider=shape.seller, reported=None), CARDS, AT_US)


@pytest.mark.parametrize(
    "shape",
    [shape for shape in SHAPES if shape.seller and shape.flavor and not shape.differs],
    ids=lambda shape: shape.name,
)
def test_another_implementation_reckons_the_same_cost(shape: Shape) -> None:
    """genai-prices' own reading of the answer, at its own price, is ours to the nano-USD."""
    line = ours(shape)

    assert (line.amount, line.basis) == (nano(theirs(shape)), Basis.MEASURED)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.differs], ids=lambda shape: shape.name)
def test_every_difference_is_the_one_that_is_explained(shape: Shape) -> None:
    """Where genai-prices reckons otherwise the shape says how and why; where it raises we go on."""
    line, how = ours(shape), shape.differs.partition(":")[0]
    try:
        cost = nano(theirs(shape))
    except (ValueError, LookupError):
        assert how == "raises"
        return

    if line.amount is None:
        assert how == "unknown"
    else:
        assert how == ("dearer" if line.amount > cost else "cheaper" if line.amount < cost else "the same")
