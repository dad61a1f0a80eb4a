"""Standing: what a payer's past lets it be served under, and what it still owes. Pure."""

from collections.abc import Sequence

from ledger.values import value
from sidecar.domain.call import Flow
from sidecar.domain.records import Payment


@value
class Standing:
    """A payer as it stands at an admission.

    `repaid` are the debts that its credit pays now, whole and oldest first; `owes`
    tells that others are left; `credit_nano` is what is left to spend.
    """

    repaid: tuple[Payment, ...]
    owes: bool
    credit_nano: int


def standing(debts: Sequence[Payment], credit_nano: int) -> Standing:
    """Return how a payer with these *debts*, oldest first, and this credit stands."""
    repaid = []
    for debt in debts:
        if debt.amount_nano > credit_nano:
            break
        repaid.append(debt)
        credit_nano -= debt.amount_nano
    return Standing(tuple(repaid), len(repaid) < len(debts), credit_nano)


def flow_for(sold_under: Flow, *, owes: bool, proven: bool, watched: bool) -> Flow:
    """Return the flow a payer is served under where calls are *sold_under* one.

    Who owes us for what was delivered pays first, everywhere. Only who has paid
    finally (*proven*) is served before it pays, and only where the chain can be
    asked what it has (*watched*).
    """
    if owes:
        return Flow.UPFRONT
    if sold_under is Flow.DEFERRED and not (proven and watched):
        return Flow.AUTHORIZATION
    return sold_under
