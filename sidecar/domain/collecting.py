"""Collecting: asks for the money of calls that were delivered before, many at once. Units of work, no I/O.

Whom each is asked of is one commit, and what came of all of them another one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.money import Amount
from pricing.cost import CostLine
from sidecar.domain.outcomes import Outcome
from sidecar.domain.payments import State
from sidecar.domain.records import Payment, RecordsTx
from sidecar.domain.settling import Recorded, result_unit, send, stored

NEAR_S: Final = 90
"""An authorization that ends so soon, in seconds, is asked for at once: a settlement has 60 s."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of asking for one payment, and what is owed for it to who settled."""

    claim_key: bytes
    outcome: Outcome
    fee: CostLine | None
    settle_us: int


def pressing(payment: Payment, opened: Amount, exposure: Amount, now_s: int) -> bool:
    """Tell whether *payment* should be asked for at once.

    Its authorization ends soon, or its payer has half of its *exposure* open: one
    that pays must not be refused because we are slow to ask.
    """
    return trusted_s(payment, now_s) < 0 or 2 * opened.units >= exposure.units


def trusted_s(payment: Payment, now_s: int) -> int:
    """Return how many seconds *payment* may still wait to be asked for; negative if it should not."""
    return payment.valid_before - NEAR_S - now_s


def naming_unit(tx: RecordsTx, named: Mapping[bytes, str], owner: str, now_us: int) -> list[Payment]:
    """Name, by claim key, whom we are about to ask for each; return those that are still to be asked for.

    *owner* is the run that asks: should it end, the next one leaves them to evidence.
    """
    payments = (stored(tx, claim_key) for claim_key in named)
    return [
        send(tx, payment, named[payment.claim_key], now_us, owner)
        for payment in payments
        if payment.state is State.OWED
    ]


def answers_unit(tx: RecordsTx, answers: Sequence[Answered], now_us: int) -> list[Recorded]:
    """Record what came of asking for each."""
    return [
        result_unit(tx, each.claim_key, each.outcome, each.fee, each.settle_us, now_us) for each in answers
    ]
