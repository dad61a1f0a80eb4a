"""What was closed in a file stays closed in it."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ledger import book
from ledger.accounts import text
from ledger.audit import audit
from ledger.book import Rejected
from ledger.closing import close_account
from ledger.statuses import Status
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import BUYER, SALES, Ticks, hold, journal, move, post


async def test_a_file_that_is_opened_again_knows_its_closed_accounts(tmp_path: Path) -> None:
    """The close is on disk, and the audit finds what was booked behind it."""
    path = tmp_path / "book.db"
    for again in (False, True):
        file: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
        file.open()
        if not again:
            await file.run(partial(book.submit, journal=journal("in", move("in"), hold("h", units=60))))
            await file.run(partial(close_account, account_id=SALES.id, reason="gone", key="k"))
        else:
            asked = journal("no", move("no", BUYER, SALES, 1))
            refused = await file.run(partial(book.submit, journal=asked))
            assert refused == Rejected(Status.ACCOUNT_CLOSED, 0, "credit")
            await file.run(partial(book.submit, journal=journal("p", post("p", "h", 50))))
        await file.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert audit(connection).clean
        for change in ("UPDATE closures SET reason = 'x'", "DELETE FROM closures"):
            with pytest.raises(sqlite3.IntegrityError, match="immutable"):
                connection.execute(change)
        connection.execute("DROP TRIGGER closures_no_update")
        connection.execute("UPDATE closures SET seq = 0")

        found = {check.id: check.rows for check in audit(connection).checks if check.rows}
        sales = text(SALES.id)
    assert found == {"closed_accounts_stay": (("h", sales),)}
