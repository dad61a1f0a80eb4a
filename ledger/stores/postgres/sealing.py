"""Sealing: the hash chain of a shared book, added behind by whoever has the turn, one process at a time.

A journal follows in the chain on what it followed from in the book: it was given a
higher number, and was not visible before. So each round seals what is committed and
not sealed yet in the order of the numbers. The turn is a row that the sealing
transaction itself has locked: who lost it cannot commit.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

import psycopg

from ledger import chain, queries
from ledger.accounts import Account
from ledger.chain import GENESIS, Head
from ledger.store import Lag
from ledger.stores import rows as to
from ledger.stores.migrate import SQL
from ledger.stores.postgres.draft import bytes_text, numbers_text
from ledger.transfers import Booked, Row

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "sealing.sql").items()}

BATCH: Final = 500
LEASE_S: Final = 5


def lag(connection: "psycopg.Connection[Any]") -> Lag:
    """Read how far the chain is behind."""
    found = connection.execute(_SQL["lag"]).fetchone()
    return Lag() if found is None else Lag(*found)


class Sealer:
    """Seals for one process, over one connection at a time."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._accounts: dict[int, Account] = {}
        self._used: set[int] = set()  # accounts that a sealed journal uses: what is sealed stays
        self._through: int | None = None  # up to this place it has all of them that are not folded
        self._mark: tuple[int, int] | None = (
            None  # a number, and a transaction after all that may book below it
        )

    def seal(self, connection: "psycopg.Connection[Any]") -> bool:
        """Seal one batch if it is this process's turn; tells whether there may be more."""
        if lag(connection).journals == 0:
            return False
        # Read before this transaction has its own number: who booked below it has a lower one. (The end of
        # a snapshot would not do: it is the last transaction that has ended, and later ones may run.)
        newest = self._run(connection, "newest").fetchone()
        try:
            with connection.transaction():
                turn = self._run(connection, "take", {"owner": self._owner, "lease_s": LEASE_S}).fetchone()
                if turn is None:
                    return False
                # One snapshot for what can still come and for what is there: taken before, it claims less.
                running = self._run(connection, "running").fetchone()
                batch = self._run(connection, "unsealed", {"settled": turn[0], "limit": BATCH}).fetchall()
                if batch:
                    self._add(connection, batch)
                if len(batch) < BATCH and running is not None and newest is not None:
                    self._settle(connection, newest[0], *running)
        except BaseException:
            self._through = None  # what this batch was the first to use may not be sealed
            raise
        return len(batch) == BATCH

    def _add(self, connection: "psycopg.Connection[Any]", batch: list[tuple[Any, ...]]) -> None:
        end = self._run(connection, "end").fetchone()
        head = GENESIS if end is None else Head(end[0], bytes(end[1]))
        found = self._run(connection, "transfers", (numbers_text(row[0] for row in batch),)).fetchall()
        if self._through != head.seq:  # another has sealed since, or this process has not yet
            self._run(connection, "patiently")
            self._used = {no for (no,) in self._run(connection, "used")}
        self._know(connection, {no for row in found for no in row[3:5]})
        grouped = {seq: tuple(group) for seq, group in groupby(found, key=lambda row: row[0])}
        seals = []
        for seq, name, kind, happened_us, recorded_us, subject, note in batch:
            entries = tuple(self._row(*row[1:]) for row in grouped.get(seq, ()))
            booked = Booked(head.seq + 1, name, kind, happened_us, recorded_us, subject, note, entries)
            after = chain.extend(head, booked, self._opened(grouped.get(seq, ())))
            seals.append((after.seq, seq, head.hash, after.hash))
            head = after
        places, numbers, before, hashes = zip(*seals, strict=True)
        chained = map(bytes_text, (before, hashes))
        self._run(connection, "add", [numbers_text(places), numbers_text(numbers), *chained])
        self._through = head.seq

    def _opened(self, entries: Iterable[tuple[Any, ...]]) -> list[Account]:
        """Return the accounts that these entries are the first sealed ones to use."""
        numbers = dict.fromkeys(no for entry in entries for no in entry[3:5])
        opened = [no for no in numbers if no not in self._used]
        self._used.update(opened)
        return [self._accounts[no] for no in opened]

    def _know(self, connection: "psycopg.Connection[Any]", numbers: set[int]) -> None:
        unnamed = [no for no in numbers if no not in self._accounts]
        if unnamed:
            found = self._run(connection, "accounts", (numbers_text(unnamed),))
            self._accounts |= {row[0]: to.account(row) for row in found}
        unknown = [no for no in numbers if no not in self._used]
        if unknown:
            self._used.update(no for (no,) in self._run(connection, "folded", (numbers_text(unknown),)))

    def _settle(self, connection: "psycopg.Connection[Any]", newest: int, after: int, oldest: int) -> None:
        """Move on to where nothing can appear any more: all that ran when it was marked have ended."""
        if self._mark is not None and oldest >= self._mark[1]:
            self._run(connection, "settle", (self._mark[0],))
            self._mark = None
        if self._mark is None:
            self._mark = newest, after

    def _row(
        self, row_id: str, kind: str, debit_no: int, credit_no: int, units: int, pending_id: str | None
    ) -> Row:
        return Row(
            row_id, to.KINDS[kind], self._accounts[debit_no], self._accounts[credit_no], units, pending_id
        )

    @staticmethod
    def _run(connection: "psycopg.Connection[Any]", name: str, parameters: Any = ()) -> "psycopg.Cursor[Any]":
        return connection.execute(_SQL[name], parameters)
