"""Direct statements: prepared once, run without the driver's own work, and sent together where nobody waits.

A cursor converts and describes what it is given, which costs more than such a
statement. Here parameters are texts, as the server reads them, and so are answers.
What is sent `later` goes with whatever is run next, in one round trip and in order.
"""

import select
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from psycopg import errors, pq

_GOOD: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)

Answer = list[list[bytes | None]]
"""Rows of texts; None is NULL."""


class Overdue(Exception):
    """The server has refused what an earlier unit had left to be sent: no fault of the one that runs."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Later:
    """A statement that is sent when its answer is wanted, or with another one before that."""

    __slots__ = ("_answer", "_direct", "check", "name", "parameters", "turn")

    def __init__(
        self,
        direct: "Direct",
        name: bytes,
        parameters: Sequence[bytes | None],
        check: "Callable[[pq.abc.PGresult], None] | None",
    ) -> None:
        self._direct = direct
        self.name = name
        self.parameters = parameters
        self.check = check
        self.turn = direct.turn
        self._answer: pq.abc.PGresult | None = None

    @property
    def is_answered(self) -> bool:
        """Whether it was sent, and the server has done it."""
        return self._answer is not None

    @property
    def answer(self) -> "pq.abc.PGresult":
        """What the server has answered; `psycopg.Error` if it refused this, or what was sent with it."""
        if self._answer is None:
            self._direct.flush()
        if self._answer is None:
            raise psycopg.InternalError("a statement that was undone has no answer")
        return self._answer

    def answered(self, answer: "pq.abc.PGresult") -> None:
        """Take the answer, which is a good one."""
        self._answer = answer
        if self.check is not None:
            self.check(answer)


class Direct:
    """Runs statements over a connection, which has one of these. `psycopg.Error` as a cursor raises it.

    What undoes something goes this way too: at a ROLLBACK the driver has the server
    forget whatever it has prepared.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._server = connection.pgconn
        self._names: dict[str, bytes] = {}
        self._waiting: list[Later] = []
        self._poll = select.poll()  # not select(): a process may have more than a thousand sockets
        self.turn = 0
        """Counts units: what one has left to be sent is told from what another has."""

    def run(self, statement: str, *parameters: str) -> Answer:
        """Run a statement whose parameters are $1, $2 ...; it is prepared at its first use."""
        if self._waiting:
            return rows_of(self.later(statement, texts(parameters)).answer)
        return rows_of(self._good(self._server.exec_prepared(self._name(statement), texts(parameters))))

    def later(
        self,
        statement: str,
        parameters: Sequence[bytes | None] = (),
        check: "Callable[[pq.abc.PGresult], None] | None" = None,
    ) -> Later:
        """Leave a statement to be sent; *check* may raise over its answer, whoever is waiting then."""
        sent = Later(self, self._name(statement), parameters, check)
        self._waiting.append(sent)
        return sent

    def flush(self) -> None:
        """Send what is left to be sent, and take all answers. Raises Overdue for what another unit left."""
        sent, self._waiting = self._waiting, []
        if not sent:
            return
        server = self._server
        server.enter_pipeline_mode()
        try:
            for each in sent:
                server.send_query_prepared(each.name, each.parameters)
            server.pipeline_sync()
            self._push()
            answers = [self._next() for _ in sent]
            self._arrived()
            server.get_result()  # that this was all
        finally:
            if server.status == pq.ConnStatus.OK:
                server.exit_pipeline_mode()
        first: tuple[Later, Exception] | None = None
        for each, answer in zip(sent, answers, strict=True):
            try:
                each.answered(self._good(answer))
            except Exception as error:  # what came after it was run too, unless the server refused this one
                first = first or (each, error)
        if first is not None:
            if first[0].turn == self.turn or server.status != pq.ConnStatus.OK:
                raise first[1]
            raise Overdue(first[1]) from first[1]

    def forget(self) -> list[Later]:
        """Leave unsent what this unit had to be sent, and return it."""
        dropped = [each for each in self._waiting if each.turn == self.turn]
        self._waiting = [each for each in self._waiting if each.turn != self.turn]
        return dropped

    def clear(self) -> None:
        """Leave everything unsent, because the transaction is undone."""
        self._waiting.clear()

    def several(self, statements: str) -> Answer:
        """Run statements without parameters, one after the other, and return the last one's rows."""
        self.flush()
        return rows_of(self._good(self._server.exec_(statements.encode())))

    def _name(self, statement: str) -> bytes:
        name = self._names.get(statement)
        if name is None:
            name = b"direct_%d" % len(self._names)
            self._good(self._server.prepare(name, statement.encode()))
            self._names[statement] = name
        return name

    def _push(self) -> None:
        while self._server.flush():
            self._wait(select.POLLIN | select.POLLOUT)

    def _next(self) -> "pq.abc.PGresult":
        """Wait for the next answer of a pipeline, and for its end."""
        found: pq.abc.PGresult | None = None
        while True:
            self._arrived()
            answer = self._server.get_result()
            if answer is None:
                assert found is not None, "each statement of a pipeline is answered"
                return found
            found = answer

    def _arrived(self) -> None:
        while self._server.is_busy():
            self._wait(select.POLLIN)

    def _wait(self, events: int) -> None:
        self._poll.register(self._server.socket, events)
        self._poll.poll()
        self._server.consume_input()

    def _good(self, answer: "pq.abc.PGresult") -> "pq.abc.PGresult":
        if answer.status not in _GOOD:
            if self._server.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError(self._server.get_error_message())
            raise errors.error_from_result(answer)
        return answer


def rows_of(answer: "pq.abc.PGresult") -> Answer:
    """Return all rows of an answer."""
    value = answer.get_value
    columns = range(answer.nfields)
    return [[value(row, column) for column in columns] for row in range(answer.ntuples)]


def texts(parameters: Sequence[str]) -> list[bytes]:
    """Return texts as they are sent."""
    return [*map(text_of, parameters)]


def text_of(text: str) -> bytes:
    """Return a text as it is sent; DataError for one the server would cut off."""
    if "\0" in text:
        raise psycopg.DataError("a text has NUL in it, where the server would cut it off")
    return text.encode()
