"""Leases: who may write. A writer's lease is renewed while it lives; once it ran out, others may fence it.

Time alone fences nobody. A group of units holds its writer's lock while it writes,
and who takes over must have had that lock alone: after that no commit of the
fenced writer can come, however late it wakes up.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import psycopg
from psycopg import errors, pq, sql

from ledger import queries
from ledger.rules import OPEN
from ledger.stores.migrate import SQL
from ledger.stores.postgres.direct import Direct, rows_of

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "leases.sql").items()}


class Fenced(Exception):
    """This process may not write any more. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A transaction that was begun: its number, and what is closed until it ends, periods and accounts."""

    number: str
    closed_us: int
    closures: bool


@dataclass(frozen=True)
class Lease:
    """A writer's right to write. `owner` names one run of one process and is never used again."""

    owner: str
    lease_s: int

    def enter(self, connection: "psycopg.Connection[Any]") -> None:
        """Become a writer."""
        self._run(connection, "enter")

    def begin_group(self, direct: Direct, learn: Callable[[Begun], None], connection_no: int) -> None:
        """Begin a transaction before whose end nobody fences it, or closes a period.

        It is left to be sent with the first thing that is asked in it, which raises Fenced;
        else *learn* is told then what was read after the locks were had.
        """
        locks, standing, mark = self._begin

        def check(answer: "pq.abc.PGresult") -> None:
            found = rows_of(answer)
            if not found or found[0][0] != b"f":
                raise self.fenced()
            _, closed_us, number, closures = found[0]
            assert number is not None, "a transaction has a number"
            learn(Begun(number.decode(), OPEN if closed_us is None else int(closed_us), closures == b"t"))

        direct.later("BEGIN")
        direct.later(locks)
        direct.later(standing, check=check)
        direct.later(mark, [b"%d" % connection_no])

    @cached_property
    def _begin(self) -> tuple[str, ...]:
        owner = sql.Literal(self.owner)
        named = [sql.SQL(_SQL[name]).format(owner=owner) for name in ("begin_group", "standing", "mark")]
        return tuple(each.as_string() for each in named)

    def is_committed(
        self, connection: "psycopg.Connection[Any]", connection_no: int, number: str
    ) -> bool | None:
        """Tell whether a transaction that was begun here is committed; None while it runs.

        The server's word for its number is not enough: what a crash took may give the number to another.
        """
        with contextlib.suppress(errors.InvalidParameterValue):  # it is in the future again: it was lost
            found = connection.execute(_SQL["runs"], (number,)).fetchone()
            if found is not None and found[0]:
                return None
        asked = (self.owner, connection_no, number)
        found = connection.execute(_SQL["marked"], asked).fetchone()  # a later snapshot than its end
        return found is not None and bool(found[0])

    def renew(self, connection: "psycopg.Connection[Any]") -> bool:
        """Go on being a writer; tells whether the lease still ran. Raises Fenced."""
        found = self._run(connection, "renew").fetchone()
        if found is None:
            raise self.fenced()
        return bool(found[0])

    def leave(self, connection: "psycopg.Connection[Any]") -> None:
        """Write no more: what is open is for others at once."""
        self._run(connection, "leave")

    def fenced(self) -> Fenced:
        """Return the fault of a writer whose work was taken over."""
        return Fenced(
            f"the lease of {self.owner} ran out and another process took its work over:"
            " it must not write any more, start it again"
        )

    def _run(self, connection: "psycopg.Connection[Any]", name: str) -> "psycopg.Cursor[Any]":
        return connection.execute(_SQL[name], {"owner": self.owner, "lease_s": self.lease_s})


def fence_expired(connection: "psycopg.Connection[Any]", owner: str) -> list[str]:
    """Fence writers whose lease ran out, but *owner*; returns who they were."""
    return [name for (name,) in connection.execute(_SQL["fence"], {"owner": owner})]


def living(connection: "psycopg.Connection[Any]") -> list[str]:
    """Return the writers that are not fenced."""
    return [name for (name,) in connection.execute(_SQL["living"])]
