"""The life of a payment as a table. Code looks it up, tests walk it, the docs draw it.

A payment is a claim on one signed authorization. Unknown is a state: it is left
only by evidence.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a payment stands. The value is what is stored."""

    OPEN = "open"  # claimed, its call runs, nobody was asked to settle
    SPENDING = "spending"  # its call runs on the buyer's credit; the authorization is never sent
    SENDING = "sending"  # the intent names whom it asks; no answer is on disk
    SETTLED = "settled"  # money is ours, the call is not closed
    OWED = "owed"  # delivered; nobody is being asked to settle, and nothing moved
    COLLECTING = "collecting"  # delivered; the intent names whom it asks, no answer is on disk
    DOUBTFUL = "doubtful"  # delivered and asked for, and nothing proves how it ended
    UNKNOWN = "unknown"  # asked, and nothing proves how it ended
    RELEASED = "released"  # not charged; the same payload may enter again
    FAILED = "failed"  # proven not to have moved money
    DELIVERED = "delivered"  # paid and delivered
    DEFAULTED = "defaulted"  # delivered, and not paid: the payer's debt
    CREDITED = "credited"  # paid, not delivered, the buyer's credit
    SUSPENDED = "suspended"  # nothing can decide; waits for a person

    __hash__ = str.__hash__  # an enum's own hashes its name anew for each look into a table


class Fact(StrEnum):
    """What may happen to a payment."""

    ENTERED = "entered"
    SPENT = "spent"
    DEFERRED = "deferred"
    SENT = "sent"
    RENAMED = "renamed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    LOST = "lost"
    NOT_SENT = "not_sent"
    RELEASED = "released"
    RETURNED = "returned"
    REFUSED = "refused"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    UNDECIDABLE = "undecidable"
    REPAID = "repaid"

    __hash__ = str.__hash__  # an enum's own hashes its name anew for each look into a table


NEXT: Final[dict[tuple[State, Fact], State]] = {
    (State.OPEN, Fact.SENT): State.SENDING,
    (State.OPEN, Fact.DEFERRED): State.OWED,
    (State.OPEN, Fact.RELEASED): State.RELEASED,
    (State.OPEN, Fact.REFUSED): State.FAILED,
    (State.RELEASED, Fact.ENTERED): State.OPEN,
    # A payer with credit is served from it: the signature proves the wallet, and no more.
    (State.RELEASED, Fact.SPENT): State.SPENDING,
    (State.CREDITED, Fact.SPENT): State.SPENDING,
    (State.SPENDING, Fact.DELIVERED): State.DELIVERED,
    (State.SPENDING, Fact.RELEASED): State.RELEASED,
    (State.SPENDING, Fact.RETURNED): State.CREDITED,
    # Nothing left for the one it named, so another one is named: nobody has been asked yet.
    (State.SENDING, Fact.RENAMED): State.SENDING,
    (State.SENDING, Fact.CONFIRMED): State.SETTLED,
    (State.SENDING, Fact.REJECTED): State.FAILED,
    (State.SENDING, Fact.LOST): State.UNKNOWN,
    (State.SENDING, Fact.NOT_SENT): State.RELEASED,
    (State.SETTLED, Fact.DELIVERED): State.DELIVERED,
    (State.SETTLED, Fact.UNDELIVERED): State.CREDITED,
    (State.OWED, Fact.SENT): State.COLLECTING,
    (State.OWED, Fact.CONFIRMED): State.DELIVERED,
    (State.OWED, Fact.EXPIRED): State.DEFAULTED,
    (State.OWED, Fact.UNDECIDABLE): State.DEFAULTED,
    (State.COLLECTING, Fact.RENAMED): State.COLLECTING,
    (State.COLLECTING, Fact.CONFIRMED): State.DELIVERED,
    (State.COLLECTING, Fact.REJECTED): State.DEFAULTED,
    (State.COLLECTING, Fact.LOST): State.DOUBTFUL,
    (State.COLLECTING, Fact.NOT_SENT): State.OWED,
    (State.DOUBTFUL, Fact.CONFIRMED): State.DELIVERED,
    (State.DOUBTFUL, Fact.EXPIRED): State.DEFAULTED,
    (State.DOUBTFUL, Fact.UNDECIDABLE): State.DEFAULTED,
    # A debt ends when its money comes all the same, or out of what the payer has with us.
    (State.DEFAULTED, Fact.CONFIRMED): State.DELIVERED,
    (State.DEFAULTED, Fact.REPAID): State.DELIVERED,
    (State.UNKNOWN, Fact.CONFIRMED): State.CREDITED,
    (State.UNKNOWN, Fact.EXPIRED): State.FAILED,
    (State.UNKNOWN, Fact.UNDECIDABLE): State.SUSPENDED,
    # Not sent by us, or refused, and yet on chain: whoever broadcast it, the buyer has paid.
    (State.RELEASED, Fact.CONFIRMED): State.CREDITED,
    (State.FAILED, Fact.CONFIRMED): State.CREDITED,
    # Paid from credit, and then the authorization came all the same: more credit.
    (State.DELIVERED, Fact.CONFIRMED): State.DELIVERED,
}


class Proof(StrEnum):
    """What says that the money moved."""

    NONE = "none"
    WORD = "word"  # a facilitator's answer
    CHAIN = "chain"  # the exact Transfer, final
    DISPROVED = "disproved"  # a facilitator said so, and the chain says no

    __hash__ = str.__hash__  # an enum's own hashes its name anew for each look into a table


SERVED_FIRST: Final = frozenset({State.OWED, State.COLLECTING, State.DOUBTFUL, State.DEFAULTED})
"""Delivered, and not paid for yet."""


_SETTLEMENT: Final = {
    State.OWED: "pending",
    State.COLLECTING: "pending",
    State.DOUBTFUL: "unknown",
    State.UNKNOWN: "unknown",
    State.DEFAULTED: "failed",
    State.FAILED: "failed",
}


def settlement(state: State, proof: Proof) -> str:
    """Return the word reports use for how the money of a call stands once nobody waits for it."""
    return _SETTLEMENT.get(state, "none" if proof is Proof.NONE else "settled")


def after(state: State, fact: Fact) -> State:
    """Return the next state; a transition that is not in the table is a programmer's error."""
    following = NEXT.get((state, fact))
    assert following is not None, f"a payment that is {state} cannot be {fact}"
    return following
