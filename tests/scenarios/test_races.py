"""Payers quicker than their payment: overdrawn, overexposed, spent elsewhere or taken back meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest

from sidecar.sandbox import buyer, keys
from sidecar.sandbox.keys import TestAccount
from tests.scenarios import money
from tests.scenarios.hostile import Good
from tests.scenarios.middleman import Hold, Moment
from tests.scenarios.scene import Scene
from tests.scenarios.stand import refusal, until

PRICE: Final = 10_000_000  # nano-USD
UNITS: Final = 10_000
DEAR_PER_DOLLAR: Final = 20


def test_a_balance_pays_once_however_many_sign_on_it(scene: Scene) -> None:
    """Of five payments at once on a balance that covers one, one is served; the others are refused unpaid."""
    poor = keys.published("buyer with one coin")
    _give(scene, poor)
    payments = [scene.running.signed(poor, "/chat") for _ in range(5)]
    hold = scene.upstream.on["/chat"] = Hold(Moment.BEFORE)
    before = scene.asked()[0]

    with ThreadPoolExecutor(5) as beside:
        asking = [beside.submit(scene.running.send, "/chat", payment) for payment in payments]
        assert until(lambda: sum(each.done() for each in asking) == 4)
        hold.go.set()
        answers = [each.result() for each in asking]
    del scene.upstream.on["/chat"]
    money.settled_down(scene.stand, scene.running)

    told = sorted(refusal(answer) for answer in answers)
    assert told == [(200, ""), *[(402, "payment_invalid")] * 4]
    reasons = {answer.json()["reason"] for answer in answers if answer.status_code == 402}
    assert reasons == {"insufficient_funds"}
    assert scene.asked()[0] == before + 1


def test_no_payer_owes_more_than_its_exposure(scene: Scene) -> None:
    """What exceeds the open money a payer may have is 429 before any work, and is good again later."""
    account = scene.stand.sandbox.buyers[4]
    payments = [scene.running.signed(account, "/research") for _ in range(DEAR_PER_DOLLAR + 1)]
    hold = scene.upstream.on["/research"] = Hold(Moment.BEFORE)
    before = scene.asked()[0]

    with ThreadPoolExecutor(len(payments)) as beside:
        asking = [beside.submit(scene.running.send, "/research", payment) for payment in payments]
        assert until(lambda: any(each.done() for each in asking))
        assert until(lambda: scene.asked()[0] == before + DEAR_PER_DOLLAR)
        hold.go.set()
        answers = [each.result() for each in asking]
    del scene.upstream.on["/research"]
    refused = [
        payment for payment, answer in zip(payments, answers, strict=True) if answer.status_code != 200
    ]
    again = scene.running.send("/research", refused[0])
    money.settled_down(scene.stand, scene.running)

    told = sorted(refusal(answer) for answer in answers)
    assert told == [*[(200, "")] * DEAR_PER_DOLLAR, (429, "exposure_exceeded")]
    assert (len(refused), again.status_code) == (1, 200)


def test_a_payment_somebody_else_broadcast_is_credit_and_no_answer(scene: Scene) -> None:
    """Preempted while the agent works: the answer stays here, and the money that came is the buyer's."""
    account = scene.stand.sandbox.buyers[1]
    payment = scene.running.signed(account, "/chat")
    owed = money.settled_down(scene.stand, scene.running).owed_to(account.address)

    answer = scene.meanwhile(payment, lambda: scene.stand.broadcast(payment))
    books = money.settled_down(scene.stand, scene.running)
    again = scene.again(payment)
    after = money.settled_down(scene.stand, scene.running)

    assert refusal(answer) == (503, "settlement_unknown")
    assert "chatcmpl" not in answer.text
    assert books.owed_to(account.address) - owed == PRICE
    assert (again.status_code, after.owed_to(account.address)) == (200, owed)


def test_a_payment_that_was_taken_back_gets_no_answer(scene: Scene) -> None:
    """Cancelled while the agent works: the answer stays here, and the call waits for evidence."""
    account = scene.stand.sandbox.buyers[0]
    payment = scene.running.signed(account, "/chat")
    held = money.settled_down(scene.stand, scene.running).of("deposit")

    answer = scene.meanwhile(payment, lambda: scene.cancel(account, payment))
    books = money.settled_down(scene.stand, scene.running)
    again = scene.again(payment)

    assert refusal(answer) == refusal(again) == (503, "settlement_unknown")
    assert "chatcmpl" not in answer.text
    assert books.of("deposit") - held == PRICE


@pytest.mark.parametrize("spent", ["broadcast", "cancelled"])
def test_a_payment_that_was_spent_before_is_no_payment(spent: str, scene: Scene) -> None:
    """An authorization that is used already is refused before any work, and may not enter again."""
    account = scene.stand.sandbox.buyers[0]
    payment = Good(account, scene.running.signed(account, "/chat")).payment
    if spent == "broadcast":
        elsewhere = buyer.exact(
            network=scene.stand.sandbox.network,
            asset=scene.stand.sandbox.asset,
            pay_to=keys.PAY_TO.address,
            units=UNITS,
        )
        # The same nonce, signed for somebody else and used there.
        other = Good(account, {**payment, "accepted": elsewhere}).signed(to=keys.PAY_TO.address)
        scene.stand.broadcast(other)
    else:
        scene.cancel(account, payment)
    before = scene.asked()[0]

    answers = [_told(scene.running.send("/chat", payment)) for _ in range(2)]

    assert answers[0] == (402, "payment_invalid", "invalid_exact_evm_nonce_already_used")
    assert answers[1][0] == 402
    assert scene.asked()[0] == before
    money.settled_down(scene.stand, scene.running)


def _give(scene: Scene, account: TestAccount) -> None:
    """Let a rich buyer pay one price to *account*."""
    sandbox = scene.stand.sandbox
    wanted = buyer.exact(network=sandbox.network, asset=sandbox.asset, pay_to=account.address, units=UNITS)
    scene.stand.broadcast(buyer.sign(sandbox.buyers[4].private_key, buyer.offer(wanted)))


def _told(answer: httpx.Response) -> tuple[int, str, str]:
    document = answer.json()
    return answer.status_code, document["code"], document.get("reason", "")
