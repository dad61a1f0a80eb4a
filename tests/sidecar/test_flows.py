"""Flows: in which order a call is paid, worked for and delivered, and whose the money is when one fails."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from x402.http.utils import decode_payment_required_header, decode_payment_response_header
from x402.schemas import SettleResponse

from ledger.money import nano
from sidecar import commits
from sidecar.domain.call import Flow
from sidecar.domain.collecting import NEAR_S
from sidecar.domain.payments import State
from sidecar.flows import FLOWS
from sidecar.ports import AnswerLost, NothingSent, TimedOut
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import PAYER, P, a_log, a_payment_header, an_endpoint, verified
from tests.sidecar.fakes import Buyer, Says
from tests.sidecar.shop import FACILITATOR, NETWORK
from tests.sidecar.stall import (
    ANSWER,
    BEFORE,
    COMPLETION,
    COMPLETION_NANO,
    CREDIT,
    FEE,
    JSON,
    LONG,
    MODEL,
    NOTHING,
    OPEN,
    PAID_BEFORE,
    RETRY,
    SOLD,
    Stall,
    open_stall,
)

UPFRONT: Final = an_endpoint(flow=Flow.UPFRONT)
DEFERRED: Final = an_endpoint(flow=Flow.DEFERRED)
FAILS: Final = Says(500, JSON, (COMPLETION,))
BREAKS_OFF: Final = Says(headers=JSON, chunks=(COMPLETION, AnswerLost("reset")))
ARRIVED: Final = {"onchain": P, "token": 50_000, "fx": 50_000}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that must be made is tried again at once."""
    monkeypatch.setattr(commits, "PAUSES_S", (0.0,))


def and_before(money: Mapping[str, int]) -> dict[str, int]:
    """Return *money* together with that of the call which the payer has paid before."""
    return dict(Counter(PAID_BEFORE) + Counter(money))


OWED: Final = and_before({"authorized": P, "revenue": P})
COLLECTED: Final = and_before(SOLD)
DEFAULTED: Final = and_before({"bad_debt": P, "revenue": P})


def receipt(buyer: Buyer) -> SettleResponse:
    """Read the receipt as the official client does."""
    return decode_payment_response_header((buyer.header(b"payment-response") or b"").decode())


def from_credit(buyer: Buyer) -> bool:
    """Tell whether a call was served, and paid from the buyer's credit."""
    if buyer.status != 200 or not buyer.ended:
        return False
    found = receipt(buyer)
    return (found.success, found.transaction, found.amount) == (True, "", "0")


async def give_credit(stall: Stall, nonce: int = 1) -> None:
    """Let a call be paid and break off; what comes after it works again."""
    stall.upstream.script = [BREAKS_OFF]
    await stall.buy(nonce)
    assert stall.books.balances()["buyer"] == P


async def find_the_transfer(stall: Stall, call: str = "call_1") -> None:
    """Let the chain have the exact Transfer of a call's payment, and let recovery look."""
    payment = await stall.stored(call)
    stall.chain.transfer(payment.nonce, a_log(payment))
    await stall.recovery().look()


def test_every_flow_that_is_sold_is_run() -> None:
    """No endpoint can be configured to a flow that is not there."""
    assert set(FLOWS) == set(Flow)


# Upfront: settle, work, deliver.


async def test_upfront_works_only_for_money_that_came(tmp_path: Path) -> None:
    """Admit, settle, then the work, then the answer: and no other question about funds."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.upstream.otherwise = ANSWER
        buyer = await stall.buy()

        assert stall.trace == [
            "admit_unit", "sending_unit", "settle", "result_unit", "upstream", "start", "body", "close_unit",
        ]  # fmt: skip
        assert (buyer.status, buyer.body, buyer.ended) == (200, COMPLETION, True)
        assert (receipt(buyer).success, receipt(buyer).amount) == (True, "50000")
        assert await stall.state() is State.DELIVERED
        owed = {"cost:model": COMPLETION_NANO, "provider_payable": COMPLETION_NANO}
        assert stall.books.balances() == {**SOLD, **owed}


@pytest.mark.parametrize(
    ("flow", "announced"), [(Flow.UPFRONT, "upfront"), (Flow.AUTHORIZATION, None), (Flow.DEFERRED, None)]
)
async def test_a_buyer_is_told_that_it_pays_first(tmp_path: Path, flow: Flow, announced: str | None) -> None:
    """`extra.paymentFlow` names upfront, and only upfront."""
    async with open_stall(tmp_path, endpoint=an_endpoint(flow=flow)) as stall:
        required = (await stall.answer()).header(b"payment-required") or b""

        (accepted,) = decode_payment_required_header(required.decode()).accepts
        assert (accepted.extra or {}).get("paymentFlow") == announced


@pytest.mark.parametrize("says", [FAILS, Says(404, JSON, (COMPLETION,))], ids=["500", "404"])
@pytest.mark.parametrize("nonce", [1, 2], ids=["same payment", "fresh payment"])
async def test_an_agent_that_fails_after_payment_owes_the_buyer_a_call(
    tmp_path: Path, says: Says, nonce: int
) -> None:
    """Its status and body with the receipt; the price is credit, and pays for the next call."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.upstream.script = [says]
        failed = await stall.buy()

        assert (failed.status, failed.body, failed.ended) == (says.status, COMPLETION, True)
        assert (receipt(failed).success, receipt(failed).amount) == (True, "50000")
        assert await stall.state() is State.CREDITED
        assert stall.books.balances() == {**CREDIT, **RETRY}
        assert stall.books.call()["outcome"] == "failed"

        served = await stall.buy(nonce)
        assert from_credit(served)
        assert served.header(b"sidecar-call-id") == b"call_2"
        assert stall.count("settle", "upstream", "verify", "funds") == {
            "settle": 1, "upstream": 2, "verify": 0, "funds": 0,
        }  # fmt: skip
        assert stall.books.balances() == {**SOLD, **RETRY}
        assert stall.books.call("call_2")["outcome"] == "served"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (NothingSent("refused"), 502, "upstream_unreachable"),
        (AnswerLost("reset"), 502, "upstream_unreachable"),
        (TimedOut("late"), 504, "upstream_timeout"),
    ],
)
async def test_an_agent_that_does_not_answer_after_payment_owes_the_buyer_a_call(
    tmp_path: Path, fault: Exception, status: int, code: str
) -> None:
    """The refusal carries the receipt, and repeating the call with the same payment is right."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.upstream.script = [fault]
        refused = await stall.buy()

        assert (refused.status, refused.document()["code"]) == (status, code)
        assert refused.document()["action"] == "retry"
        assert receipt(refused).success
        assert stall.books.balances() == CREDIT
        assert from_credit(await stall.buy())
        assert stall.count("settle") == {"settle": 1}
        assert stall.books.balances() == SOLD


@pytest.mark.parametrize("flow", Flow)
@pytest.mark.parametrize("nonce", [1, 2], ids=["same payment", "fresh payment"])
async def test_an_answer_that_breaks_off_after_payment_is_owed(
    tmp_path: Path, flow: Flow, nonce: int
) -> None:
    """Not a clean end; the price is credit, the cost a retry's, and the next call is served from it."""
    async with open_stall(tmp_path, endpoint=an_endpoint(flow=flow)) as stall:
        stall.upstream.script = [BREAKS_OFF]
        first = await stall.buy()

        assert (first.status, first.ended) == (200, False)
        assert stall.books.balances() == {**CREDIT, **RETRY}
        assert from_credit(await stall.buy(nonce))
        assert stall.count("settle") == {"settle": 1}


async def test_a_refused_settlement_asks_for_no_work(tmp_path: Path) -> None:
    """402 with a receipt that says no, and the agent never heard of it."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.facilitator.settles = [SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (402, "settlement_failed")
        assert not receipt(buyer).success
        assert await stall.state() is State.FAILED
        assert stall.count("upstream") == {"upstream": 0}
        assert (stall.books.balances(), stall.books.lines()) == (NOTHING, [])


async def test_a_settlement_that_could_not_be_asked_for_asks_for_no_work(tmp_path: Path) -> None:
    """503, nothing taken, and the same payment is served once somebody can be asked."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.facilitator.settles = [NothingSent("connection refused")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unavailable")
        assert (stall.books.balances(), stall.count("upstream")) == (NOTHING, {"upstream": 0})
        assert (await stall.buy()).status == 200


async def test_upfront_settled_late_is_served_once(tmp_path: Path) -> None:
    """Unknown: 503 and no work. Once the chain has it, the same payload is served, from that money, once."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.facilitator.settles = [TimedOut("no answer")]
        for _ in range(2):
            buyer = await stall.buy()
            assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unknown")
            assert buyer.header(b"payment-response") is None
        assert (stall.books.balances(), stall.count("upstream")) == (OPEN, {"upstream": 0})
        await find_the_transfer(stall)
        assert stall.books.balances() == {**ARRIVED, **FEE, "buyer": P}

        served, again = await stall.buy(), await stall.buy()
        assert from_credit(served)
        assert (again.status, again.body, again.headers) == (200, served.body, served.headers)
        assert stall.count("settle", "upstream") == {"settle": 1, "upstream": 1}
        assert stall.books.balances() == {**ARRIVED, **FEE, "revenue": P}


# Authorization, settled late: the answer was withheld.


async def test_a_withheld_answer_is_kept_for_who_paid_for_it(tmp_path: Path) -> None:
    """Evidence came: the repeat gets the answer of the first try, without work or cost of its own."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        stall.facilitator.settles = [TimedOut("no answer")]
        assert (await stall.buy()).status == 503
        assert stall.books.balances() == {**OPEN, **RETRY}
        await find_the_transfer(stall)

        served = await stall.buy()
        assert from_credit(served)
        assert served.body == COMPLETION
        assert served.header(b"sidecar-call-id") == b"call_2"
        assert stall.count("settle", "upstream") == {"settle": 1, "upstream": 1}
        assert stall.books.balances() == {**ARRIVED, **FEE, **RETRY, "revenue": P}
        assert stall.books.lines("call_2") == []
        assert stall.books.call("call_2")["outcome"] == "served"


async def test_an_answer_too_large_to_keep_is_worked_for_again(tmp_path: Path) -> None:
    """What is not kept costs a second try, never the buyer's money."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [Says(chunks=(b"x" * 64, b"y" * 4096))]
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy()
        await find_the_transfer(stall)

        served = await stall.buy()
        assert (from_credit(served), served.body) == (True, b"done")
        assert stall.count("settle", "upstream") == {"settle": 1, "upstream": 2}


async def test_a_fresh_payment_waits_for_the_one_that_may_have_paid(tmp_path: Path) -> None:
    """While the first is unknown it is not taken; afterwards the credit pays, and it is never sent."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy(nonce=1)
        pointed = await stall.buy(nonce=2)

        assert (pointed.status, pointed.document()["code"]) == (503, "settlement_unknown")
        assert pointed.header(b"sidecar-call-id") == b"call_1"
        assert stall.count("settle", "upstream") == {"settle": 1, "upstream": 1}
        await find_the_transfer(stall)
        assert from_credit(await stall.buy(nonce=2))
        assert stall.count("settle", "upstream") == {"settle": 1, "upstream": 2}
        assert stall.books.balances()["revenue"] == P


# On credit: work, deliver.


async def test_credit_is_served_without_asking_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Admit, work, deliver, close: no funds, no facilitator, and none of them has to be there."""
    async with open_stall(tmp_path) as stall:
        await give_credit(stall)
        stall.trace.clear()
        monkeypatch.setattr(stall.facilitators, "admits", lambda _: False)
        stall.upstream.otherwise = ANSWER
        served = await stall.buy(nonce=2)

        assert stall.trace == ["admit_unit", "upstream", "start", "body", "close_unit"]
        assert from_credit(served)
        call = stall.books.call("call_2")
        assert (call["outcome"], call["settlement"], call["transaction_hash"]) == ("served", "settled", "")
        assert (call["captured_nano"], call["credited_nano"]) == (P, 0)
        refused = await stall.buy(nonce=3)
        assert (refused.status, refused.document()["code"]) == (503, "facilitator_unavailable")


async def test_credit_that_does_not_cover_the_price_pays_nothing(tmp_path: Path) -> None:
    """The call is paid as if there were no credit, which stays the buyer's."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [BREAKS_OFF]
        cheap = a_payment_header(an_endpoint(nano(1_000_500), name=MODEL).offers[0], nonce=9)
        await stall.answer("GET", b"/models/m", [(b"payment-signature", cheap)])
        assert stall.books.balances()["buyer"] == 1_001_000

        buyer = await stall.buy()
        assert (receipt(buyer).amount, receipt(buyer).transaction != "") == ("50000", True)
        assert stall.books.balances()["buyer"] == 1_001_000
        assert stall.count("settle") == {"settle": 2}


@pytest.mark.parametrize(
    ("says", "status", "paid"),
    [
        (FAILS, 500, False),
        (NothingSent("refused"), 502, False),
        (TimedOut("late"), 504, False),
        (BREAKS_OFF, 200, True),
    ],
    ids=["fails", "unreachable", "too slow", "breaks off"],
)
@pytest.mark.parametrize("nonce", [1, 2], ids=["same payment", "fresh payment"])
async def test_credit_comes_back_from_a_call_that_fails(
    tmp_path: Path, says: Says | Exception, status: int, paid: bool, nonce: int
) -> None:
    """No receipt for what was not charged; the same payment may spend the credit again."""
    async with open_stall(tmp_path) as stall:
        await give_credit(stall)
        stall.upstream.script = [says]
        failed = await stall.buy(nonce)

        assert (failed.status, failed.header(b"payment-response") is not None) == (status, paid)
        assert stall.books.balances()["buyer"] == P
        assert "held" not in stall.books.balances()
        assert await stall.state("call_2") is (State.CREDITED if nonce == 1 else State.RELEASED)
        assert from_credit(await stall.buy(nonce))
        assert stall.count("settle") == {"settle": 1}
        assert "buyer" not in stall.books.balances()


async def test_what_credit_is_left_is_paid_out_to_the_last_call_it_covers(tmp_path: Path) -> None:
    """Of 200 calls at once of a payer with credit for three, three are served from it."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [BREAKS_OFF] * 3
        gate = stall.facilitator.gate
        gate.clear()
        owed = [stall.ask(headers=[stall.payment(nonce)]) for nonce in (1, 2, 3)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*(task for _, task in owed))
        assert stall.books.balances()["buyer"] == 3 * P

        asked = [stall.ask(headers=[stall.payment(nonce)]) for nonce in range(10, 210)]
        await asyncio.gather(*(task for _, task in asked))

        assert {buyer.status for buyer, _ in asked} == {200}
        assert sum(from_credit(buyer) for buyer, _ in asked) == 3
        assert stall.count("settle", "upstream") == {"settle": 200, "upstream": 203}
        assert stall.books.balances()["revenue"] == 200 * P
        assert "buyer" not in stall.books.balances()
        on_credit = stall.books.select("SELECT facilitator, proof FROM payments WHERE on_credit = 1")
        assert on_credit == [("", "none")] * 3


# Defects: wherever a step raises, no money stays open.


@pytest.mark.parametrize(
    ("point", "status", "left", "money"),
    [
        ("admitted", 503, State.RELEASED, NOTHING),
        ("sending", 503, State.UNKNOWN, OPEN),
        ("asked", 503, State.UNKNOWN, OPEN),
        ("recorded", 503, State.CREDITED, CREDIT),
        ("forwarded", 503, State.CREDITED, CREDIT),
        ("started", 200, State.CREDITED, CREDIT),
        ("streamed", 200, State.DELIVERED, SOLD),
        ("closed", 200, State.DELIVERED, SOLD),
    ],
)
async def test_a_defect_upfront_leaves_no_money_open(
    tmp_path: Path, point: str, status: int, left: State, money: dict[str, int]
) -> None:
    """The call is closed by what is on disk: released, unknown, credited or sold."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.upstream.otherwise = LONG
        stall.defects[point] = ZeroDivisionError("secret detail")
        buyer = await stall.buy()

        assert (buyer.status, b"secret" in buyer.body) == (status, False)
        assert await stall.state() is left
        assert stall.books.balances() == money
        assert stall.observer.attention == ["call_abandoned"]


@pytest.mark.parametrize("nonce", [1, 2], ids=["same payment", "fresh payment"])
@pytest.mark.parametrize(
    ("point", "status", "served"),
    [
        ("admitted", 503, False),
        ("forwarded", 503, False),
        ("started", 200, False),
        ("streamed", 200, True),
        ("closed", 200, True),
    ],
)
async def test_a_defect_on_credit_gives_it_back(
    tmp_path: Path, point: str, status: int, served: bool, nonce: int
) -> None:
    """Nothing is charged for what was not delivered, and nothing twice for what was."""
    async with open_stall(tmp_path) as stall:
        await give_credit(stall)
        before = stall.books.balances()
        stall.defects[point] = ZeroDivisionError("secret detail")
        buyer = await stall.buy(nonce)

        assert buyer.status == status
        back = State.CREDITED if nonce == 1 else State.RELEASED
        assert await stall.state("call_2") is (State.DELIVERED if served else back)
        sold = {**{name: units for name, units in before.items() if name != "buyer"}, "revenue": P}
        assert stall.books.balances() == (sold if served else before)
        assert stall.count("settle") == {"settle": 1}


@pytest.mark.parametrize("nonce", [1, 2], ids=["same payment", "fresh payment"])
async def test_a_crash_on_credit_is_put_to_rest_by_the_next_run(tmp_path: Path, nonce: int) -> None:
    """The hold is void and the credit whole: the same payment may spend it again."""
    async with open_stall(tmp_path) as stall:
        await give_credit(stall)
        stall.upstream.gate.clear()
        stall.upstream.asked.clear()
        _, task = stall.ask(headers=[stall.payment(nonce)])
        await stall.upstream.asked.wait()
        assert stall.books.balances()["held"] == P
        assert await stall.recovery("run_2").put_to_rest() == 1
        assert stall.books.balances()["buyer"] == P
        stall.upstream.gate.set()
        await task  # the old run's task finds its payment gone, and the call closed

        assert from_credit(await stall.buy(nonce))
        assert stall.count("settle") == {"settle": 1}


async def test_a_buyer_who_leaves_while_it_is_worked_for_on_credit_is_charged(tmp_path: Path) -> None:
    """As with any payment: the work was done for who asked, and the answer is kept for the repeat."""
    async with open_stall(tmp_path) as stall:
        await give_credit(stall)
        stall.upstream.gate.clear()
        stall.upstream.asked.clear()
        buyer, task = stall.ask(headers=[stall.payment(2)])
        await stall.upstream.asked.wait()
        buyer.leave()
        stall.upstream.gate.set()
        await task

        assert await stall.state("call_2") is State.DELIVERED
        again = await stall.buy(nonce=2)
        assert (from_credit(again), again.body) == (True, b"done")
        assert again.header(b"sidecar-call-id") == b"call_2"


async def test_another_facilitators_fee_is_owed_by_who_settled_late(tmp_path: Path) -> None:
    """Evidence that a settlement we never heard of was made owes its facilitator."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.facilitator.settles = [AnswerLost("status 502")]
        await stall.buy()
        await find_the_transfer(stall)

        assert stall.books.balances() == {**ARRIVED, **FEE, "buyer": P}
        assert FACILITATOR.replace(":", "%3A") in str(stall.books.accounts())


# Deferred: work, deliver, and ask for the money afterwards.


async def test_a_deferred_call_is_two_commits(tmp_path: Path) -> None:
    """Admit, funds, work, the answer without a receipt, close; then the money is asked for."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        stall.upstream.otherwise = ANSWER
        buyer = await stall.buy()

        assert stall.trace == ["admit_unit", "funds", "upstream", "start", "body", "close_unit"]
        assert (buyer.status, buyer.body, buyer.ended) == (200, COMPLETION, True)
        assert buyer.header(b"payment-response") is None
        assert buyer.header(b"cache-control") == b"private"
        assert await stall.state() is State.OWED
        owed = {"cost:model": COMPLETION_NANO, "provider_payable": COMPLETION_NANO}
        assert stall.books.balances() == {**OWED, **owed}
        assert (stall.books.call()["outcome"], stall.books.call()["settlement"]) == ("served", "pending")

        await stall.collector().collect()
        assert stall.count("settle") == {"settle": 1}
        assert stall.books.balances() == {**COLLECTED, **owed}
        assert stall.books.call()["settlement"] == "settled"


async def test_the_same_deferred_payment_gets_its_answer_and_later_its_receipt(tmp_path: Path) -> None:
    """Nothing is worked for again; there is a receipt as soon as there is a settlement."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        stall.upstream.otherwise = ANSWER
        await stall.buy()
        early = await stall.buy()
        await stall.collector().collect()
        late = await stall.buy()

        assert (early.status, early.body, late.status, late.body) == (200, COMPLETION, 200, COMPLETION)
        assert early.header(b"sidecar-call-id") == late.header(b"sidecar-call-id") == b"call_1"
        assert early.header(b"payment-response") is None
        assert (receipt(late).success, receipt(late).amount) == (True, "50000")
        assert stall.count("upstream", "settle") == {"upstream": 1, "settle": 1}

        stall.answers.kept.clear()
        gone = await stall.buy()
        assert (gone.status, gone.document()["code"]) == (410, "answer_gone")
        assert receipt(gone).success


async def test_an_answer_gone_before_its_settlement_has_no_receipt(tmp_path: Path) -> None:
    """It is gone all the same, and nothing says that it was paid."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        await stall.buy()
        stall.answers.kept.clear()
        gone = await stall.buy()

        assert (gone.status, gone.document()["code"]) == (410, "answer_gone")
        assert gone.header(b"payment-response") is None


@pytest.mark.parametrize("settings", [{}, {"chain": False}], ids=["a stranger", "no node"])
async def test_who_may_not_owe_is_served_as_authorization(
    tmp_path: Path, settings: Mapping[str, bool]
) -> None:
    """Without a final payment of its own, or without a chain to ask, the money comes before the body."""
    async with open_stall(tmp_path, endpoint=DEFERRED, **settings) as stall:
        if settings:
            await stall.paid_before()
        buyer = await stall.buy()

        assert stall.trace[-6:] == ["sending_unit", "settle", "result_unit", "start", "body", "close_unit"]
        assert receipt(buyer).success
        assert await stall.state() is State.DELIVERED


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (FAILS, 500),
        (BREAKS_OFF, 200),
        (TimedOut("late"), 504),
        (NothingSent("refused"), 502),
    ],
    ids=["500", "breaks off", "timeout", "unreachable"],
)
async def test_a_deferred_call_that_fails_is_not_charged(
    tmp_path: Path, says: Says | Exception, status: int
) -> None:
    """Nothing is owed, nothing is asked for, and the same payment may enter again."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        stall.upstream.script = [says]
        buyer = await stall.buy()
        await stall.collector().collect()

        assert buyer.status == status
        assert buyer.header(b"payment-response") is None
        assert await stall.state() is State.RELEASED
        worked = RETRY if isinstance(says, Says) else NOTHING
        assert stall.books.balances() == and_before(worked)
        assert stall.books.call()["captured_nano"] == 0

        assert (await stall.buy()).status == 200
        assert await stall.state("call_2") is State.OWED
        assert stall.count("settle") == {"settle": 0}


async def test_a_buyer_who_leaves_a_deferred_call_owes_for_it(tmp_path: Path) -> None:
    """The agent is read to its end, the answer is kept, and its price is asked for."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        hold = asyncio.Event()
        stall.upstream.script = [Says(headers=JSON, chunks=(COMPLETION[:40], hold, COMPLETION[40:]))]
        buyer, task = stall.ask(headers=[stall.payment()])
        await buyer.fed.wait()
        buyer.leave()
        hold.set()
        await task

        assert await stall.state() is State.OWED
        assert stall.books.call()["outcome"] == "served"
        again = await stall.buy()
        assert (again.status, again.body) == (200, COMPLETION)
        assert stall.count("upstream") == {"upstream": 1}


@pytest.mark.parametrize(
    ("settles", "state", "balances", "whole"),
    [
        ([], State.DELIVERED, COLLECTED, True),
        (
            [SettleReply(False, "", NETWORK, None, None, reasons.INSUFFICIENT_FUNDS)],
            State.FAILED,
            PAID_BEFORE,
            False,
        ),
        ([AnswerLost("reset")], State.UNKNOWN, and_before(OPEN), False),
    ],
    ids=["settled", "refused", "unknown"],
)
async def test_an_answer_that_would_outlast_its_payment_is_settled_on_the_way(
    tmp_path: Path,
    settles: list[SettleReply | Exception],
    state: State,
    balances: dict[str, int],
    *,
    whole: bool,
) -> None:
    """Asked for at its end, the authorization would be dead, and an honest payer would owe."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        stall.facilitator.settles = list(settles)
        stall.upstream.script = [Says(chunks=(b"x" * 40, b"y" * 40))]
        stall.upstream.gate.clear()
        buyer, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        stall.clock.pass_s(180 - NEAR_S)
        stall.upstream.gate.set()
        await task

        assert (buyer.status, buyer.body, buyer.ended) == (200, b"x" * 40 + b"y" * 40 * whole, whole)
        assert buyer.header(b"payment-response") is None, "nobody was asked when it began"
        assert stall.count("settle") == {"settle": 1}
        assert await stall.state() is state
        assert stall.books.balances() == balances


async def test_of_five_hundred_copies_of_a_deferred_payment_one_is_worked_for(tmp_path: Path) -> None:
    """One upstream call, one settlement, one sale; the others wait for it or get its answer."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        asked = [stall.ask(headers=[stall.payment()]) for _ in range(500)]
        await asyncio.gather(*(task for _, task in asked))
        await stall.collector().collect()

        assert {buyer.status for buyer, _ in asked} <= {200, 503}
        assert {buyer.header(b"payment-response") for buyer, _ in asked} == {None}
        codes = {buyer.document()["code"] for buyer, _ in asked if buyer.status != 200}
        assert codes <= {"call_in_progress"}
        assert stall.count("upstream", "settle") == {"upstream": 1, "settle": 1}
        assert stall.books.balances() == COLLECTED


async def test_what_is_owed_counts_as_exposure(tmp_path: Path) -> None:
    """Only a final outcome makes room again; at half of it the money is asked for at once."""
    async with open_stall(tmp_path, endpoint=DEFERRED, exposure=nano(4 * P)) as stall:
        await stall.paid_before()
        waking = []
        for nonce in (1, 2, 3, 4):
            assert (await stall.buy(nonce)).status == 200
            waking.append(stall.services.collect.is_set())
        refused = await stall.buy(nonce=5)

        assert waking == [False, True, True, True]
        assert (refused.status, refused.document()["code"]) == (429, "exposure_exceeded")
        await stall.collector().collect()
        assert (await stall.buy(nonce=5)).status == 200
        assert stall.count("settle") == {"settle": 4}


async def test_a_debtor_pays_first_everywhere(tmp_path: Path) -> None:
    """A refused settlement after delivery is bad debt; the next calls are settled before the work."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        await stall.buy()
        stall.facilitator.settles = [SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)]
        await stall.collector().collect()

        assert await stall.state() is State.DEFAULTED
        assert stall.books.balances() == DEFAULTED
        assert stall.books.call()["settlement"] == "failed"
        assert "payment_defaulted" in stall.observer.attention
        repeated = await stall.buy()
        assert (repeated.status, repeated.document()["code"]) == (402, "settlement_failed")

        stall.trace.clear()
        assert (await stall.buy(nonce=2)).status == 200
        paying_first = ["sending_unit", "settle", "result_unit", "upstream", "start", "body", "close_unit"]
        assert stall.trace == ["admit_unit", *paying_first]
        cheap = a_payment_header(an_endpoint(nano(1_000_500), name=MODEL).offers[0], nonce=9)
        stall.trace.clear()
        assert (await stall.answer("GET", b"/models/any", [(b"payment-signature", cheap)])).status == 200
        assert stall.trace == ["admit_unit", *paying_first]


async def test_a_debt_is_paid_by_the_transfer_that_comes_late(tmp_path: Path) -> None:
    """The refused authorization was used after all: the debt is gone, and its payer trusted again."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        await stall.buy()
        stall.facilitator.settles = [SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)]
        await stall.collector().collect()
        await find_the_transfer(stall)

        assert await stall.state() is State.DELIVERED
        assert stall.books.balances() == and_before({**ARRIVED, "revenue": P, **FEE})
        assert receipt(await stall.buy()).success
        assert (await stall.buy(nonce=2)).header(b"payment-response") is None


async def test_a_debt_is_paid_by_credit_at_the_next_call(tmp_path: Path) -> None:
    """What an upfront call left as credit pays the debt first; the receipt says that nothing moved."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        await stall.buy()
        stall.facilitator.settles = [SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)]
        await stall.collector().collect()
        stall.upstream.script = [FAILS]
        await stall.buy(nonce=2)
        credit = {"reported": P, "buyer": P, **FEE}
        assert stall.books.balances() == dict(Counter(DEFAULTED) + Counter(credit) + Counter(RETRY))

        served = await stall.buy(nonce=3)
        assert served.header(b"payment-response") is None, "it is trusted again"
        assert await stall.state() is State.DELIVERED
        paid = {"revenue": 2 * P, "reported": P, "authorized": P, **FEE}
        assert stall.books.balances() == and_before({**paid, **RETRY})
        assert from_credit(await stall.buy())
        assert stall.books.call()["settlement"] == "settled"


@pytest.mark.parametrize(
    ("point", "status", "left"),
    [
        ("admitted", 503, State.RELEASED),
        ("funded", 503, State.RELEASED),
        ("forwarded", 503, State.RELEASED),
        ("started", 200, State.RELEASED),
        ("streamed", 200, State.OWED),
        ("owed", 200, State.OWED),
        ("closed", 200, State.OWED),
    ],
)
async def test_a_defect_in_a_deferred_call_leaves_no_money_open(
    tmp_path: Path, point: str, status: int, left: State
) -> None:
    """Delivered whole it is owed for, and before that nobody owes anything."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        stall.defects[point] = ZeroDivisionError("secret detail")
        buyer = await stall.buy()

        assert buyer.status == status
        assert b"secret" not in buyer.body
        assert await stall.state() is left
        assert stall.books.balances() == (OWED if left is State.OWED else PAID_BEFORE)


async def test_credit_is_spent_before_anything_is_owed(tmp_path: Path) -> None:
    """A payer with credit is served from it, on this route as on any other."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        await stall.books.credited(verified(call="call_0", nonce=BEFORE + 1), number=BEFORE + 1)
        served = await stall.buy()

        assert from_credit(served)
        assert stall.count("funds", "settle") == {"funds": 0, "settle": 0}
