"""The config file's shape as pydantic models: which keys there are and how each value is written.

Gives every problem of shape at once and the JSON Schema. Sections are checked
here one by one; what needs two of them is in `resolving`. The field names are
the file's keys and so promises.
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from sidecar.configuration import written
from sidecar.configuration.model import KIB, MIB, TIMEOUT_MAX_S, Limits
from sidecar.configuration.units import COUNT_MAX, duration_text, size_text
from sidecar.configuration.written import (
    BaseUrl,
    ChainId,
    Decimals,
    DollarPeg,
    EvmAddress,
    FileName,
    Free,
    JsonSchema,
    Label,
    ListenAt,
    Money,
    Name,
    Pace,
    Pointer,
    Price,
    RpcUrl,
    Secret,
    Settle,
    Share,
    Storage,
    Switch,
    as_written,
    count,
    duration,
    size,
)

_LIMITS: Final = Limits()
TAGS: Final = frozenset(
    {"<symbol>", "<token>", "<url>", "<facilitator>", "<free>", "<priced>", "<fixed>", "<computed>"}
)
"""Names of alternatives; they show up in pydantic's error locations and nowhere else."""


def _bytes(default: int) -> Any:
    return as_written(size_text(default))


def _seconds(default: int) -> Any:
    return as_written(duration_text(default))


class Section(BaseModel):
    """A mapping with fixed keys; anything else in it is a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class ListenSection(Section):
    """The three listeners, as host:port."""

    buyers: ListenAt = as_written("0.0.0.0:8402")
    agent: ListenAt = as_written("127.0.0.1:8404")
    operator: ListenAt = as_written("127.0.0.1:8403")


class NetworkSection(Section):
    """Read-only access to a chain, and how many blocks on top make a transfer final."""

    rpc: list[RpcUrl] = Field(min_length=1)
    confirmations: Annotated[int, count(0, 10_000)] = 2


class TokenSection(Section):
    """A dollar-pegged EIP-3009 token; name and version are those of its EIP-712 domain."""

    address: EvmAddress
    symbol: Label
    decimals: Decimals
    name: Label
    version: Label
    usd_peg: DollarPeg = Field(default=False, validate_default=True)


class AcceptSection(Section):
    """One way to be paid."""

    network: ChainId
    asset: Annotated[
        Annotated[Label, Tag("<symbol>")] | Annotated[TokenSection, Tag("<token>")],
        Discriminator(lambda value: "<token>" if isinstance(value, dict) else "<symbol>"),
    ]
    pay_to: EvmAddress


class JwtSection(Section):
    """A key the facilitator knows by its id; it signs a short-lived token for each request."""

    key_id: Label
    algorithm: written.Algorithm
    key: written.KeyText | None = None
    key_file: FileName | None = None
    issuer: Label | None = None


class FacilitatorSection(Section):
    """A facilitator that wants to know who asks: by a fixed token, or by a key."""

    url: BaseUrl
    bearer: written.Credential | None = None
    jwt: JwtSection | None = None


class SettlementSection(Section):
    """Who settles: x402 facilitators, those the seller likes best first."""

    facilitators: list[
        Annotated[
            Annotated[BaseUrl, Tag("<url>")] | Annotated[FacilitatorSection, Tag("<facilitator>")],
            Discriminator(lambda value: "<facilitator>" if isinstance(value, dict) else "<url>"),
        ]
    ] = Field(default=[], min_length=1)

    def urls(self) -> list[str]:
        """Return the facilitators' URLs in the file's order."""
        return [each if isinstance(each, str) else each.url for each in self.facilitators]


class ExposureSection(Section):
    """How much of one payer's money may be verified and not yet final, and how much it may spend in a day."""

    per_payer: Price = as_written("$1.00")
    per_day: Price | None = None


class LimitsSection(Section):
    """A bound on everything the paid path holds or waits for."""

    request_line: Annotated[int, size(1 * KIB, 64 * KIB)] = _bytes(_LIMITS.request_line_bytes)
    headers: Annotated[int, size(4 * KIB, 256 * KIB)] = _bytes(_LIMITS.headers_bytes)
    header_fields: Annotated[int, count(20, 1_000)] = _LIMITS.header_fields
    payment_header: Annotated[int, size(2 * KIB, 64 * KIB)] = _bytes(_LIMITS.payment_header_bytes)
    paid_body: Annotated[int, size(1, 10 * MIB)] = _bytes(_LIMITS.paid_body_bytes)
    read_ahead: Annotated[int, size(1, 16 * MIB)] = _bytes(_LIMITS.read_ahead_bytes)
    read_ahead_total: Annotated[int, size(1, 4096 * MIB)] = _bytes(_LIMITS.read_ahead_total_bytes)
    header_read: Annotated[int, duration(1, 120)] = _seconds(_LIMITS.header_read_s)
    body_idle: Annotated[int, duration(1, 300)] = _seconds(_LIMITS.body_idle_s)
    upstream_connect: Annotated[int, duration(1, 60)] = _seconds(_LIMITS.upstream_connect_s)
    stream_total: Annotated[int, duration(1, 86_400)] = _seconds(_LIMITS.stream_total_s)
    verify: Annotated[int, duration(1, 60)] = _seconds(_LIMITS.verify_s)
    stored_answer: Annotated[int, size(0, 16 * MIB)] = _bytes(_LIMITS.stored_answer_bytes)
    settle: Annotated[int, duration(1, 60)] = _seconds(_LIMITS.settle_s)
    open_calls: Annotated[int, count(1, 100_000)] = _LIMITS.open_calls
    reentries: Annotated[int, count(0, 100)] = _LIMITS.reentries
    flush_batch: Annotated[int, count(1, 1_000)] = _LIMITS.flush_batch
    flush_every: Annotated[int, duration(1, 30)] = _seconds(_LIMITS.flush_every_s)
    flush_concurrency: Annotated[int, count(1, 100)] = _LIMITS.flush_concurrency
    cost_reports: Annotated[int, count(0, 1_000)] = _LIMITS.cost_reports
    close_window: Annotated[int, duration(0, 86_400)] = _seconds(_LIMITS.close_window_s)
    drain: Annotated[int, duration(0, 3_600)] = _seconds(_LIMITS.drain_s)
    per_buyer: Pace = as_written("100/minute")
    per_address: Pace = as_written("50/second")
    uncharged_cost: Money = as_written("$1.00")


class QuantitySection(Section):
    """A whole number that a request names in its query, path or body, and the price of `per` of it."""

    query: Name | None = None
    path: Name | None = None
    body: Pointer | None = None
    each: Money
    per: Annotated[int, count(1, COUNT_MAX)] = 1
    least: Annotated[int, count(0, COUNT_MAX)] = Field(default=0, alias="min")
    most: Annotated[int, count(0, COUNT_MAX)] = Field(alias="max")
    default: Annotated[int, count(0, COUNT_MAX)] | None = None


class PriceSection(Section):
    """A price computed from the request: a base, plus its model's price, plus quantities at their rates."""

    base: Price | None = None
    by_model: dict[str, Price] = {}
    plus: list[QuantitySection] = []


AnyPrice = Annotated[
    Annotated[Price, Tag("<fixed>")] | Annotated[PriceSection, Tag("<computed>")],
    Discriminator(lambda value: "<computed>" if isinstance(value, dict) else "<fixed>"),
]


class BuyerSection(Section):
    """The price of a buyer, or of several under a name."""

    price: AnyPrice
    wallets: list[EvmAddress] | None = Field(default=None, min_length=1)


class RequestSection(Section):
    """What a request must be: its JSON body's schema, a file or written out."""

    body_schema: JsonSchema = Field(alias="schema")


class SuccessSection(Section):
    """What an answer must be to be charged: its status, and members of its JSON body by their pointers."""

    status: list[written.Status] = Field(default=["2xx"], min_length=1, validate_default=True)
    body: dict[str, written.Expected] = {}
    buffer: Annotated[int, size(1 * KIB, 16 * MIB)] = as_written("64KiB")
    unjudged: written.Unjudged = "withhold"


class RouteSection(Section):
    """A route with a price."""

    price: AnyPrice
    buyers: dict[str, BuyerSection] = {}
    models: list[Label] | None = Field(default=None, min_length=1)
    request: RequestSection | None = None
    settle: Settle = "authorization"
    agent: Label | None = None
    workflow: Label | None = None
    allow: list[EvmAddress] | None = Field(default=None, min_length=1)
    deny: list[EvmAddress] = []
    price_ceiling: Price | None = None
    timeout: Annotated[int, duration(1, TIMEOUT_MAX_S)] = as_written("60s")
    rate_limit: Pace | None = None
    margin_floor: Share | None = None
    payment_identifier: written.Identifier | None = None
    fallback_cost: written.Estimate | None = None
    success: SuccessSection = SuccessSection()


class OverrideSection(Section):
    """What a model costs, USD per million tokens."""

    model: Label
    input: Money
    output: Money
    cached_input: Money | None = None
    since: written.Since = 0


class CostsSection(Section):
    """Costs the seller knows better than a catalogue."""

    overrides: list[OverrideSection] = []
    tools: dict[str, Money] = {}
    per_call: dict[str, Money] = {}


class FeesSection(Section):
    """Fees per settled payment by facilitator URL, and the platform's share of revenue."""

    facilitator: dict[str, Money] = {}
    platform: Share = as_written("0%")


class OperatorSection(Section):
    """The operator listener's bearer token; without one, a random one is made at the first start."""

    token: Secret | None = None


class Document(Section):
    """The config of an x402 payment sidecar."""

    # `upstream` and `routes` are required; `resolving` says so, after whatever else is wrong.
    model_config = ConfigDict(title="sidecar.yaml", json_schema_extra={"required": ["upstream", "routes"]})

    upstream: BaseUrl | None = None
    public_url: BaseUrl | None = None
    workspace: Label = "default"
    listen: ListenSection = ListenSection()
    storage: Storage = as_written("sqlite:///sidecar.db")
    networks: dict[str, NetworkSection] = {}
    accept: list[AcceptSection] = []
    settlement: SettlementSection = SettlementSection()
    payment_identifier: written.Identifier = "optional"
    exposure: ExposureSection = ExposureSection()
    limits: LimitsSection = LimitsSection()
    routes: dict[
        str,
        Annotated[
            Annotated[Free, Tag("<free>")] | Annotated[RouteSection, Tag("<priced>")],
            Discriminator(lambda value: "<priced>" if isinstance(value, dict) else "<free>"),
        ],
    ] = {}
    costs: CostsSection = CostsSection()
    fees: FeesSection = FeesSection()
    operator: OperatorSection = OperatorSection()
    sandbox: Switch = False
