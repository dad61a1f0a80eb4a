"""Weighing: asks a network once about many payments, and commits together what that proves.

A payment that the node, or the books, trip over costs no other one: what fails for
many is done again for fewer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

from sidecar.commits import in_units, together
from sidecar.domain import fees
from sidecar.domain.events import NeedsAttention, PaymentSeen, PaymentSettled
from sidecar.domain.evidence import Arrived, Dead, Heads, Undecidable, Wait, weigh
from sidecar.domain.payments import SERVED_FIRST, Proof, State
from sidecar.domain.records import Payment
from sidecar.domain.resolving import Proven, proven_unit
from sidecar.domain.transfers import TransferLog
from sidecar.ports import Chain, Fault, NothingSent, PayerNonce, TimedOut
from sidecar.services import Services

ASKED_MAX: Final = 100
"""About how many payments a network is asked at once."""
SILENT_MAX: Final = 16
"""After so many questions that nobody answered no more are asked of a node in a round. To find the one of a
hundred payments that is to blame takes half as many."""
SEARCH_BLOCKS_MAX: Final = 100_000
"""How far back to look when no block was known at admission."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One network that can be asked: the chain, and the blocks seen of it."""

    chain: Chain
    heads: Heads


_Block = tuple[int, int]
"""The newest final block: its number and its time."""


class _Silent(Exception):
    """Nobody answers; the text is the last fault's."""


@dataclass(slots=True)
class _Found:
    """What the chain says of a payment. `untaken`: its Transfers that have not paid for another one."""

    payment: Payment
    untaken: list[TransferLog]
    nonce_used: bool
    taken: bool = False


class Weighing:
    """One per process; everything it does may be done twice."""

    def __init__(self, services: Services, watched: Mapping[str, Watched]) -> None:
        self._s = services
        self._watched = watched
        self._waits: dict[str, tuple[int, dict[bytes, int]]] = {}

    async def weigh(self, payments: Sequence[Payment]) -> int:
        """Weigh *payments*, all on networks that are watched; return of how many something was proven.

        What waits is asked about once for each final block.
        """
        proven = 0
        for (network, asset), alike in groupby(sorted(payments, key=_place), key=_till):
            watched = self._watched[network]
            final = block, _ = watched.heads.final
            waits = self._waits_for(network, block)
            due = [
                each
                for each in alike
                if _start(each, block) <= block and waits.get(each.claim_key) != each.changed_us
            ]
            try:
                for start in range(0, len(due), ASKED_MAX):
                    found = await self._ask(watched.chain, asset, due[start : start + ASKED_MAX], final)
                    proven += await self._conclude(found, final)
            except _Silent as silent:
                self._s.observer.saw(NeedsAttention("chain_unreachable", str(silent)))
        return proven

    def _waits_for(self, network: str, block: int) -> dict[bytes, int]:
        """Return what waits for the block after *block*, by claim key, and when it had changed."""
        looked_at, waits = self._waits.get(network, (block, {}))
        if looked_at != block:
            waits = {}
        self._waits[network] = block, waits
        return waits

    async def _ask(
        self, chain: Chain, asset: bytes, payments: Sequence[Payment], final: _Block
    ) -> list[_Found]:
        """Ask about all of *payments* at once, in halves where that fails; leave out what cannot be told.

        _Silent: so many questions were not answered at all that no other will be.
        """
        found: list[_Found] = []
        to_ask, silent = [payments], 0
        while to_ask:
            some = to_ask.pop()
            try:
                found += await _evidence(chain, asset, some, final)
            except Fault as fault:
                silent += isinstance(fault, NothingSent | TimedOut)
                if silent == SILENT_MAX:
                    raise _Silent(str(fault)) from fault
                if len(some) == 1:
                    self._attention("chain_unreachable", str(fault), some[0])
                else:
                    half = len(some) // 2
                    to_ask += [some[half:], some[:half]]
        return found

    async def _conclude(self, found: Sequence[_Found], final: _Block) -> int:
        """Commit what is proven. A transaction may hold several Transfers, each for a payment of its own."""
        moved = 0
        while found:
            proven = [done for each in found if (done := self._judge(each, final))]
            again: list[_Found] = []
            for some in in_units(proven):
                for (each, verdict), now in await together(self._commit, some, self._tripped):
                    if now is not None:
                        moved += now != each.payment
                        self._tell(each.payment, verdict, now)
                    elif isinstance(verdict, Arrived):
                        each.untaken.remove(verdict.log)
                        each.taken = True
                        again.append(each)
            found = again
        return moved

    def _judge(self, found: _Found, final: _Block) -> "_Judged | None":
        """Return what is proven, or None: then it waits for the next final block."""
        payment, (block, timestamp_s) = found.payment, final
        verdict = weigh(payment, found.untaken, nonce_used=found.nonce_used, final_timestamp_s=timestamp_s)
        if found.taken and not isinstance(verdict, Arrived):
            self._attention("transfer_taken", "its transfer has paid for another payment", payment)
        if isinstance(verdict, Wait):
            self._waits_for(payment.network, block)[payment.claim_key] = payment.changed_us
            return None
        return found, verdict

    async def _commit(self, judged: "Sequence[_Judged]") -> list[Payment | None]:
        proven = [
            Proven(
                each.payment.claim_key, verdict, fees.of_settlement(self._s.fees, each.payment.facilitator)
            )
            for each, verdict in judged
        ]
        return await self._s.commits.once(partial(proven_unit, proven=proven, now_us=self._s.clock.now_us()))

    def _tripped(self, defect: Exception, judged: "Sequence[_Judged]") -> None:
        call = judged[0][0].payment.call if len(judged) == 1 else ""
        self._s.observer.saw(NeedsAttention("recovery_failed", type(defect).__name__, call))

    def _tell(self, before: Payment, verdict: Arrived | Dead | Undecidable, now: Payment) -> None:
        match verdict:
            case Arrived(log=log):
                self._s.observer.saw(PaymentSeen(before.call, before.network, log.transaction))
                if before.state is State.UNKNOWN or before.state in SERVED_FIRST:
                    self._settled(before, "settled", log.transaction)
            case Undecidable():
                self._attention(
                    "settlement_undecidable", "no evidence can be had: a person must decide", before
                )
            case Dead() if before.state is State.UNKNOWN:
                self._settled(before, "failed", "")
            case Dead() if now.state is State.DEFAULTED and before.state is not State.DEFAULTED:
                self._settled(before, "failed", "")
                self._attention(
                    "payment_defaulted", "delivered, and its authorization is dead and unused", before
                )
            case Dead() if before.proof is Proof.WORD:
                self._attention("settlement_disproved", "reported settled, and not on chain", before)

    def _settled(self, payment: Payment, result: str, transaction: str) -> None:
        event = PaymentSettled(payment.call, payment.network, result, "chain", transaction=transaction)
        self._s.observer.saw(event)

    def _attention(self, code: str, detail: str, payment: Payment) -> None:
        self._s.observer.saw(NeedsAttention(code, detail, payment.call))


_Judged = tuple[_Found, Arrived | Dead | Undecidable]


async def _evidence(chain: Chain, asset: bytes, payments: Sequence[Payment], final: _Block) -> list[_Found]:
    """Ask what became of *payments* up to the final block, once about all of them."""
    block, timestamp_s = final
    first = min(_start(each, block) for each in payments)
    signed = [_signed(each) for each in payments]
    logs = await chain.transfers_of(asset, signed, from_block=first, to_block=block)
    found = [_Found(each, untaken := _since(each, logs, block), bool(untaken)) for each in payments]
    dying = [each for each in found if timestamp_s > each.payment.valid_before and not each.nonce_used]
    if dying:
        used = await chain.nonces_used(asset, [_signed(each.payment) for each in dying], block)
        for each in dying:
            each.nonce_used = _signed(each.payment) in used
    return found


def _start(payment: Payment, block: int) -> int:
    """Return the first block where *payment* may have been paid; what happened before is not its own."""
    return max(payment.from_block + 1, block - SEARCH_BLOCKS_MAX)


def _since(
    payment: Payment, logs: Mapping[PayerNonce, Sequence[TransferLog]], block: int
) -> list[TransferLog]:
    """Return those of its *logs* that may be its own."""
    first = _start(payment, block)
    return [log for log in logs.get(_signed(payment), ()) if log.block >= first]


def _signed(payment: Payment) -> PayerNonce:
    return payment.payer, payment.nonce


def _till(payment: Payment) -> tuple[str, bytes]:
    return payment.network, payment.asset


def _place(payment: Payment) -> tuple[str, bytes, int]:
    """Sort so that those are asked about together that may have been paid in the same blocks."""
    return payment.network, payment.asset, payment.from_block
