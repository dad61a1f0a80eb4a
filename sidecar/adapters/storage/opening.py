"""Opening: the storage that a config names, a file or a PostgreSQL, which is loaded only then."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ledger.store import Lag, StoreUnfit
from sidecar.adapters.storage.reading import Place
from sidecar.adapters.storage.schema import SCHEMA
from sidecar.adapters.storage.sqlite import SqliteStorage

R = TypeVar("R")


class OpenStorage(Protocol):
    """See `ports.Storage`; and what those who own it do with it."""

    @property
    def failed(self) -> str | None:
        """Say why no unit can be committed any more; None while it lives."""
        ...

    @property
    def processes(self) -> int:
        """Say how many sidecars share the books, this one among them."""
        ...

    @property
    def lag(self) -> Lag:
        """Say how far the hash chain is behind the books."""
        ...

    async def run(self, unit: Callable[[Any], R]) -> R:
        """Run *unit* in a transaction of its own."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go of the database."""
        ...


def open_at(place: Place, now_us: Callable[[], int], owner: str) -> OpenStorage:
    """Open the storage at *place* for the run *owner*; `ledger.store.StoreRefused` if it cannot be."""
    if isinstance(place, Path):
        file = SqliteStorage(place, now_us)
        file.open()
        return file
    refuse_missing_driver()
    from sidecar.adapters.storage.postgres import PostgresStorage  # noqa: PLC0415 only where it is named

    shared = PostgresStorage(place, now_us, owner)
    shared.open()
    return shared


def refuse_missing_driver() -> None:
    """Raise StoreUnfit where PostgreSQL is named and cannot be spoken to."""
    if find_spec("psycopg") is None:
        raise StoreUnfit("a PostgreSQL as storage needs psycopg, which lock/image.txt installs with the rest")


def refuse_unfit(address: str) -> None:
    """Raise `ledger.store.StoreRefused` if books cannot be kept at *address*. Changes nothing there."""
    refuse_missing_driver()
    from ledger.stores.postgres import schema  # noqa: PLC0415 only where it is named
    from ledger.stores.postgres.connecting import WAITS, opened, place_of  # noqa: PLC0415

    with opened(address, WAITS) as connection:
        schema.version(connection, place_of(address), SCHEMA)
