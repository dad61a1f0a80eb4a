"""Bad payments: each is named, and none is work for anybody."""

import httpx

from tests.plainly import PLAINLY
from tests.scenarios import hostile, money
from tests.scenarios.hostile import VECTORS, Good
from tests.scenarios.scene import Scene


def test_a_bad_payment_is_named_costs_nothing_and_spoils_nothing(scene: Scene) -> None:
    """Each gets its own answer, nobody else is asked anything, and the good payment is still good."""
    account = scene.stand.sandbox.buyers[0]
    good = Good(account, scene.running.signed(account, "/chat"))
    before, calls = scene.asked(), money.read(scene.running).calls

    answers = {name: _told(_sent(scene, spoil(good))) for name, (spoil, _) in VECTORS.items()}

    assert answers == {name: expected for name, (_, expected) in VECTORS.items()}
    assert scene.asked() == before
    assert money.read(scene.running).calls == calls
    assert scene.running.send("/chat", good.payment).status_code == 200
    money.settled_down(scene.stand, scene.running)


def _sent(scene: Scene, fields: hostile.Fields) -> httpx.Response:
    address = scene.running.url + "/chat"
    with httpx.Client(**PLAINLY) as client:
        return client.post(address, headers=fields, content=b"{}")


def _told(answer: httpx.Response) -> tuple[int, str, str]:
    document = answer.json()
    return answer.status_code, document.get("code", ""), document.get("reason", "")


def test_two_payment_headers_are_no_payment(scene: Scene) -> None:
    """One in each header is malformed, even if both are the same good payment."""
    account = scene.stand.sandbox.buyers[0]
    payment = Good(account, scene.running.signed(account, "/chat"))
    ((_, text),) = hostile.wire(payment.payment)
    before = scene.asked()

    answer = _sent(scene, [(hostile.HEADER, text), ("X-PAYMENT", text)])

    assert _told(answer)[:2] == (400, "payment_malformed")
    assert scene.asked() == before
