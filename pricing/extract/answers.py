"""The model answers of one stream, told apart by id and bounded in number. Knows no format."""

from dataclasses import dataclass
from typing import Final

from pricing.extract.counts import unmeasured
from pricing.extract.wire import Room
from pricing.usage import Reading

TOO_MANY: Final = "too many answers in one stream"
ENDED: Final = "stream ended without usage"


@dataclass(slots=True)
class Answer:
    """What is known so far of one answer; *reading* counts once it is *final*."""

    response_id: str | None
    model: str | None = None
    reading: Reading | None = None
    final: bool = False


class Answers:
    """The answers of one stream in one format."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._all: list[Answer] = []
        self._latest: Answer | None = None
        self._overflow = False

    @property
    def latest(self) -> Answer | None:
        """The answer that was last found or begun."""
        return self._latest

    def of(self, response_id: str | None) -> Answer | None:
        """Find the answer with this id, or begin it; without an id the latest. None beyond the bound."""
        if response_id is None and self._latest is not None:
            return self._latest
        for answer in self._all:
            if response_id is not None and answer.response_id == response_id:
                self._latest = answer
                return answer
        return self.begin(response_id)

    def begin(self, response_id: str | None) -> Answer | None:
        """Begin another answer; None beyond the bound, and then the stream as a whole is not measured."""
        if not self._room.take():
            self._overflow = True
            self._latest = None
            return None
        self._latest = Answer(response_id)
        self._all.append(self._latest)
        return self._latest

    def readings(self) -> tuple[Reading, ...]:
        """Tell what each answer used; one without a final reading is not measured."""
        readings = [
            answer.reading
            if answer.final and answer.reading is not None
            else unmeasured(answer.model, answer.response_id, ENDED)
            for answer in self._all
        ]
        if self._overflow:
            readings.append(unmeasured(None, None, TOO_MANY))
        return tuple(readings)
