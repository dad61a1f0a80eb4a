"""What buyers were promised of each refusal, and a scene in which a buyer gets it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from ledger.money import nano
from sidecar.domain.choosing import POLL_US
from sidecar.domain.refusals import Code
from sidecar.http.replies import Action
from sidecar.ports import AnswerLost, NothingSent, StorageUnavailable, TimedOut
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import OTHER_WALLET, PAYER, a_payment_header, an_endpoint
from tests.sidecar.fakes import Buyer
from tests.sidecar.shop import NETWORK
from tests.sidecar.signing_in import signed_in
from tests.sidecar.stall import BODY_BYTES_MAX, MODEL, PAYMENT_BYTES_MAX, Stall
from tests.sidecar.x402.signing import NOW_S

Scene = Callable[[Stall], Awaitable[Buyer]]

PAY, RETRY, FIX, STOP = Action.PAY, Action.RETRY, Action.FIX, Action.STOP

PROMISED: Final = {
    Code.PAYMENT_REQUIRED: (402, False, PAY),
    Code.PAYMENT_INVALID: (402, False, PAY),
    Code.PAYMENT_MALFORMED: (400, False, FIX),
    Code.PAYMENT_TOO_LARGE: (400, False, FIX),
    Code.PAYMENT_REUSED: (409, False, STOP),
    Code.PAYMENT_IDENTIFIER_REQUIRED: (400, False, FIX),
    Code.PAYMENT_IDENTIFIER_CONFLICT: (409, False, STOP),
    Code.ANSWER_GONE: (410, False, STOP),
    Code.CALL_IN_PROGRESS: (503, True, RETRY),
    Code.SETTLEMENT_FAILED: (402, False, PAY),
    Code.SETTLEMENT_UNKNOWN: (503, True, RETRY),
    Code.REQUEST_INVALID: (400, False, FIX),
    Code.MODEL_NOT_ALLOWED: (403, False, STOP),
    Code.PRICE_ABOVE_CEILING: (403, False, STOP),
    Code.BUYER_DENIED: (403, False, STOP),
    Code.WOULD_LOSE_MONEY: (403, False, STOP),
    Code.EXPOSURE_EXCEEDED: (429, True, RETRY),
    Code.BUDGET_SPENT: (503, True, RETRY),
    Code.UNCHARGED_LIMIT: (429, True, RETRY),
    Code.ROUTE_UNKNOWN: (404, False, FIX),
    Code.METHOD_NOT_ALLOWED: (405, False, FIX),
    Code.TARGET_AMBIGUOUS: (400, False, FIX),
    Code.BODY_TOO_LARGE: (413, False, FIX),
    Code.HEADERS_TOO_LARGE: (431, False, FIX),
    Code.REQUEST_MALFORMED: (400, False, FIX),
    Code.UPSTREAM_UNREACHABLE: (502, True, RETRY),
    Code.UPSTREAM_TIMEOUT: (504, True, RETRY),
    Code.ANSWER_UNJUDGED: (502, True, RETRY),
    Code.SETTLEMENT_UNAVAILABLE: (503, True, RETRY),
    Code.FUNDS_UNKNOWN: (503, True, RETRY),
    Code.FACILITATOR_UNAVAILABLE: (503, True, RETRY),
    Code.STORAGE_UNAVAILABLE: (503, True, RETRY),
    Code.WALLET_UNPROVEN: (401, False, FIX),
    Code.CALL_UNKNOWN: (404, False, STOP),
    Code.PARAMETER_INVALID: (400, False, FIX),
    Code.OVERLOADED: (503, True, RETRY),
    Code.DRAINING: (503, True, RETRY),
}
"""What clients rely on. A code that is not here may be added; these may not change."""

ELSEWHERE: Final = frozenset(
    {
        Code.HEADERS_TOO_LARGE,
        Code.REQUEST_MALFORMED,
        Code.OVERLOADED,
        Code.REQUEST_INVALID,
        Code.MODEL_NOT_ALLOWED,
        Code.PRICE_ABOVE_CEILING,
        Code.PAYMENT_IDENTIFIER_REQUIRED,
        Code.ANSWER_UNJUDGED,
        Code.BUYER_DENIED,
        Code.WOULD_LOSE_MONEY,
        Code.BUDGET_SPENT,
        Code.UNCHARGED_LIMIT,
    }
)
"""Codes that the protocol answers before any app, or that need a stall of their own."""

SECRET: Final = "10.0.0.7:5432/var/lib/sidecar.db"
"""What a fault may say to the operator, and nobody to a buyer."""

OURS: Final = [
    (b"sidecar-payer", b"0x00"),
    (b"sidecar-price", b"0"),
    (b"sidecar-call-id", b"call_x"),
    (b"sidecar-call-token", b"x"),
    (b"sidecar-signature", b"t=0,v1=00"),
    (b"alephant-agent", b"x"),
]
"""Fields that only the sidecar sets; a buyer tries to."""


def buying(prepare: Callable[[Stall], object]) -> Scene:
    """Buy after *prepare* has broken something."""

    async def scene(stall: Stall) -> Buyer:
        prepare(stall)
        return await stall.buy()

    return scene


def asking(*asked: Any, **named: Any) -> Scene:
    """Ask for something that is refused whoever pays."""

    async def scene(stall: Stall) -> Buyer:
        return await stall.answer(*asked, **named)

    return scene


def paying(value: bytes) -> Scene:
    """Send *value* as the payment."""
    return asking(headers=[(b"payment-signature", value)])


async def reuse(stall: Stall) -> Buyer:
    await stall.buy()
    return await stall.buy(target=b"/research?other=1")


async def reuse_a_name(stall: Stall) -> Buyer:
    await stall.buy(identifier="purchase_0000001")
    return await stall.buy(2, identifier="purchase_0000001", target=b"/research?other=1")


async def come_back_late(stall: Stall) -> Buyer:
    await stall.buy()
    stall.answers.kept.clear()
    return await stall.buy()


async def send_a_copy(stall: Stall) -> Buyer:
    stall.upstream.gate.clear()
    _, task = stall.ask(headers=[stall.payment()])
    await stall.upstream.asked.wait()
    copy = await stall.buy()
    stall.upstream.gate.set()
    await task
    return copy


async def be_too_exposed(stall: Stall) -> Buyer:
    stall.facilitator.settles = [AnswerLost(SECRET)]
    await stall.buy(nonce=1)
    return await stall.buy(nonce=2, target=b"/research?other=1")


async def send_too_much(stall: Stall) -> Buyer:
    return await stall.buy(buyer=Buyer(pieces=[b"x" * BODY_BYTES_MAX, b"x"]))


async def find_nobody_to_settle(stall: Stall) -> Buyer:
    stall.facilitator.kinds = ()
    stall.clock.pass_s(POLL_US // 1_000_000)
    await stall.facilitators.poll()
    return await stall.answer(headers=[stall.payment(validBefore=str(NOW_S + 300))])


async def ask_for_another_call(stall: Stall) -> Buyer:
    bought = await stall.buy()
    call = bought.header(b"sidecar-call-id") or b""
    return await signed_in(stall, b"/__402/receipts/" + call, wallet=OTHER_WALLET)


def cannot_be_settled(stall: Stall) -> None:
    stall.facilitator.settles = [SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)]


OF_ANOTHER_ROUTE: Final = a_payment_header(an_endpoint(nano(1_000_500), name=MODEL).offers[0])
SCENES: Final[dict[Code, Scene]] = {
    Code.PAYMENT_REQUIRED: asking(),
    Code.PAYMENT_INVALID: paying(OF_ANOTHER_ROUTE),
    Code.PAYMENT_MALFORMED: paying(b"!"),
    Code.PAYMENT_TOO_LARGE: paying(b"A" * (PAYMENT_BYTES_MAX + 1)),
    Code.PAYMENT_REUSED: reuse,
    Code.PAYMENT_IDENTIFIER_CONFLICT: reuse_a_name,
    Code.ANSWER_GONE: come_back_late,
    Code.CALL_IN_PROGRESS: send_a_copy,
    Code.SETTLEMENT_FAILED: buying(cannot_be_settled),
    Code.SETTLEMENT_UNKNOWN: buying(lambda stall: stall.facilitator.settles.append(AnswerLost(SECRET))),
    Code.SETTLEMENT_UNAVAILABLE: buying(lambda stall: stall.facilitator.settles.append(NothingSent(SECRET))),
    Code.FUNDS_UNKNOWN: buying(lambda stall: setattr(stall.chain, "fault", AnswerLost(SECRET))),
    Code.FACILITATOR_UNAVAILABLE: find_nobody_to_settle,
    Code.EXPOSURE_EXCEEDED: be_too_exposed,
    Code.ROUTE_UNKNOWN: asking(target=b"/elsewhere"),
    Code.METHOD_NOT_ALLOWED: asking("PUT"),
    Code.TARGET_AMBIGUOUS: asking(target=b"//"),
    Code.BODY_TOO_LARGE: send_too_much,
    Code.UPSTREAM_UNREACHABLE: buying(lambda stall: stall.upstream.script.append(AnswerLost(SECRET))),
    Code.UPSTREAM_TIMEOUT: buying(lambda stall: stall.upstream.script.append(TimedOut(SECRET))),
    Code.STORAGE_UNAVAILABLE: buying(
        lambda stall: stall.storage.faults.update(admit_unit=[StorageUnavailable(SECRET)])
    ),
    Code.WALLET_UNPROVEN: asking("GET", b"/__402/credits"),
    Code.CALL_UNKNOWN: ask_for_another_call,
    Code.PARAMETER_INVALID: asking("GET", b"/__402/quote?path=%2Fresearch"),
    Code.DRAINING: buying(lambda stall: stall.buyers.drain()),
}
"""How a buyer comes to each refusal."""
