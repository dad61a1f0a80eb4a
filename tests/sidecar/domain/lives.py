"""Lives: a naive reading of what should become of a payment, to be held against a real book."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sidecar.domain.call import Endpoint
from sidecar.domain.closing import Ending
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, Unknown
from sidecar.domain.payments import Proof, State
from sidecar.domain.refusals import Code
from tests.sidecar.builders import a_transaction, verified

ANSWERS: Final = ("paid", "lie", "failed", "not_sent", "lost", "hint")
REFUSED: Final = {
    State.OPEN: Code.CALL_IN_PROGRESS,
    State.SPENDING: Code.CALL_IN_PROGRESS,
    State.SENDING: Code.CALL_IN_PROGRESS,
    State.SETTLED: Code.CALL_IN_PROGRESS,
    State.UNKNOWN: Code.SETTLEMENT_UNKNOWN,
    State.SUSPENDED: Code.SETTLEMENT_UNKNOWN,
    State.FAILED: Code.SETTLEMENT_FAILED,
    State.DEFAULTED: Code.SETTLEMENT_FAILED,
    State.RELEASED: Code.PAYMENT_REUSED,
    State.CREDITED: Code.PAYMENT_REUSED,
}
RUNNING: Final = {State.OPEN, State.SPENDING, State.SENDING, State.SETTLED}
"""Where a payment stands while its call runs."""
ENDINGS: Final[dict[State | None, set[Ending]]] = {
    State.OPEN: {Ending.OWED, Ending.UNDELIVERED},
    State.SPENDING: {Ending.DELIVERED, Ending.UNDELIVERED},
    State.SENDING: set(),
    State.SETTLED: {Ending.DELIVERED, Ending.UNDELIVERED},
}
"""How a call that runs may end by its own last commit."""
ASKED: Final = (State.SENDING, State.COLLECTING)
BOUGHT: Final = {State.DELIVERED, State.OWED, State.COLLECTING, State.DOUBTFUL}
"""Where a payment stands that has its answer, and is given it again."""
WAITING: Final = (
    State.UNKNOWN, State.SETTLED, State.DELIVERED, State.FAILED, State.RELEASED, State.OWED, State.DOUBTFUL,
    State.DEFAULTED,
)  # fmt: skip
"""Where the chain is asked."""


@dataclass
class Life:
    """What is expected of one payment. `chain` is what the chain says, once it has said it.

    `asked`: a facilitator was. `on_credit`: its call is paid from what the buyer has with us.
    `repaid`: it was delivered first, and then paid from that.
    """

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
    asked: bool = False
    on_credit: bool = False
    repaid: bool = False

    @property
    def price(self) -> int:
        return self.endpoint.price.units

    @property
    def signed(self) -> int:
        return self.endpoint.offers[0].amount.units

    @property
    def put_to_rest(self) -> State | None:
        """Return what becomes of it when nobody runs its call any more."""
        match self.state:
            case State.OPEN:
                return State.RELEASED
            case State.SPENDING:
                return State.RELEASED if self.proof is Proof.NONE else State.CREDITED
            case State.SENDING:
                return State.UNKNOWN
            case State.SETTLED:
                return State.CREDITED
            case State.COLLECTING:
                return State.DOUBTFUL
        return self.state

    @cached_property
    def key(self) -> bytes:
        return verified(self.endpoint, nonce=self.nonce, wallet=self.wallet).evidence.claim_key

    @property
    def own_transaction(self) -> str:
        return a_transaction(10 + self.nonce)

    def places(self) -> dict[str, int]:
        """Return the balances that this payment alone explains; credit is nobody's but the buyer's."""
        price, signed = self.price, self.signed
        atomic = self.endpoint.offers[0].requirements.amount
        found: Counter[str] = Counter()
        match self.state:
            case State.OPEN | State.SENDING | State.UNKNOWN:
                found += Counter(authorized=signed, deposit=signed, held=signed)
            case State.SETTLED | State.SUSPENDED:
                found += Counter(deposit=signed, held=signed)
            case State.SPENDING:
                found += Counter(held=price)
            case State.DELIVERED if self.on_credit:
                found += Counter(revenue=price)
            case State.DELIVERED:
                found += Counter(revenue=price, rounding=signed - price)
            case State.OWED | State.COLLECTING | State.DOUBTFUL:
                found += Counter(authorized=signed, revenue=price, rounding=signed - price)
            case State.DEFAULTED:
                found += Counter(bad_debt=signed, revenue=price, rounding=signed - price)
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
