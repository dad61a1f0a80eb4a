"""The settings the sidecar runs on: frozen values, read once. Knows no file, YAML or environment.

Money is USD in nano-USD, durations are whole seconds (`_s`), sizes are bytes
(`_bytes`). Secrets and URLs that may carry a key are left out of every `repr`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from ledger.money import Amount, nano
from pricing.price import Price
from sidecar.configuration.problems import Problem
from sidecar.domain.pacing import Rate
from sidecar.domain.requests import Judge
from sidecar.domain.success import ANY_2XX, Rule

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KIB: Final = 1024
MIB: Final = 1024 * KIB
TIMEOUT_MAX_S: Final = 3_600
"""How long a route may give the upstream to its headers."""

K = TypeVar("K")
V = TypeVar("V")


def _nothing() -> Mapping[K, V]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener listens. Port 0 means any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Listen:
    """The three listeners, one audience each."""

    buyers: Address = Address("0.0.0.0", 8402)  # noqa: S104 - the buyers' listener is public by design
    agent: Address = Address("127.0.0.1", 8404)
    operator: Address = Address("127.0.0.1", 8403)


@dataclass(frozen=True, slots=True)
class Network:
    """Read-only access to one chain. The URLs often carry a provider's key."""

    rpc: tuple[str, ...] = field(repr=False)
    confirmations: int = 2


@dataclass(frozen=True, slots=True)
class Asset402:
    """A dollar-pegged EIP-3009 token. `name` and `version` are those of its EIP-712 domain."""

    address: bytes  # 20 bytes
    address_text: str  # 0x and 40 hex digits with the EIP-55 checksum
    symbol: str
    decimals: int
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Accept:
    """One way to be paid: becomes one entry of `accepts`."""

    network: str  # CAIP-2, "eip155:8453"
    chain_id: int
    asset: Asset402
    pay_to: bytes  # 20 bytes
    pay_to_text: str  # 0x and 40 hex digits with the EIP-55 checksum


@dataclass(frozen=True, slots=True)
class Bearer:
    """Signing in with one token that does not change."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Jwt:
    """Signing in with a token made for each request, signed by a key that the facilitator knows by its id."""

    key_id: str
    issuer: str
    algorithm: Literal["EdDSA", "ES256"]
    key: "Ed25519PrivateKey | EllipticCurvePrivateKey" = field(repr=False)


@dataclass(frozen=True, slots=True)
class Facilitator402:
    """One x402 facilitator, and how to sign in there."""

    url: str  # base URL, no trailing slash
    access: Bearer | Jwt | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Who settles: x402 facilitators, those the seller likes best first."""

    facilitators: tuple[Facilitator402, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposure:
    """How much of one payer's money may be verified and not yet final; what it may spend in a UTC day."""

    per_payer: Amount = field(default_factory=lambda: nano(1_000_000_000))
    per_day: Amount | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One thing on sale. `price` is None exactly for a free route; `allow` None means everyone.

    `buyers` have prices of their own. `models` are those a body may name, None any; `judge`
    says what of a body does not fit the route's schema, None if there is none.
    """

    key: str  # "POST /research", as written
    method: str
    pattern: str
    free: bool = False
    price: Price | None = None
    buyers: Mapping[bytes, Price] = field(default_factory=_nothing)
    models: frozenset[str] | None = None
    judge: Judge | None = None
    settle: Literal["authorization", "upfront", "deferred"] = "authorization"
    agent: str = ""
    workflow: str = ""
    allow: frozenset[bytes] | None = None
    deny: frozenset[bytes] = frozenset()
    price_ceiling: Amount | None = None
    timeout_s: int = 60  # to the upstream's headers
    rate_limit: Rate | None = None  # per buyer, beside limits.per_buyer
    margin_floor: Fraction | None = None  # the share of the price a call must be expected to earn
    payment_identifier: Literal["optional", "required", "off"] = "optional"
    fallback_cost: Amount | None = None  # booked as an estimate where a model's cost is unknown
    success: Rule = ANY_2XX  # what an answer must be to be charged


@dataclass(frozen=True, slots=True)
class CostOverride:
    """What the seller pays for a model, USD per million tokens; valid from `since_us` on."""

    model: str
    input: Amount
    output: Amount
    cached_input: Amount | None = None  # None: as `input`
    since_us: int = 0


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs the seller states: of models by rates, of tools each time, and a flat one per call of a route."""

    overrides: tuple[CostOverride, ...] = ()
    tools: Mapping[str, Amount] = field(default_factory=_nothing)  # by the name an agent reports
    per_call: Mapping[str, Amount] = field(default_factory=_nothing)  # by route key


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees per settled payment and as a share of revenue. An unlisted facilitator's fee is unknown."""

    facilitator: Mapping[str, Amount] = field(default_factory=_nothing)  # by facilitator URL
    platform: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator listener. No token: one is made at the first start, beside the database."""

    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """A bound on everything the paid path holds or waits for."""

    request_line_bytes: int = 8 * KIB
    headers_bytes: int = 32 * KIB
    header_fields: int = 100
    payment_header_bytes: int = 16 * KIB
    paid_body_bytes: int = 1 * MIB
    read_ahead_bytes: int = 1 * MIB  # per call, while it settles
    read_ahead_total_bytes: int = 64 * MIB
    stored_answer_bytes: int = 256 * KIB  # a larger one is not kept for the buyer who asks again
    header_read_s: int = 10
    body_idle_s: int = 15
    upstream_connect_s: int = 5
    stream_total_s: int = 600
    verify_s: int = 5
    settle_s: int = 30
    open_calls: int = 1_000
    reentries: int = 3  # how often one payment may enter again after a call that was not charged
    drain_s: int = 30
    flush_batch: int = 100  # how many delivered calls are settled behind with one commit
    flush_every_s: int = 5
    flush_concurrency: int = 8
    cost_reports: int = 100  # that the agent may send about one call
    close_window_s: int = 900  # after its close, for reports that come late
    per_buyer: Rate = field(default_factory=lambda: Rate(100, 60 * 10**6))
    per_address: Rate = field(default_factory=lambda: Rate(50, 10**6))
    uncharged_cost: Amount = field(default_factory=lambda: nano(1_000_000_000))  # per payer and UTC day


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a running sidecar was told. `warnings` are for the operator; nothing in them stops it."""

    upstream: str  # origin and base path, no trailing slash
    public_url: str  # how buyers reach us, no trailing slash
    storage: Path  # absolute path of the SQLite file; beside it lie the sidecar's own files
    routes: tuple[Route, ...]
    accept: tuple[Accept, ...] = ()
    settlement: Settlement = field(default_factory=Settlement)
    workspace: str = "default"
    listen: Listen = field(default_factory=Listen)
    networks: Mapping[str, Network] = field(default_factory=_nothing)  # by CAIP-2
    exposure: Exposure = field(default_factory=Exposure)
    costs: Costs = field(default_factory=Costs)
    fees: Fees = field(default_factory=Fees)
    operator: Operator = field(default_factory=Operator)
    limits: Limits = field(default_factory=Limits)
    sandbox: bool = False
    database: str = field(default="", repr=False)  # the PostgreSQL that holds the books instead of the file
    warnings: tuple[Problem, ...] = ()

    @property
    def books(self) -> Path | str:
        """Return where the books are: the path of the file, or the address of the database."""
        return self.database or self.storage
