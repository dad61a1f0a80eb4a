"""Replies: THE table that turns a refusal into HTTP. No other place names a status for one.

Errors are RFC 9457 problem documents; a 402 carries what an x402 client reads.
Texts are for buyers: no internal name, address or exception ever enters them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sidecar.domain.refusals import Code, Refusal
from sidecar.x402.challenge import Challenge
from sidecar.x402.codec import encode_required_body

JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"


class Action(StrEnum):
    """What a buyer's agent should do next."""

    PAY = "pay"
    RETRY = "retry"
    FIX = "fix"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Reply:
    """How one code is answered."""

    status: int
    title: str
    detail: str
    action: Action
    retryable: bool = False


def _again(status: int, title: str, detail: str) -> Reply:
    return Reply(status, title, detail, Action.RETRY, retryable=True)


REPLIES: Final[dict[Code, Reply]] = {
    Code.PAYMENT_REQUIRED: Reply(
        402, "Payment required", "Sign one of the offers in PAYMENT-REQUIRED and send it.", Action.PAY
    ),
    Code.PAYMENT_INVALID: Reply(
        402, "Payment not valid", "The payment was refused for the given reason; sign a new one.", Action.PAY
    ),
    Code.PAYMENT_MALFORMED: Reply(
        400, "Payment malformed", "The payment header cannot be read as an x402 payment.", Action.FIX
    ),
    Code.PAYMENT_TOO_LARGE: Reply(
        400, "Payment too large", "The payment header is larger than this server reads.", Action.FIX
    ),
    Code.PAYMENT_REUSED: Reply(
        409, "Payment already used", "This payment has paid for a call before.", Action.STOP
    ),
    Code.PAYMENT_IDENTIFIER_REQUIRED: Reply(
        400,
        "Payment identifier required",
        "Give the purchase an id of its own in the payment-identifier extension (x402 version 2).",
        Action.FIX,
    ),
    Code.PAYMENT_IDENTIFIER_CONFLICT: Reply(
        409,
        "Payment identifier in use",
        "This identifier names the purchase of another request.",
        Action.STOP,
    ),
    Code.ANSWER_GONE: Reply(
        410, "Answer gone", "This call was paid and answered; its answer is not kept any more.", Action.STOP
    ),
    Code.CALL_IN_PROGRESS: _again(
        503, "Call in progress", "The call this payment pays for is still running; ask again with it."
    ),
    Code.SETTLEMENT_FAILED: Reply(
        402, "Settlement failed", "The payment was refused when it was settled; nothing moved.", Action.PAY
    ),
    Code.SETTLEMENT_UNKNOWN: _again(
        503, "Settlement not known yet", "Do not pay again: repeat the call later with the same payment."
    ),
    Code.SETTLEMENT_UNAVAILABLE: _again(
        503, "Settlement not available", "The payment was not taken; repeat the call with the same payment."
    ),
    Code.FUNDS_UNKNOWN: _again(
        503, "Funds not known", "The payment was not taken; repeat the call with the same payment."
    ),
    Code.FACILITATOR_UNAVAILABLE: _again(
        503, "No facilitator", "Nobody can settle payments now; repeat the call with the same payment."
    ),
    Code.REQUEST_INVALID: Reply(
        400,
        "Request not valid",
        "What is sold here does not take this request; see `in` and `place`.",
        Action.FIX,
    ),
    Code.MODEL_NOT_ALLOWED: Reply(403, "Model not sold", "This model is not sold here.", Action.STOP),
    Code.PRICE_ABOVE_CEILING: Reply(
        403, "Price too high", "This request would cost more than is sold here at once.", Action.STOP
    ),
    Code.BUYER_DENIED: Reply(403, "Buyer not allowed", "This wallet may not buy this call.", Action.STOP),
    Code.WOULD_LOSE_MONEY: Reply(
        403, "Not sold now", "This call is not sold at its present price.", Action.STOP
    ),
    Code.EXPOSURE_EXCEEDED: _again(
        429, "Too much unsettled", "Wait until earlier payments of this wallet are final."
    ),
    Code.RATE_LIMITED: _again(429, "Too many calls", "Slow down; repeat the call after Retry-After."),
    Code.BUDGET_SPENT: _again(
        503, "Budget spent", "This wallet has spent what it may for now; repeat the call after Retry-After."
    ),
    Code.UNCHARGED_LIMIT: _again(
        429,
        "Too much unpaid work",
        "Too many calls of this wallet ended unpaid; repeat it after Retry-After.",
    ),
    Code.ROUTE_UNKNOWN: Reply(404, "Not sold here", "Nothing is sold under this path.", Action.FIX),
    Code.METHOD_NOT_ALLOWED: Reply(
        405, "Method not sold", "This path is sold under the methods in Allow.", Action.FIX
    ),
    Code.TARGET_AMBIGUOUS: Reply(
        400, "Ambiguous target", "The path can be read in more than one way; write it plainly.", Action.FIX
    ),
    Code.BODY_TOO_LARGE: Reply(
        413, "Body too large", "The request body is larger than a paid call may carry.", Action.FIX
    ),
    Code.HEADERS_TOO_LARGE: Reply(
        431, "Headers too large", "The request's headers are larger than this server reads.", Action.FIX
    ),
    Code.REQUEST_MALFORMED: Reply(400, "Malformed request", "The request is not valid HTTP/1.1.", Action.FIX),
    Code.UPSTREAM_UNREACHABLE: _again(
        502, "Agent not reachable", "The agent gave no answer; what was paid for this call is your credit."
    ),
    Code.UPSTREAM_TIMEOUT: _again(
        504, "Agent too slow", "The agent gave no answer in time; what was paid for this call is your credit."
    ),
    Code.ANSWER_UNJUDGED: _again(
        502,
        "Answer not usable",
        "The agent's answer could not be checked and is not charged; what was paid for it is your credit.",
    ),
    Code.STORAGE_UNAVAILABLE: _again(
        503, "Not available", "The call cannot be booked now; repeat it with the same payment."
    ),
    Code.WALLET_UNPROVEN: Reply(
        401,
        "Wallet not proven",
        "Sign what extensions asks for and send it in SIGN-IN-WITH-X.",
        Action.FIX,
    ),
    Code.CALL_UNKNOWN: Reply(404, "No such call", "This wallet has no call of this name here.", Action.STOP),
    Code.PARAMETER_INVALID: Reply(
        400, "Parameter not valid", "A parameter is unknown, missing, doubled or out of bounds.", Action.FIX
    ),
    Code.OVERLOADED: _again(503, "Overloaded", "Too many calls are open; repeat the call later."),
    Code.DRAINING: _again(503, "Shutting down", "This server is about to stop; repeat the call."),
}


def problem(refusal: Refusal, call: str) -> dict[str, object]:
    """Return the members every refusal is answered with; `call` is the call the answer is about."""
    reply = REPLIES[refusal.code]
    members: dict[str, object] = {
        "type": "about:blank",
        "title": reply.title,
        "status": reply.status,
        "detail": reply.detail,
        "code": refusal.code.value,
        "retryable": reply.retryable,
        "action": reply.action.value,
        "call": call,
    }
    if refusal.reason:
        members["reason"] = refusal.reason
    if refusal.part:
        members |= {"in": refusal.part, "place": refusal.place}
    return members


def body(
    refusal: Refusal,
    call: str,
    challenge: Challenge | None = None,
    path: bytes = b"",
    extensions: Mapping[str, object] | None = None,
) -> tuple[bytes, bytes]:
    """Return content type and body of a refusal. A 402 is plain JSON, as version 1 clients expect.

    With *challenge* it offers what version 1 can name, for *path*; without it, nothing.
    *extensions* are those of x402 that tell what else may be sent.
    """
    members = problem(refusal, call)
    if extensions is not None:
        members["extensions"] = extensions
    error = refusal.reason or refusal.code.value
    if REPLIES[refusal.code].status != 402:
        return PROBLEM, _encoded(members)
    if challenge is None:
        return JSON, encode_required_body(error, members)
    return JSON, challenge.body(path, error.encode("ascii"), _encoded(members))


def opened(refusal: Refusal) -> bytes:
    """Return the problem of *refusal* encoded as far as every answer with it has it: up to its call's id."""
    whole = _encoded(problem(refusal, ""))
    assert whole.endswith(b'"call":""}'), "the call comes last"
    return whole[: -len(b'"}')]


def _encoded(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def fields(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the header fields that come with a refusal, beside type, length and call id."""
    added = [(b"cache-control", b"no-store")]
    if refusal.retry_after_s is not None:
        added.append((b"retry-after", b"%d" % refusal.retry_after_s))
    if REPLIES[refusal.code].status == 401:
        added.append((b"www-authenticate", b"SIGN-IN-WITH-X"))
    if refusal.allow:
        added.append((b"allow", ", ".join(refusal.allow).encode("ascii")))
    return added
