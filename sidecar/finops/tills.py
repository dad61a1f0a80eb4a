"""Tills: where money comes in, and the payments to it, as the books tell. Pure; knows no SQL and no chain.

All units are the token's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidecar.domain.payments import Proof, State
from sidecar.domain.transfers import TransferLog

SEARCH_BLOCKS: Final = 100_000
"""How far back to look for payments that do not tell when they began."""

WAITED_FOR: Final = frozenset({State.OWED, State.COLLECTING, State.DOUBTFUL})
"""Delivered, and its money is to come."""

Place = tuple[str, int]
"""A transaction and the number of a log in its block."""


@dataclass(frozen=True, slots=True)
class Till:
    """One recipient of one token. `booked` is what the books hold there as final on chain."""

    network: str
    asset: bytes
    pay_to: bytes
    decimals: int
    booked: int
    first_block: int | None  # the oldest block that a payment was admitted after
    unplaced: int  # how many were admitted while no block was known


@dataclass(frozen=True, slots=True)
class Claim:
    """One payment to a till, as the books tell it. `booked_at` is the Transfer that was booked for it."""

    key: bytes
    call: str
    state: State
    proof: Proof
    watched: bool
    payer: bytes
    amount: int
    nonce: bytes
    transaction: str
    from_block: int
    valid_before: int
    admitted_us: int
    booked_at: Place | None

    @property
    def looked_for(self) -> bool:
        """Tell whether the sidecar still looks for its Transfer, and will book it."""
        waits = self.state in {State.OPEN, State.SENDING, State.SETTLED, State.UNKNOWN} | WAITED_FOR
        return waits or self.watched or self.proof is Proof.WORD


def place_of(transfer: TransferLog) -> Place:
    """Return where a Transfer stands."""
    return transfer.transaction, transfer.log_index


def incoming(till: Till, transfers: Iterable[TransferLog]) -> list[TransferLog]:
    """Return what came from others."""
    return [each for each in transfers if each.pay_to == till.pay_to != each.payer]


def first_block(till: Till, to_block: int) -> int:
    """Return where to begin if nobody says: after the block that the oldest payment was admitted after.

    One that was admitted while no block was known may be older than all that tell.
    """
    if till.first_block is None:
        return max(0, to_block - SEARCH_BLOCKS)
    first = till.first_block + 1
    return max(0, first - SEARCH_BLOCKS) if till.unplaced else first


def tills(rows: Iterable[Mapping[str, Any]]) -> list[Till]:
    """Read the rows of the query `tills`."""
    return [Till(**row) for row in rows]


def claims_parameters(network: str, asset: bytes, pay_to: bytes) -> dict[str, object]:
    """Return the parameters of the query `claims` for one till."""
    return {"network": network, "asset": asset, "pay_to": pay_to}


def claims(rows: Iterable[Mapping[str, Any]]) -> list[Claim]:
    """Read the rows of the query `claims`."""
    return [
        Claim(
            key=row["claim_key"],
            call=row["call_id"],
            state=State(row["state"]),
            proof=Proof(row["proof"]),
            watched=bool(row["watched"]),
            payer=row["payer"],
            amount=row["amount"],
            nonce=row["nonce"],
            transaction=row["transaction_hash"],
            from_block=row["from_block"],
            valid_before=row["valid_before"],
            admitted_us=row["admitted_us"],
            booked_at=None if row["seen_in"] is None else (row["seen_in"], row["log_index"]),
        )
        for row in rows
    ]


def newcomers(before: Sequence[Claim], after: Sequence[Claim]) -> list[Claim]:
    """Return the payments that were admitted between two readings of the books."""
    known = {claim.key for claim in before}
    return [claim for claim in after if claim.key not in known]


def suspects(till: Till, known: Sequence[Claim], transfers: Sequence[TransferLog]) -> list[Claim]:
    """Return the payments that a Transfer nobody booked may belong to: whose nonce the chain must be asked.

    Payer and amount must agree; whether it is this authorization's Transfer only its nonce can tell.
    """
    booked = {claim.booked_at for claim in known}
    untaken = {(each.payer, each.value) for each in incoming(till, transfers) if place_of(each) not in booked}
    return [claim for claim in known if claim.booked_at is None and (claim.payer, claim.amount) in untaken]
