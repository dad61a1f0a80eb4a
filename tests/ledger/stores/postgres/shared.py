"""Shared books for tests: each opened by a writer of its own, with beats that come fast."""

from collections.abc import Callable
from itertools import count
from typing import Any

from ledger.stores.postgres.store import PostgresStore, PostgresTx
from tests.ledger.examples import Ticks

_owners = count()


def shared_store(
    address: str, *, now_us: Callable[[], int] | None = None, owner: str = "", **settings: Any
) -> PostgresStore[PostgresTx]:
    """Return a store that is not open yet."""
    return PostgresStore(
        address,
        owner=owner or f"writer {next(_owners)}",
        now_us=now_us or Ticks(),
        spread=lambda below: below // 2,
        **{"beat_ms": 20, **settings},
    )
