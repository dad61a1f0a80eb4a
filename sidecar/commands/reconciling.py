"""What `reconcile` asks: the books for their tills and payments, and the chain for what moved there."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from ledger.queries import Reads
from sidecar.adapters.chain import RpcChain
from sidecar.adapters.storage.reading import fetch
from sidecar.adapters.transfers import RpcTransfers
from sidecar.finops import tills
from sidecar.finops.reconciled import BlockTimes, listed
from sidecar.finops.reconciliation import Reconciled, Seen, reconcile
from sidecar.finops.tills import Claim, Till
from sidecar.ports import Fault
from sidecar.settings import Network


async def ask_all(
    connection: Reads,
    networks: Mapping[str, Network],
    from_block: int | None,
    tell: Callable[[str], None],
) -> tuple[list[Reconciled], BlockTimes]:
    """Reconcile till after till; also return when the blocks were made that there is something to tell of.

    *tell* is told how far it is.

    Fault: a chain could not be asked, or none is configured.
    """
    found: list[Reconciled] = []
    times_s: dict[tuple[str, int], int] = {}
    for till, known in _read(connection):
        network = networks.get(till.network)
        if network is None:
            raise Fault(f"the config names no rpc for {till.network}, where the books hold payments")
        async with AsyncExitStack() as opened:
            chain, transfers = RpcChain(list(network.rpc)), RpcTransfers(network.rpc)
            opened.push_async_callback(chain.close)
            opened.push_async_callback(transfers.close)
            teller = Teller(connection, chain, transfers, network.confirmations, tell)
            each = await teller.reconcile(till, known, from_block)
            blocks = {finding.transfer.block for finding in listed(each) if finding.transfer}
            made = await transfers.times_s(blocks)
        times_s |= {(till.network, block): time_s for block, time_s in made.items()}
        found.append(each)
    return found, times_s


@dataclass(frozen=True, slots=True)
class Teller:
    """Asks one chain, and the books again."""

    connection: Reads
    chain: RpcChain
    transfers: RpcTransfers
    confirmations: int
    tell: Callable[[str], None]

    async def reconcile(self, till: Till, known: Sequence[Claim], from_block: int | None) -> Reconciled:
        """Hold what the books told of *till* against its final blocks."""
        last = max(0, (await self.chain.head()).number - self.confirmations)
        first = tills.first_block(till, last) if from_block is None else from_block
        first = min(first, last + 1)
        moved = await self.transfers.moved(
            till.asset,
            till.pay_to,
            from_block=first,
            to_block=last,
            passed=lambda block: self.tell(f"{till.network}: block {block} of {last}"),
        )
        seen = Seen(
            from_block=first,
            to_block=last,
            timestamp_s=(await self.transfers.times_s([last]))[last],
            balance=await self.transfers.balance(till.asset, till.pay_to, last),
            opening=await self._opening(till, first),
            transfers=moved,
        )
        # What was admitted while the chain was asked may be among what moved there.
        late = tills.newcomers(known, _claims(self.connection, till))
        suspects = tills.suspects(till, [*known, *late], moved)
        signed = [(claim.payer, claim.nonce) for claim in suspects]
        logs = await self.chain.transfers_of(till.asset, signed, from_block=first, to_block=last)
        found = {claim.key: logs.get((claim.payer, claim.nonce), ()) for claim in suspects}
        return reconcile(till, known, late, seen, found)

    async def _opening(self, till: Till, first: int) -> int | None:
        """Ask what the till held before the range; many nodes do not remember."""
        if first == 0:
            return 0
        try:
            return await self.transfers.balance(till.asset, till.pay_to, first - 1)
        except Fault:
            return None


def _read(connection: Reads) -> list[tuple[Till, list[Claim]]]:
    """Read all tills and their payments as of one moment."""
    connection.execute("BEGIN")
    found = [(till, _claims(connection, till)) for till in tills.tills(fetch(connection, "tills", {}))]
    connection.execute("ROLLBACK")
    return found


def _claims(connection: Reads, till: Till) -> list[Claim]:
    parameters = tills.claims_parameters(till.network, till.asset, till.pay_to)
    return tills.claims(fetch(connection, "claims", parameters))
