"""Refusals: every way a buyer's call can be declined, as values. Knows no HTTP status.

`http/replies.py` holds the one table that turns a code into a status; a test
proves it complete.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The machine codes buyers see. They are promises: add, never rename."""

    PAYMENT_REQUIRED = "payment_required"
    PAYMENT_INVALID = "payment_invalid"
    PAYMENT_MALFORMED = "payment_malformed"
    PAYMENT_TOO_LARGE = "payment_too_large"
    PAYMENT_REUSED = "payment_reused"
    PAYMENT_IDENTIFIER_REQUIRED = "payment_identifier_required"
    PAYMENT_IDENTIFIER_CONFLICT = "payment_identifier_conflict"
    ANSWER_GONE = "answer_gone"
    CALL_IN_PROGRESS = "call_in_progress"
    SETTLEMENT_FAILED = "settlement_failed"
    SETTLEMENT_UNKNOWN = "settlement_unknown"
    REQUEST_INVALID = "request_invalid"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    PRICE_ABOVE_CEILING = "price_above_ceiling"
    BUYER_DENIED = "buyer_denied"
    WOULD_LOSE_MONEY = "would_lose_money"
    EXPOSURE_EXCEEDED = "exposure_exceeded"
    RATE_LIMITED = "rate_limited"
    BUDGET_SPENT = "budget_spent"
    UNCHARGED_LIMIT = "uncharged_limit"
    ROUTE_UNKNOWN = "route_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TARGET_AMBIGUOUS = "target_ambiguous"
    BODY_TOO_LARGE = "body_too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    REQUEST_MALFORMED = "request_malformed"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    SETTLEMENT_UNAVAILABLE = "settlement_unavailable"
    FUNDS_UNKNOWN = "funds_unknown"
    FACILITATOR_UNAVAILABLE = "facilitator_unavailable"
    ANSWER_UNJUDGED = "answer_unjudged"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    WALLET_UNPROVEN = "wallet_unproven"
    CALL_UNKNOWN = "call_unknown"
    PARAMETER_INVALID = "parameter_invalid"
    OVERLOADED = "overloaded"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call declined. `reason` is the x402 spec's string where there is one.

    `call` is the id of the call this answer is about: a repeat carries the
    original's. `policy` names the rule for the operator, never for the buyer.
    `part` is what of the request is wrong (query, path, headers or body), and
    `place` where in it: a name, or in the body a JSON pointer.
    """

    code: Code
    reason: str = ""
    call: str = ""
    retry_after_s: int | None = None
    allow: tuple[str, ...] = ()
    policy: str = ""
    part: str = ""
    place: str = ""
