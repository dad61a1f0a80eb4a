"""A storage that is made to forget: each unit is undone first, and all it remembers is asked of the file."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ledger import accounts
from ledger.store import Lag, Rollback
from sidecar.adapters.storage.opening import OpenStorage
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain.days import day_of

R = TypeVar("R")


class Undoing:
    """Runs every unit twice, the first time in vain; then nothing may be remembered that the file denies."""

    def __init__(self, storage: OpenStorage) -> None:
        self._storage = storage

    @property
    def failed(self) -> str | None:
        return self._storage.failed

    @property
    def processes(self) -> int:
        return self._storage.processes

    @property
    def lag(self) -> Lag:
        return self._storage.lag

    async def run(self, unit: Callable[[Any], R]) -> R:
        def in_vain(tx: RecordsSqliteTx) -> None:
            try:
                unit(tx)
            except Exception as error:
                raise Rollback(None) from error
            raise Rollback(None)

        await self._storage.run(in_vain)
        await self._storage.run(agrees)
        try:
            return await self._storage.run(unit)
        finally:
            await self._storage.run(agrees)

    async def close(self) -> None:
        await self._storage.close()


def agrees(tx: RecordsSqliteTx) -> None:
    """Hold what a transaction answers against one that remembers nothing, over the same file."""
    assert differences(tx) == []


def differences(tx: RecordsSqliteTx) -> list[str]:
    """Name what a transaction answers otherwise than one that remembers nothing."""
    knowing, asking = dict(answers(tx)), dict(answers(RecordsSqliteTx(tx.connection, lambda: 0)))
    return [name for name, answer in asking.items() if knowing[name] != answer]


def answers(tx: RecordsSqliteTx) -> Iterator[tuple[str, object]]:
    """Answer every question that a unit may be answered from memory, of all there is in the file."""
    for (name,) in tx.connection.execute("SELECT id FROM accounts").fetchall():
        yield f"account {name}", tx.account(accounts.parse(name))
        yield f"balance {name}", tx.balance(accounts.parse(name))
    for (name,) in tx.connection.execute("SELECT id FROM transfers").fetchall():
        yield f"transfer {name}", tx.transfer(name)
    payments = tx.connection.execute("SELECT claim_key, payer, request_digest FROM payments").fetchall()
    for key, payer, digest in payments:
        yield f"payment {key.hex()}", tx.payment(key)
        yield f"debts {payer.hex()}", tx.debts(payer)
        yield f"proven {payer.hex()}", tx.proven(payer)
        yield f"credit {payer.hex()}", tx.credit_units(f"0x{payer.hex()}")
        yield f"unresolved {digest.hex()}", tx.unresolved(payer, digest)
    for call, buyer, at_us in tx.connection.execute("SELECT id, buyer, at_us FROM calls").fetchall():
        yield f"day of {call}", tx.payer_day(buyer, day_of(at_us))
        yield f"lines of {call}", tx.lines_of(call)
        yield f"reports of {call}", tx.pending_lines(call)
