"""What `reconcile` asks the books and the chain, where they move under it or do not answer."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import cast

import pytest

from sidecar.adapters.chain import RpcChain
from sidecar.adapters.storage.reading import open_read_only
from sidecar.adapters.transfers import RpcTransfers
from sidecar.commands.reconciling import Teller, ask_all
from sidecar.domain.transfers import TransferLog
from sidecar.finops.reconciliation import Kind, Reconciled
from sidecar.finops.tills import Till
from sidecar.ports import Fault, Head, PayerNonce
from sidecar.settings import Network
from tests.sidecar.shop import Sale, Shop

NETWORK = "eip155:84532"
ASSET, PAY_TO, PAYER = bytes([3]) * 20, bytes([0xCC]) * 20, bytes([0xAA]) * 20
TILL = Till(NETWORK, ASSET, PAY_TO, 6, booked=0, first_block=7, unplaced=0)


def arrival(number: int, block: int = 20) -> TransferLog:
    return TransferLog(f"0x{number:064x}", 0, block, PAYER, PAY_TO, 50_000)


@dataclass
class ToldChain:
    """A chain that tells what it is told to; `meanwhile` happens while it is asked."""

    logs: list[TransferLog] = field(default_factory=list)
    head_block: int = 100
    remembers: bool = True
    asked: list[tuple[int, int]] = field(default_factory=list)
    nonces: dict[bytes, TransferLog] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    async def head(self) -> Head:
        return Head(self.head_block, 1_000)

    async def moved(
        self,
        asset: bytes,
        owner: bytes,
        *,
        from_block: int,
        to_block: int,
        passed: Callable[[int], object],
    ) -> tuple[TransferLog, ...]:
        assert (asset, owner) == (ASSET, PAY_TO)
        self.asked.append((from_block, to_block))
        passed(to_block)
        return tuple(log for log in self.logs if from_block <= log.block <= to_block)

    async def balance(self, asset: bytes, owner: bytes, block: int) -> int:
        if block < self.head_block - 10 and not self.remembers:
            raise Fault("pruned")
        return sum(log.value for log in self.logs if log.block <= block)

    async def times_s(self, blocks: list[int]) -> Mapping[int, int]:
        return {block: 1_000 + block for block in blocks}

    async def transfers_of(
        self, asset: bytes, signed: Sequence[PayerNonce], *, from_block: int, to_block: int
    ) -> dict[PayerNonce, tuple[TransferLog, ...]]:
        return {each: (self.nonces[each[1]],) for each in signed if each[1] in self.nonces}


@pytest.fixture
def connection(shop: Shop) -> Iterator[sqlite3.Connection]:
    with closing(open_read_only(shop.path)) as connection:
        yield connection


async def told(
    connection: sqlite3.Connection, chain: ToldChain, *, till: Till = TILL, from_block: int | None = None
) -> Reconciled:
    """Reconcile books that knew of nothing when they were first read."""
    teller = Teller(connection, cast("RpcChain", chain), cast("RpcTransfers", chain), 2, chain.told.append)
    return await teller.reconcile(till, [], from_block)


async def test_only_final_blocks_are_asked_about(connection: sqlite3.Connection) -> None:
    """From after the oldest payment, or from where one says, to the newest block with its confirmations."""
    chain = ToldChain([arrival(1, block=97), arrival(2, block=98), arrival(3, block=99)])
    found = await told(connection, chain)
    assert len(found.of(Kind.UNAPPLIED)) == 2
    assert (await told(connection, chain, from_block=98)).opening == 50_000
    assert chain.asked == [(8, 98), (98, 98)]
    assert found.explained


async def test_a_range_that_has_not_begun_is_empty(connection: sqlite3.Connection) -> None:
    """A payment may be admitted after the newest final block; the till had its balance before."""
    chain = ToldChain([arrival(1, block=4)], head_block=7)
    found = await told(connection, chain)
    assert (found.findings, found.opening, found.explained) == ((), 50_000, True)
    assert chain.asked == [(6, 5)]


async def test_a_node_that_forgets_is_good_enough(connection: sqlite3.Connection) -> None:
    """Without the old balance it is reckoned back from the new one."""
    chain = ToldChain([arrival(1, block=4), arrival(2)], remembers=False)
    found = await told(connection, chain)
    assert (found.opening, found.seen.opening, found.explained) == (50_000, None, True)


async def test_what_is_admitted_meanwhile_is_not_unapplied(
    shop: Shop, connection: sqlite3.Connection
) -> None:
    """Books that are written to while the chain is asked are read again before a Transfer is nobody's."""
    await shop.lose(Sale(1))
    await shop.fail(Sale(2))
    chain = ToldChain([arrival(1), arrival(2)])
    chain.nonces = {number.to_bytes(32, "big"): arrival(number) for number in (1, 2)}
    found = await told(connection, chain)
    assert [each.claim.call for each in found.of(Kind.REPORTED) if each.claim] == [Sale(1).call, Sale(2).call]
    assert found.explained


async def test_a_network_without_a_chain_cannot_be_reconciled(
    shop: Shop, connection: sqlite3.Connection
) -> None:
    """The sentence names the network."""
    assert await ask_all(connection, {}, None, print) == ([], {})
    await shop.serve(Sale(1))
    with pytest.raises(Fault, match="no rpc for eip155:84532"):
        await ask_all(connection, {}, None, print)
    with pytest.raises(Fault, match="rpc"):
        await ask_all(connection, {NETWORK: Network(("http://127.0.0.1:1",))}, None, print)
