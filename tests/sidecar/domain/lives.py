"""Lives: a naive reading of what should become of a payment, to be held against a real book."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sidecar.domain.call import Endpoint
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, Unknown
from sidecar.domain.payments import Proof, State
from sidecar.domain.refusals import Code
from tests.sidecar.builders import a_transaction, verified

ANSWERS: Final = ("paid", "lie", "failed", "not_sent", "lost", "hint")
REFUSED: Final = {
    State.OPEN: Code.CALL_IN_PROGRESS,
    State.SENDING: Code.CALL_IN_PROGRESS,
    State.SETTLED: Code.CALL_IN_PROGRESS,
    State.UNKNOWN: Code.SETTLEMENT_UNKNOWN,
    State.SUSPENDED: Code.SETTLEMENT_UNKNOWN,
    State.FAILED: Code.SETTLEMENT_FAILED,
    State.RELEASED: Code.PAYMENT_REUSED,
    State.DELIVERED: Code.PAYMENT_REUSED,
    State.CREDITED: Code.PAYMENT_REUSED,
}
RESTS: Final = {
    State.OPEN: State.RELEASED,
    State.SENDING: State.UNKNOWN,
    State.SETTLED: State.CREDITED,
}
"""What becomes of a payment whose call nobody runs any more."""
WAITING: Final = (State.UNKNOWN, State.SETTLED, State.DELIVERED, State.FAILED, State.RELEASED)
"""Where the chain is asked."""


@dataclass
class Life:
    """What is expected of one payment. `chain` is what the chain says, once it has said it."""

    nonce: int
    endpoint: Endpoint
    wallet: Any
    state: State | None = None
    proof: Proof = Proof.NONE
    transaction: str = ""
    call: str = ""
    entries: int = 0
    chain: str = ""
    abandoned: bool = False

    @cached_property
    def key(self) -> bytes:
        return verified(self.endpoint, nonce=self.nonce, wallet=self.wallet).evidence.claim_key

    @property
    def own_transaction(self) -> str:
        return a_transaction(10 + self.nonce)

    def places(self) -> dict[str, int]:
        """Return the balances that this payment alone explains."""
        price, offer = self.endpoint.price.units, self.endpoint.offers[0]
        signed, atomic = offer.amount.units, offer.requirements.amount
        found: Counter[str] = Counter()
        match self.state:
            case State.OPEN | State.SENDING | State.UNKNOWN:
                found += Counter(authorized=signed, deposit=signed, held=signed)
            case State.SETTLED | State.SUSPENDED:
                found += Counter(deposit=signed, held=signed)
            case State.CREDITED:
                found += Counter(buyer=signed)
            case State.DELIVERED:
                found += Counter(revenue=price, rounding=signed - price)
        match self.proof:
            case Proof.WORD:
                found += Counter(reported=signed)
            case Proof.CHAIN:
                found += Counter(onchain=signed, token=atomic, fx=atomic)
            case Proof.DISPROVED:
                found += Counter(suspense=signed)
        if self.state is State.SUSPENDED:
            found += Counter(suspense=signed)
        return found


def on_chain(life: Life) -> bool:
    return life.proof is Proof.CHAIN


def an_outcome(what: str, transaction: str) -> Outcome:
    """Build one of ANSWERS."""
    match what:
        case "paid" | "lie":
            return Paid(transaction)
        case "failed":
            return Failed("insufficient_funds")
        case "not_sent":
            return NotSent()
        case "hint":
            return Unknown("facilitator_did_not_settle", transaction)
    return Unknown("answer_lost")
