"""The answers of a stream: found by id or the latest, bounded, and none is lost silently."""

from pricing.extract.answers import ENDED, TOO_MANY, Answers
from pricing.extract.wire import ANSWERS_MAX, Room
from pricing.usage import Unmeasured, Usage

USAGE = Usage(provider=None, model="m", response_id="a", input_tokens=1, output_tokens=1)


def problems(answers: Answers) -> list[str | None]:
    return [r.problem if isinstance(r, Unmeasured) else None for r in answers.readings()]


def test_an_answer_is_found_by_its_id_or_as_the_latest() -> None:
    """An event without an id belongs to the answer of the event before it."""
    answers = Answers(Room())
    first, second = answers.of("a"), answers.of("b")

    assert answers.of("a") is first
    assert answers.of(None) is first
    assert answers.of("b") is second
    assert answers.latest is second
    assert Answers(Room()).latest is None


def test_an_answer_counts_once_it_is_final() -> None:
    """Without a reading, or with one that may not be the last, it is not measured."""
    answers = Answers(Room())
    final, early, silent = (answers.of(name) for name in "abc")
    assert final is not None
    assert early is not None
    assert silent is not None
    final.reading, final.final = USAGE, True
    early.reading = USAGE
    silent.final = True

    assert problems(answers) == [None, ENDED, ENDED]


def test_answers_without_an_id_can_be_begun_one_after_the_other() -> None:
    """Where there is no id, beginning is what tells them apart."""
    answers = Answers(Room())

    assert answers.begin(None) is not answers.begin(None)
    assert len(answers.readings()) == 2


def test_the_bound_is_of_the_stream_and_not_of_a_format() -> None:
    """All readers of one stream share the room."""
    room = Room()
    one, other = Answers(room), Answers(room)
    for number in range(ANSWERS_MAX):
        one.of(str(number))

    assert other.of("a") is None
    room.give_back()
    assert other.of("a") is not None


def test_beyond_the_bound_the_stream_is_not_measured() -> None:
    """One more unknown answer stands for all that were not told apart; those before go on."""
    answers = Answers(Room())
    for number in range(ANSWERS_MAX):
        answers.of(str(number))

    assert answers.of("one more") is None
    assert answers.of(None) is None
    assert answers.of("3") is not None
    assert problems(answers) == [ENDED] * ANSWERS_MAX + [TOO_MANY]
