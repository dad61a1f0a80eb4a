"""Reporting: what the books hold as of two times, over the database itself. Blocks; reads only."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from ledger import accounts, reports, sealed
from ledger.closing import Trial
from ledger.reports import AsOf
from sidecar.adapters.storage.reading import Opened, Place, Unreadable, name_of, of_database, open_read_only
from sidecar.finops import account_statements
from sidecar.finops.books import trial_object
from sidecar.finops.exports import FORMATS
from sidecar.ports import Fault


class UnknownAccount(Fault):
    """There is no such account. The message is one sentence for the operator."""


def read_trial_balance(place: Place, as_of: AsOf) -> dict[str, Any]:
    """Return the trial balance of the books at *place*."""
    with _books(place) as connection:
        return trial_object(reports.trial_balance(connection, as_of))


def read_trial(place: Place, through_us: int) -> Trial:
    """Return what a period that ends at *through_us* is closed with."""
    with _books(place) as connection, sealed.snapshot(connection):
        return reports.trial(connection, through_us)


def read_statement(place: Place, name: str, as_of: AsOf, cursor: str | None, limit: int) -> dict[str, Any]:
    """Return a page of an account's statement.

    UnknownAccount, or `account_statements.CursorText`, if it was asked for wrongly.
    """
    after = account_statements.place(cursor)
    try:
        account_id = accounts.parse(name)
    except ValueError as error:
        raise UnknownAccount(str(error)) from error
    with _books(place) as connection:
        found = reports.account(connection, account_id)
        if found is None:
            raise UnknownAccount(f"there is no account {name}")
        lines = list(reports.statement(connection, account_id, after, limit + 1, as_of))
    return account_statements.statement_object(found[1], lines, limit)


def export(place: Place, written_as: str) -> Iterator[str]:
    """Yield all journals, of one moment, as text of one of `exports.FORMATS`."""
    with _books(place) as connection, sealed.snapshot(connection):
        yield from FORMATS[written_as](sealed.journals(connection))


@contextmanager
def _books(place: Place) -> Iterator[Opened]:
    with closing(open_read_only(place)) as connection:
        try:
            yield connection
        except Exception as error:
            if not (of_database(error) or isinstance(error, KeyError | ValueError)):
                raise
            raise Unreadable(f"{name_of(place)} cannot be read: verify the books ({error!r})") from error
