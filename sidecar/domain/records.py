"""What is stored about a payment and its call, and what a transaction must offer to keep it.

Values and a port; no SQL. A payment row holds what is needed to decide and to
ask again, not the payment document.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ledger.money import Amount, nano
from ledger.store import Tx
from ledger.values import value
from pricing.cost import CostLine
from sidecar.domain import chart
from sidecar.domain.costs import CostsTx
from sidecar.domain.days import PayerDay
from sidecar.domain.payments import Proof, State


class Payment(NamedTuple):
    """A claim on one signed authorization, as stored.

    `claim_key` is (chain id, asset, payer, nonce) as raw bytes. `amount` is in
    atomic units, `*_nano` in nano-USD. `from_block` is the newest block known
    when it was admitted that is not replaced any more: a transfer in it or
    before is not ours. `owner` names the process run that works on it. `on_credit`: its call is paid from the
    buyer's credit, so the price alone is held, and what was signed is never sent.
    `repaid_nano`: what the buyer's credit paid for it after it was delivered unpaid.

    A tuple, because each step of a call makes a copy: that of a frozen dataclass takes ten times as long.
    """

    claim_key: bytes
    payment_digest: bytes
    request_digest: bytes
    call: str
    state: State
    entries: int
    chain_id: int
    network: str
    asset: bytes
    asset_decimals: int
    payer: bytes
    pay_to: bytes
    amount: int
    valid_after: int
    valid_before: int
    nonce: bytes
    signature: bytes
    endpoint: str
    price_version: int
    price_nano: int
    amount_nano: int
    owner: str
    from_block: int
    admitted_us: int
    changed_us: int
    facilitator: str = ""
    transaction: str = ""
    reason: str = ""
    proof: Proof = Proof.NONE
    watched: bool = False
    on_credit: bool = False
    repaid_nano: int = 0

    @property
    def price(self) -> Amount:
        """Return the endpoint's price."""
        return nano(self.price_nano)

    @property
    def signed(self) -> Amount:
        """Return what the buyer signed for: the price rounded up to the asset's unit."""
        return nano(self.amount_nano)

    @property
    def buyer(self) -> str:
        """Return the payer as the books write it."""
        return chart.hexed(self.payer)


@value
class Authorized:
    """What a payer signed on one network: what is open of it, and all of it since the books began."""

    open: Amount
    ever: Amount


@value
class CallRow:
    """A call as stored when it is admitted. Times in microseconds, money in nano-USD."""

    id: str
    at_us: int
    endpoint: str
    method: str
    target: str
    buyer: str
    network: str
    price_nano: int
    held_nano: int
    price_version: int
    owner: str
    run: str = ""
    session: str = ""
    workflow: str = ""
    agent: str = ""
    workspace: str = ""


@value
class Closing:
    """What the last commit writes about a call. `outcome` is served, failed or refused:<code>."""

    outcome: str
    status: int
    latency_us: int
    lines: tuple[CostLine, ...] = ()


@value
class Money:
    """What became of a call's money: earned, or the buyer's credit.

    `settlement`: how it stands; None leaves that as it is.
    """

    captured_nano: int = 0
    credited_nano: int = 0
    settlement: str | None = None


class RecordsTx(CostsTx, Tx, Protocol):
    """A ledger transaction that also keeps payments and calls. All of it commits or none of it.

    Rows of `receipts` are never changed or removed.
    """

    def payment(self, claim_key: bytes) -> Payment | None:
        """Return the payment claimed under *claim_key*."""
        ...

    def claim(self, payment: Payment) -> bool:
        """Store a new payment; False, and nothing written, if its claim key was used before."""
        ...

    def change(self, payment: Payment, **changes: object) -> Payment:
        """Store *changes* to fields of *payment*, which is as it is stored; return it as it is then."""
        ...

    def unresolved(self, payer: bytes, request_digest: bytes) -> Payment | None:
        """Return a payment of this payer for the same request whose settlement is unknown."""
        ...

    def identified(self, payer: bytes, identifier: str) -> Payment | None:
        """Return the payment of the purchase that *payer* calls by this name."""
        ...

    def identify(self, payment: Payment, identifier: str, *, instead: Payment | None) -> bool:
        """Let the payer's *identifier* stand for the purchase of *payment*, which is stored.

        False, and nothing written, if it stands for another payment than *instead*.
        """
        ...

    def forget_identifiers(self, before_us: int, limit: int) -> None:
        """Remove up to *limit* names given before then, oldest first, of purchases that have ended."""
        ...

    def debts(self, payer: bytes) -> list[Payment]:
        """Return what was delivered to this payer and not paid, oldest first."""
        ...

    def proven(self, payer: bytes) -> bool:
        """Tell whether a payment of this payer is final on chain."""
        ...

    def owed(self, limit: int, networks: Sequence[str], after_s: int) -> list[Payment]:
        """Return payments on *networks* to be collected that are good after *after_s*, ending first first."""
        ...

    def doubtful(self, limit: int) -> list[Payment]:
        """Return payments that were delivered and whose settlement is unknown, asked for first, first."""
        ...

    def overdue(self, limit: int, now_s: int) -> list[Payment]:
        """Return payments that were not collected and, by our clock, are not good any more."""
        ...

    def credit_units(self, buyer: str) -> int:
        """Return what the buyer may spend of its credit now, nano-USD."""
        ...

    def transaction_taken(self, network: str, transaction: str, claim_key: bytes) -> bool:
        """Tell whether another payment names this transaction as its own."""
        ...

    def add_receipt(
        self, network: str, transaction: str, log_index: int, claim_key: bytes, amount: int
    ) -> bool:
        """Record one Transfer log as this payment's; False if the log paid for another one."""
        ...

    def open_call(self, call: CallRow) -> None:
        """Store a call that has been admitted; its price counts as spent on its buyer's day."""
        ...

    def uncount_call(self, call: str, uncharged_nano: int) -> None:
        """Take the call's price off its buyer's day, once: it ended uncharged, and this is what it cost."""
        ...

    def add_uncharged(self, call: str, cost_nano: int) -> None:
        """Add to what an uncharged call cost on its buyer's day: a report came late. May be negative."""
        ...

    def payer_day(self, buyer: str, day: int) -> PayerDay:
        """Return the sums over the buyer's calls of a day, counted in days since the epoch."""
        ...

    def note_settlement(self, call: str, settlement: str, transaction: str, settle_us: int | None) -> None:
        """Note on the call how its settlement stands; `settle_us` None leaves the time as it is."""
        ...

    def note_money(self, call: str, money: Money) -> None:
        """Note on the call what became of its money."""
        ...

    def close_call(self, call: str, closing: Closing, money: Money | None) -> bool:
        """Close the call, and note what became of its *money*; False, and no change, if it was closed."""
        ...

    def price_version(self, endpoint: str, terms: str, since_us: int) -> int:
        """Return the number of these terms, making them the endpoint's newest version if they are not."""
        ...

    def replaced_terms(self, endpoint: str, after_us: int, limit: int) -> list[tuple[int, str, int]]:
        """Return (version, terms, when it was replaced) of terms replaced after *after_us*, newest first."""
        ...

    def orphans(self, owner: str) -> list[Payment]:
        """Return payments whose call another run than *owner* left open, settled or being asked for."""
        ...

    def orphan_calls(self, owner: str) -> list[tuple[str, str]]:
        """Return (call, endpoint) of calls that another run than *owner* did not close."""
        ...

    def unknown(self, limit: int) -> list[Payment]:
        """Return payments whose settlement is unknown, delivered or not, oldest first."""
        ...

    def unseen(self, limit: int, networks: Sequence[str]) -> list[Payment]:
        """Return payments settled by word on *networks* and not yet seen on chain, oldest first."""
        ...

    def watched(self, limit: int, networks: Sequence[str]) -> list[Payment]:
        """Return payments on *networks* that nothing was paid for but might still arrive on chain."""
        ...

    def authorized(self, network: str, payer: str) -> Authorized:
        """Return the payer's authorizations on the network."""
        ...
