"""The rows of the surface: names that other people's clients, scripts and dashboards rely on, as tables."""

from typing import Final

CODES: Final = {
    "payment_required": (402, False, "pay"),
    "payment_invalid": (402, False, "pay"),
    "payment_malformed": (400, False, "fix"),
    "payment_too_large": (400, False, "fix"),
    "payment_reused": (409, False, "stop"),
    "payment_identifier_required": (400, False, "fix"),
    "payment_identifier_conflict": (409, False, "stop"),
    "call_in_progress": (503, True, "retry"),
    "answer_gone": (410, False, "stop"),
    "settlement_failed": (402, False, "pay"),
    "settlement_unknown": (503, True, "retry"),
    "settlement_unavailable": (503, True, "retry"),
    "funds_unknown": (503, True, "retry"),
    "request_invalid": (400, False, "fix"),
    "model_not_allowed": (403, False, "stop"),
    "price_above_ceiling": (403, False, "stop"),
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
    "request_malformed": (400, False, "fix"),
    "wallet_unproven": (401, False, "fix"),
    "call_unknown": (404, False, "stop"),
    "parameter_invalid": (400, False, "fix"),
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
    "sidecar_unsealed_journals": set(),
    "sidecar_oldest_unsealed_seconds": set(),
}
"""Metrics and all the labels they have."""

PUBLIC: Final = ("/healthz", "/readyz", "/metrics", "/openapi.json")
RESOURCES: Final = {
    "/api/v1/calls": "",
    "/api/v1/calls/{id}": "",
    "/api/v1/margin": "?by=endpoint",
    "/api/v1/buyers/{payer}": "",
    "/api/v1/policies": "",
    "/api/v1/ledger/accounts": "",
    "/api/v1/ledger/journals": "?subject={id}",
    "/api/v1/ledger/audit": "",
    "/api/v1/ledger/trial-balance": "",
    "/api/v1/ledger/statement": "?account=platform_payable",
    "/api/v1/ledger/export": "?format=beancount",
    "/api/v1/ledger/verify": "",
}
"""What the operator reads, as its description spells it, and a query that it answers."""

BUYER: Final = {
    "buyer", "since", "credits_usd", "held_usd", "exposure_usd", "today", "total", "calls",
}  # fmt: skip
"""What is told of one buyer."""

PAGES: Final = {
    "/__402/health": {"status"},
    "/__402/quote?method=POST&path=%2Fchat": {
        "method", "target", "endpoint", "resource", "price_usd", "ceiling_usd", "flow", "accepts",
    },
    "/.well-known/x402": {"version", "x402Versions", "resources", "routes", "complete", "links", "keys"},
}  # fmt: skip
"""Buyers' pages that are everybody's."""
WALLETS: Final = {
    "/__402/credits": {"wallet", "available_usd", "held_usd"},
    "/__402/statement": {"items", "next_cursor"},
    "/__402/receipts/{id}": {
        "type", "issuer", "call", "at", "wallet", "endpoint", "method", "target", "request_sha256", "outcome",
        "status", "price_usd", "captured_usd", "credited_usd", "settlement", "reason", "from_credit",
        "network", "asset", "asset_decimals", "amount", "pay_to", "transaction", "settled_at",
        "payment_response", "signature",
    },
}  # fmt: skip
"""Buyers' pages that are for the wallet they are about."""

COMMANDS: Final = {
    "margin --by endpoint": {"by", "from", "to", "items", "total"},
    "calls --limit 2": {"items", "next_cursor"},
    "ledger audit": {"clean", "checks"},
    "ledger trial-balance": {"items", "totals", "balanced"},
    "ledger post opening.yaml": {"id", "seq", "status"},
    "ledger statement platform_payable": {"account", "asset", "class", "side", "items", "next_cursor"},
    "ledger verify": {"verified", "journals", "head", "signed_journals", "public_key", "first_bad"},
    "ledger backup copy.db": {"file", "journals", "head"},
    "ledger close --before 2020-01-01": {"number", "before", "items"},
    "check": {"ok", "problems"},
    "reconcile": {"items", "next_cursor", "explained"},
}
"""Commands beside a running sidecar, and members of what they print with --json."""

OPENING: Final = """\
id: opening-of-the-surface
kind: opening
reason: what was in the bank before
happened_at: 2026-01-01T00:00:00Z
entries:
  - {debit: bank, credit: owner, amount: "120.50"}
"""
"""A journal that a person books."""

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
