"""What a call is to the decisions: the endpoint's terms, the offers made, and evidence step by step.

Values only. Each step of the paid path takes the value the step before
returned, so a raw payment cannot reach the ledger.
"""

from enum import StrEnum
from fractions import Fraction

from ledger.money import USD, Amount
from ledger.values import value
from sidecar.domain.choosing import Kind
from sidecar.domain.pacing import Rate
from sidecar.domain.records import Authorized, Payment
from sidecar.domain.success import ANY_2XX, Rule
from sidecar.x402.documents import ExactPayment, Requirements
from sidecar.x402.exact import LocallyValid
from sidecar.x402.identifier import Demand

NANO_DECIMALS = 9
_NOTHING = Amount(0, USD)


class Flow(StrEnum):
    """When the money is asked for. The values are the config's words."""

    AUTHORIZATION = "authorization"
    UPFRONT = "upfront"
    DEFERRED = "deferred"


@value
class Offer:
    """One way to pay for an endpoint: the wire's requirements beside what the books need of them.

    `amount` is what the buyer signs, in nano-USD: the price rounded up to the
    asset's atomic unit. `requirements.amount` is the same in atomic units.
    """

    requirements: Requirements
    chain_id: int
    network: str
    asset: bytes
    asset_decimals: int
    pay_to: bytes
    amount: Amount

    @property
    def kind(self) -> Kind:
        """Return what a facilitator must settle to be asked for it."""
        return self.requirements.scheme, self.network

    def atomic(self, amount: Amount) -> int:
        """Return *amount* in the asset's atomic units, rounded up: funds must cover all of it."""
        unit = int(10 ** (NANO_DECIMALS - self.asset_decimals))
        return -(-amount.units // unit)


@value
class Endpoint:
    """A priced route as decisions see it. `timeout_s` bounds the time to the agent's headers.

    `margin_floor` is the share of the price that a call must be expected to earn; `fees`
    are what selling it costs, as far as that is known before.
    """

    name: str
    price: Amount
    price_version: int
    offers: tuple[Offer, ...]
    timeout_s: int
    agent: str = ""
    workflow: str = ""
    workspace: str = ""
    allow: frozenset[bytes] | None = None
    deny: frozenset[bytes] = frozenset()
    tariff: Amount | None = None
    rate_limit: Rate | None = None
    flow: Flow = Flow.AUTHORIZATION
    margin_floor: Fraction | None = None
    fees: Amount = _NOTHING
    identifier: Demand = Demand.OPTIONAL
    success: Rule = ANY_2XX


@value
class CallContext:
    """Who asks for what. `request_digest` binds method, canonical target and body (SHA-256, 32 bytes)."""

    call: str
    at_us: int
    endpoint: Endpoint
    method: str
    target: str
    request_digest: bytes
    run: str = ""
    session: str = ""


@value
class Verified:
    """A payment that passed every local check, for one of our own offers, by a buyer policy lets in.

    *identifier* is the buyer's own name for the purchase, "" if it gave none. Nobody signed it.
    """

    context: CallContext
    offer: Offer
    payment: ExactPayment
    evidence: LocallyValid
    identifier: str = ""


@value
class Admitted:
    """The claim is durable and the money is held.

    `authorized` is what the payer has open and has ever signed; `flow` the one it is
    served under; `earlier` the call this payment, or another for the same purchase,
    entered for before, if one did.
    """

    verified: Verified
    payment: Payment
    authorized: Authorized
    flow: Flow
    earlier: str = ""


@value
class Funded:
    """The payer's funds cover all of its open authorizations, or a facilitator says they cover this one."""

    admitted: Admitted
    source: str
