"""Signed statements beside a shared book: checkpoints over its chain, and the closes of its periods.

What is signed follows on what was signed before, so whoever reads the last one of
either kind is alone with it until its unit is committed.
"""

from typing import Any, Final

from psycopg import Cursor

from ledger import queries
from ledger.chain import GENESIS, Head
from ledger.periods import Period
from ledger.rules import OPEN
from ledger.signing import Signed
from ledger.stores.migrate import SQL
from ledger.stores.postgres.dialect import Connection

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "signed.sql").items()}


class Taken(Exception):
    """Another transaction decides over the same thing; this unit must be run again when it may wait."""


class SignedTx:
    """See `ledger.store`: what SealableTx and ClosableTx add to a Tx, over *connection*."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._closed_us = OPEN
        self._before_us = OPEN  # as it was when the unit began

    @property
    def closed_through_us(self) -> int:
        """See `ledger.rules.View`; nobody closes a period while a group of units runs, but a unit of it."""
        return self._closed_us

    @property
    def head(self) -> Head:
        """Return the end of the hash chain, as far as it is sealed by now."""
        found = self._execute("head").fetchone()
        return GENESIS if found is None else Head(*found)

    def begin_group(self, closed_us: int) -> None:
        """Start a group of units, with periods closed up to that time."""
        self._closed_us = closed_us

    def begin(self, *, wait: bool) -> None:
        """Start a unit; unless it may *wait* it is Taken by whatever another transaction holds."""
        self.connection.wait = wait
        self._before_us = self._closed_us

    def undo(self) -> None:
        """Forget what may not be there any more, because the unit, or its whole group, was rolled back."""
        self._closed_us = self._before_us

    def alone(self, *names: str) -> bool:
        """Let nobody else decide over what is called *names* until this unit is committed.

        True: others could have, so what was read before is to be read again.
        """
        found = self._execute("wait_alone" if self.connection.wait else "try_alone", ([*names],)).fetchone()
        if not self.connection.wait and (found is None or not found[0]):
            raise Taken(", ".join(names))
        return True

    def last_checkpoint(self) -> Signed | None:
        """See `ledger.store.SealableTx`. Nobody else signs until this unit is committed."""
        self.alone("checkpoints of the book")
        found = self._execute("last_checkpoint").fetchone()
        return None if found is None else Signed(*found)

    def hashes(self, *, first: int, count: int) -> list[bytes]:
        """See `ledger.store.SealableTx`."""
        return [found for (found,) in self._execute("hashes", (first, count))]

    def add_checkpoint(self, seq: int, signed: Signed) -> None:
        """See `ledger.store.SealableTx`."""
        self._execute("add_checkpoint", (seq, signed.statement, signed.signature))

    def last_period(self) -> Signed | None:
        """See `ledger.store.ClosableTx`. Nobody else books until this unit is committed.

        Whoever is in the midst of it is waited for: a unit that holds anything may not.
        """
        if not self.connection.wait:
            raise Taken("the periods of the book")
        self._execute("close_alone")
        (through_us,) = self._execute("closed_through").fetchone() or (None,)
        self._closed_us = OPEN if through_us is None else through_us
        found = self._execute("last_period").fetchone()
        return None if found is None else Signed(*found)

    def happened_since(self, *, seq: int, through_us: int) -> bool:
        """See `ledger.store.ClosableTx`; *seq* is a place in the chain, and who has none comes after it."""
        found = self._execute("happened_since", {"seq": seq, "through_us": through_us}).fetchone()
        return found is not None and bool(found[0])

    def add_period(self, period: Period, signed: Signed) -> None:
        """See `ledger.store.ClosableTx`."""
        row = (period.number, period.through_us, period.head.seq, signed.statement, signed.signature)
        self._execute("add_period", row)
        self._closed_us = period.through_us

    def _execute(self, name: str, parameters: Any = ()) -> "Cursor[Any]":
        return self.connection.postgres.execute(_SQL[name], parameters)
