"""Direct statements: the few that every unit needs, prepared once and run without the driver's own work.

A cursor converts and describes what it is given, which costs more than such a
statement. Here parameters are texts, as the server reads them, and so are answers.
"""

from typing import Any, Final

import psycopg
from psycopg import errors, pq

_GOOD: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)

Answer = list[list[bytes | None]]
"""Rows of texts; None is NULL."""


class Direct:
    """Runs statements over a connection, which has one of these. `psycopg.Error` as a cursor raises it.

    What undoes something goes this way too: at a ROLLBACK the driver has the server
    forget whatever it has prepared.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._server = connection.pgconn
        self._names: dict[str, bytes] = {}

    def run(self, statement: str, *parameters: str) -> Answer:
        """Run a statement whose parameters are $1, $2 ...; it is prepared at its first use."""
        if any("\0" in each for each in parameters):
            raise psycopg.DataError("a text has NUL in it, where the server would cut it off")
        name = self._names.get(statement)
        if name is None:
            name = b"direct_%d" % len(self._names)
            self._good(self._server.prepare(name, statement.encode()))
            self._names[statement] = name
        return self._good(self._server.exec_prepared(name, [each.encode() for each in parameters]))

    def several(self, statements: str) -> Answer:
        """Run statements without parameters, one after the other, and return the last one's rows."""
        return self._good(self._server.exec_(statements.encode()))

    def _good(self, answer: "pq.abc.PGresult") -> Answer:
        if answer.status not in _GOOD:
            if self._server.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError(self._server.get_error_message())
            raise errors.error_from_result(answer)
        value = answer.get_value
        columns = range(answer.nfields)
        return [[value(row, column) for column in columns] for row in range(answer.ntuples)]
