"""The shared storage behind the port: the same units and tables in PostgreSQL, for several sidecars.

Loaded only where a config names a PostgreSQL.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ledger.store import Lag, StorageAway, StorageDead, StorageFull
from ledger.stores.postgres.leases import living
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from sidecar.adapters.storage.records import RecordsOf
from sidecar.adapters.storage.schema import SHARED_SCHEMA
from sidecar.adapters.system import below
from sidecar.ports import StorageGone, StorageUnavailable

R = TypeVar("R")

LEASE_S: Final = 10
"""How long a sidecar that stands still keeps its open calls before another one closes them."""


class RecordsPostgresTx(PostgresTx, RecordsOf):
    """The ledger's transaction in PostgreSQL, with the sidecar's own tables."""

    def living(self, owner: str) -> Sequence[str]:
        """See `RecordsOf`: whose lease nobody has taken over."""
        return [*{owner, *living(self.connection.postgres)}]

    def write_one(self, sql: str, values: Sequence[object]) -> None:
        """See `RecordsOf`: its answer is not waited for."""
        self.connection.write_one(sql, values)


class PostgresStorage:
    """Implements `ports.Storage` on a PostgreSQL database. *owner* names this run of this process."""

    def __init__(
        self,
        address: str,
        now_us: Callable[[], int],
        owner: str,
        *,
        lease_s: int = LEASE_S,
        beat_ms: int = 1000,
    ) -> None:
        self._store = PostgresStore(
            address,
            owner=owner,
            now_us=now_us,
            spread=below,
            tx=RecordsPostgresTx,
            extra_schema=SHARED_SCHEMA,
            lease_s=lease_s,
            beat_ms=beat_ms,
        )

    @property
    def failed(self) -> str | None:
        """Say why no unit can be committed any more; None while it lives."""
        return self._store.failed

    @property
    def processes(self) -> int:
        """Say how many sidecars share the books, this one among them."""
        return self._store.writers

    @property
    def lag(self) -> Lag:
        """Say how far the chain is behind the book."""
        return self._store.lag

    def open(self) -> None:
        """Open the database; `ledger.store.StoreRefused` with one sentence if it cannot be."""
        self._store.open()

    async def run(self, unit: Callable[[Any], R]) -> R:
        """Run *unit* in a transaction of its own."""
        try:
            return await self._store.run(unit)
        except (StorageFull, StorageAway) as away:
            raise StorageUnavailable(str(away)) from away
        except StorageDead as dead:
            raise StorageGone(str(dead)) from dead

    async def close(self) -> None:
        """Finish what was accepted and let go of the database."""
        await self._store.close()
