"""The rows of the surface: names that other people's clients, scripts and dashboards rely on, as tables."""

from typing import Final

CODES: Final = {
    "payment_required": (402, False, "pay"),
    "payment_invalid": (402, False, "pay"),
    "payment_malformed": (400, False, "fix"),
    "payment_too_large": (400, False, "fix"),
    "payment_reused": (409, False, "stop"),
    "call_in_progress": (503, True, "retry"),
    "answer_gone": (410, False, "stop"),
    "settlement_failed": (402, False, "pay"),
    "settlement_unknown": (503, True, "retry"),
    "settlement_unavailable": (503, True, "retry"),
    "funds_unknown": (503, True, "retry"),
    "buyer_denied": (403, False, "stop"),
    "would_lose_money": (403, False, "stop"),
    "rate_limited": (429, True, "retry"),
    "exposure_exceeded": (429, True, "retry"),
    "uncharged_limit": (429, True, "retry"),
    "budget_spent": (503, True, "retry"),
    "route_unknown": (404, False, "fix"),
    "method_not_allowed": (405, False, "fix"),
    "target_ambiguous": (400, False, "fix"),
    "body_too_large": (413, False, "fix"),
    "headers_too_large": (431, False, "fix"),
    "upstream_unreachable": (502, True, "retry"),
    "upstream_timeout": (504, True, "retry"),
    "answer_unjudged": (502, True, "retry"),
    "facilitator_unavailable": (503, True, "retry"),
    "overloaded": (503, True, "retry"),
    "storage_unavailable": (503, True, "retry"),
    "draining": (503, True, "retry"),
}
"""Buyers' codes: status, whether asking again helps, and what to do."""

PROBLEM: Final = {"type", "title", "status", "detail", "code", "retryable", "action", "call"}
BODY_402: Final = (PROBLEM - {"call"}) | {"x402Version", "error", "accepts"}

TOWARDS_AGENT: Final = {
    "sidecar-call-id", "sidecar-run-id", "sidecar-session-id", "sidecar-payer", "sidecar-endpoint",
    "sidecar-price", "sidecar-call-token", "traceparent", "sidecar-signature",
}  # fmt: skip

CALL: Final = {
    "id", "at", "endpoint", "buyer", "status", "outcome", "settlement", "network", "transaction",
    "price_usd", "held_usd", "captured_usd", "costs", "fees", "cost_usd", "known_margin_usd", "run",
    "session", "workflow", "agent", "latency_ms", "settle_ms",
}  # fmt: skip
LINE: Final = {"kind", "name", "amount_usd", "basis", "rate", "step", "attempt", "source"}

MARGIN_BY: Final = (
    "endpoint", "agent", "workflow", "run", "session", "buyer", "model", "provider", "tool", "workspace",
    "day",
)  # fmt: skip
MARGIN: Final = {
    "calls", "revenue_usd", "refunds_usd", "unsettled_usd", "cost_usd", "fees_usd", "bad_debt_usd",
    "known_margin_usd", "known_margin_ratio", "estimated_cost_usd", "unsettled_cost_usd",
    "unknown_cost_calls", "unknown_cost_revenue_usd", "coverage_ratio",
}  # fmt: skip
MARGIN_COSTS: Final = {"model", "tool", "external", "retry"}

METRICS: Final = {
    "sidecar_requests_total": {"endpoint", "outcome"},
    "sidecar_settlements_total": {"network", "result"},
    "sidecar_revenue_usd_total": {"endpoint"},
    "sidecar_cost_usd_total": {"endpoint", "kind"},
    "sidecar_upstream_seconds_bucket": {"le"},
    "sidecar_settle_seconds_bucket": {"le"},
    "sidecar_admit_seconds_bucket": {"le"},
    "sidecar_holds_usd": set(),
    "sidecar_unsettled_usd": set(),
    "sidecar_unknown_settlements": set(),
    "sidecar_oldest_unknown_seconds": set(),
}
"""Metrics and all the labels they have."""

PUBLIC: Final = ("/healthz", "/readyz", "/metrics", "/openapi.json")
RESOURCES: Final = (
    "/api/v1/calls",
    "/api/v1/margin?by=endpoint",
    "/api/v1/ledger/accounts",
    "/api/v1/ledger/journals",
    "/api/v1/ledger/audit",
)

SAMPLE: Final = """\
upstream: http://127.0.0.1:9000
public_url: https://agent.example.com
workspace: growth-team
listen: {buyers: 0.0.0.0:8402, agent: 127.0.0.1:8404, operator: 127.0.0.1:8403}
storage: sqlite:///sidecar.db
networks:
  base: {rpc: ["https://node.example"], confirmations: 2}
accept:
  - {network: base, asset: USDC, pay_to: "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"}
  - network: eip155:31337
    asset: {address: "0x6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f", symbol: USDC, decimals: 6, name: USDC,
      version: "2", usd_peg: true}
    pay_to: "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"
settlement:
  facilitators: [https://facilitator.example.com]
exposure: {per_payer: "$1.00"}
limits: {per_buyer: 100/minute, per_address: 50/second}
routes:
  "POST /research":
    price: "$0.05"
    settle: authorization
    agent: research-agent
    workflow: competitor-research
    allow: ["0x7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"]
    deny: []
    price_ceiling: "$0.10"
    rate_limit: 60/minute
    margin_floor: 20%
    timeout: 60s
  "GET /models/{name}": {price: "$0.001"}
  "GET /docs/*": free
costs:
  overrides: [{model: gpt-4o, input: "$2.50", output: "$10.00", cached_input: "$1.25"}]
  tools: {web_search: "$0.01"}
  per_call: {"POST /research": "$0.0005"}
fees: {facilitator: {"https://facilitator.example.com": "$0.001"}, platform: "2%"}
operator: {token: "correct-horse-battery"}
"""
"""The promised config, with values for what comes from the environment."""
