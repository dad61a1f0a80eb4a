"""One authorization, one call: whatever else it is sent for, however often, and by whomever."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx

from sidecar.sandbox.process import Sandbox
from tests.scenarios import hostile, money
from tests.scenarios.hostile import Good
from tests.scenarios.middleman import Act, Hold, Moment
from tests.scenarios.scene import Scene, staged
from tests.scenarios.stand import Running, refusal, until

UNITS: Final = 10_000
COPIES: Final = 100
LEAST_S: Final = 120  # what must be left for the work and the settlement
SPARE_S: Final = 4
UNKNOWN: Final = (503, "settlement_unknown")
SPENT: Final = (409, "payment_reused")


def test_a_payment_pays_for_one_request_only(scene: Scene) -> None:
    """Another route, query or body is 409; the same request, however spelled, gets the same answer again."""
    account = scene.stand.sandbox.buyers[2]
    payment = scene.running.signed(account, "/chat")
    good = Good(account, payment)
    short_v = good.resigned(good.signature[:64] + bytes([good.signature[64] - 27]))
    lower = good.with_("accepted.payTo", payment["accepted"]["payTo"].lower())
    first = scene.running.send("/chat", short_v)
    before = scene.asked()

    others = [
        scene.running.send("/mystery", payment),
        scene.running.send("/chat?x=1", payment),
        scene.running.send("/chat", payment, content=b'{"ask":"more"}'),
        scene.running.send("/chat", payment, content=b""),
    ]
    repeats = [
        scene.running.send("/chat", payment),
        scene.running.send("/chat", lower),
        scene.running.send("/chat", short_v),
        scene.running.send("/chat", headers=dict(hostile.wire(hostile.in_version_1(good)))),
    ]

    assert first.status_code == 200
    assert [refusal(each) for each in others] == [SPENT] * len(others)
    for again in repeats:
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["sidecar-call-id"] == first.headers["sidecar-call-id"]
    assert scene.asked() == before


def test_a_payment_that_is_at_work_pays_for_nothing_else(scene: Scene) -> None:
    """While its call runs the same call again is `call_in_progress`, and another one is 409."""
    payment = scene.running.signed(scene.stand.sandbox.buyers[2], "/mystery")
    before = scene.asked()[0]

    hold = scene.upstream.on["/mystery"] = Hold(Moment.BEFORE)
    with ThreadPoolExecutor(1) as beside:
        asking = beside.submit(scene.running.send, "/mystery", payment)
        assert until(lambda: scene.asked()[0] > before)
        again = scene.running.send("/mystery", payment)
        other = scene.running.send("/chat", payment)
        hold.go.set()
        first = asking.result()
    del scene.upstream.on["/mystery"]

    assert first.status_code == 200
    assert refusal(again) == (503, "call_in_progress")
    assert again.headers["sidecar-call-id"] == first.headers["sidecar-call-id"]
    assert refusal(other) == (409, "payment_reused")
    assert scene.asked()[0] == before + 1


def test_a_hundred_copies_of_one_payment_buy_one_call(scene: Scene) -> None:
    """One upstream call, one settlement, one price on chain; the other copies are told so."""
    payment = scene.running.signed(scene.stand.sandbox.buyers[3], "/chat")
    money.settled_down(scene.stand, scene.running)
    worked, settled, _ = scene.asked()
    onchain = scene.stand.sandbox.balance_of(scene.stand.pay_to)

    answers = scene.at_once([("/chat", hostile.wire(payment))] * COPIES)
    money.settled_down(scene.stand, scene.running)

    told = {refusal(answer) for answer in answers}
    assert {(200, "")} <= told <= {(200, ""), (503, "call_in_progress")}
    assert len({answer.headers["sidecar-call-id"] for answer in answers}) == 1
    assert (scene.asked()[0] - worked, scene.asked()[1] - settled) == (1, 1)
    assert scene.stand.sandbox.balance_of(scene.stand.pay_to) - onchain == UNITS


def test_a_repeat_is_never_asked_to_pay_anew_however_late_it_comes(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """Past the time in which it could buy, and at another price after a restart, it is told how it stands."""
    payer = sandbox.buyers[0]
    with staged(tmp_path, sandbox, agent) as scene:
        too_late_s = int(time.time()) + SPARE_S
        served, lost = (
            Good(payer, scene.running.signed(payer, "/chat")).signed(validBefore=too_late_s + LEAST_S)
            for _ in range(2)
        )
        first = scene.running.send("/chat", served)
        scene.facilitator.on["/settle"] = Act.FAIL
        unknown = scene.running.send("/chat", lost, content=b"another request")
        assert until(lambda: time.time() > too_late_s + 1)
        late = _again(scene.running, lost, served)
    config = scene.stand.config
    config.write_text(
        config.read_text().replace('"POST /chat": {price: "$0.01"}', '"POST /chat": {price: "$0.03"}')
    )
    with scene.stand.serving() as running:
        dearer = _again(running, lost, served)
        books = money.read(running)

    assert (first.status_code, refusal(unknown)) == (200, UNKNOWN)
    for again in (late, dearer):
        assert [refusal(each) for each in again] == [UNKNOWN, (200, "")]
        assert [each.headers["sidecar-call-id"] for each in again] == [
            unknown.headers["sidecar-call-id"],
            first.headers["sidecar-call-id"],
        ]
    assert (books.broken, len(books.calls)) == ({}, 2)


def _again(running: Running, lost: Mapping[str, Any], served: Mapping[str, Any]) -> list[httpx.Response]:
    return [running.send("/chat", lost, content=b"another request"), running.send("/chat", served)]
