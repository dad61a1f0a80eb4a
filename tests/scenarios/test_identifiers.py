"""A buyer that names its purchase may sign for it as often as it likes: it is charged once."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import wrapHttpxWithPayment
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner

from sidecar.sandbox import buyer
from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from tests.plainly import PLAINLY
from tests.scenarios import hostile, money
from tests.scenarios.middleman import Hold, Moment
from tests.scenarios.scene import Scene
from tests.scenarios.stand import Running, challenge, receipt, refusal, set_up, until
from tests.scenarios.test_kill import AFTER, PRICE, UNITS, UNKNOWN, Aftermath, told_at_last
from tests.sidecar.x402.official import Naming, payment_identifier

CROWD: Final = 500
POINTS: Final = ("admitted", "forwarded", "sending", "asked", "recorded", "streamed", "closed")
CONTENT: Final = b"{}"


def signed(running: Running, account: TestAccount, name: str, count: int) -> list[dict[str, Any]]:
    """Sign for /chat so many times, each time afresh and under the same name."""
    asked = challenge(running.send("/chat"))
    append = payment_identifier().append_payment_identifier_to_extensions
    append(asked["extensions"], name)
    return [buyer.sign(account.private_key, asked) for _ in range(count)]


def client(account: TestAccount, name: str) -> httpx.AsyncClient:
    """Give the official paying client, which signs afresh for every call, as a new process has it."""
    paying = x402Client()
    register_exact_evm_client(paying, EthAccountSigner(Account.from_key(account.private_key)))
    paying.register_extension(Naming(name))
    return wrapHttpxWithPayment(paying, timeout=60, **PLAINLY)


async def bought(account: TestAccount, name: str, url: str) -> httpx.Response:
    async with client(account, name) as http:
        return await http.post(url, content=CONTENT)


async def left(account: TestAccount, name: str, scene: Scene) -> None:
    """Buy a call, and hang up while the agent works on it."""
    before = len(scene.upstream.seen)
    asking = asyncio.create_task(bought(account, name, scene.running.url + "/chat"))
    assert await asyncio.to_thread(until, lambda: len(scene.upstream.seen) > before)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking


def test_a_lost_answer_is_fetched_with_a_fresh_signature(scene: Scene) -> None:
    """The official client pays again for the same purchase, and one transfer is all that moves."""
    account, name = scene.stand.sandbox.buyers[1], "purchase-lost-answer"
    money.settled_down(scene.stand, scene.running)
    worked = scene.asked()[0]
    onchain = scene.stand.sandbox.balance_of(scene.stand.pay_to)

    hold = scene.upstream.on["/chat"] = Hold(Moment.BEFORE)
    asyncio.run(left(account, name, scene))
    meanwhile = asyncio.run(bought(account, name, scene.running.url + "/chat"))
    hold.go.set()
    del scene.upstream.on["/chat"]
    charged = scene.stand.sandbox.balance_of
    assert until(lambda: charged(scene.stand.pay_to) > onchain)
    money.settled_down(scene.stand, scene.running)
    found = [asyncio.run(bought(account, name, scene.running.url + "/chat")) for _ in range(2)]
    books = money.settled_down(scene.stand, scene.running)

    assert refusal(meanwhile) == (503, "call_in_progress")
    for answer in found:
        assert (answer.status_code, answer.content) == (200, found[0].content)
        assert receipt(answer) == receipt(found[0])
        assert answer.headers["sidecar-call-id"] == meanwhile.headers["sidecar-call-id"]
    assert receipt(found[0])["transaction"] in books.paid_in()
    assert scene.asked()[0] == worked + 1
    assert scene.stand.sandbox.balance_of(scene.stand.pay_to) - onchain == UNITS


def test_a_name_buys_one_request(scene: Scene) -> None:
    """Another body under it is refused; another wallet's purchase of that name is its own."""
    first, other = scene.stand.sandbox.buyers[1:3]
    mine, again = signed(scene.running, first, "purchase-of-one-request", 2)
    (theirs,) = signed(scene.running, other, "purchase-of-one-request", 1)

    answers = [
        scene.running.send("/chat", mine, content=b"one"),
        scene.running.send("/chat", again, content=b"another"),
        scene.running.send("/chat", theirs, content=b"another"),
    ]

    assert [refusal(answer) for answer in answers] == [
        (200, ""),
        (409, "payment_identifier_conflict"),
        (200, ""),
    ]


def test_five_hundred_signatures_for_one_purchase_buy_one_call(scene: Scene) -> None:
    """One upstream call, one settlement, one price on chain; afterwards each is the key to the answer."""
    account = scene.stand.sandbox.buyers[3]
    payments = signed(scene.running, account, "purchase-of-a-crowd", CROWD)
    money.settled_down(scene.stand, scene.running)
    worked, settled, _ = scene.asked()
    onchain = scene.stand.sandbox.balance_of(scene.stand.pay_to)

    answers = scene.at_once([("/chat", hostile.wire(payment)) for payment in payments])
    money.settled_down(scene.stand, scene.running)
    later = [scene.running.send("/chat", payment, content=CONTENT) for payment in payments[::100]]

    told = {refusal(answer) for answer in answers}
    assert {(200, "")} <= told <= {(200, ""), (503, "call_in_progress")}
    assert {answer.status_code for answer in later} == {200}
    assert len({answer.headers["sidecar-call-id"] for answer in (*answers, *later)}) == 1
    served = [answer for answer in (*answers, *later) if answer.status_code == 200]
    assert len({(answer.content, answer.headers["payment-response"]) for answer in served}) == 1
    assert (scene.asked()[0] - worked, scene.asked()[1] - settled) == (1, 1)
    assert scene.stand.sandbox.balance_of(scene.stand.pay_to) - onchain == UNITS


@pytest.mark.parametrize(("point", "expected"), [(point, AFTER[point]) for point in POINTS], ids=POINTS)
def test_a_kill_does_not_make_a_named_purchase_two(
    point: str, expected: Aftermath, tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """After a restart a fresh signature is told what the first one would be, and takes no second price."""
    stand = set_up(tmp_path, sandbox, agent)
    payer = sandbox.buyers[0]
    with stand.serving(SIDECAR_FAULT=point) as dying:
        first, *fresh = signed(dying, payer, "purchase-amid-a-kill", 4)
        with contextlib.suppress(httpx.TransportError):
            dying.send("/chat", first)
        assert dying.ended() == -signal.SIGKILL

    with stand.serving() as running:
        told = [refusal(running.send("/chat", fresh[0]))]
        money.settled_down(stand, running)
        told += [told_at_last(running, payment) for payment in fresh[1:]]
        books = money.settled_down(stand, running)

    assert told[0] in expected.repeat
    assert set(told[1:]) <= (UNKNOWN if expected.taken == 0 else expected.repeat - UNKNOWN)
    assert stand.taken() == ({payer.address.lower(): UNITS} if expected.taken else {})
    assert (books.sold_to(payer.address), books.owed_to(payer.address)) == (expected.taken, 0)
    assert books.of("deposit") == books.of("authorized") == PRICE - expected.taken
