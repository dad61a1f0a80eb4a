"""How a paid call can end between the agent and the buyer: who stopped decides who pays."""

import select
import socket
from typing import Final

import httpx

from sidecar.sandbox.keys import TestAccount
from tests.plainly import PLAINLY
from tests.scenarios import hostile, money
from tests.scenarios.middleman import Act, Hold, Moment, Reply
from tests.scenarios.money import Books
from tests.scenarios.scene import Scene
from tests.scenarios.stand import receipt, refusal, until

PRICE: Final = 10_000_000  # nano-USD
MIB: Final = 1024 * 1024


def test_a_paid_answer_comes_whole_with_its_receipt_and_no_secret_of_ours(scene: Scene) -> None:
    """The receipt names the transaction that is on chain; no shared cache may keep the answer."""
    payer = scene.stand.sandbox.buyers[0]
    answer = scene.running.send("/chat", scene.running.signed(payer, "/chat"))
    books = money.settled_down(scene.stand, scene.running)

    paid = receipt(answer)
    call = next(call for call in books.calls if call["id"] == answer.headers["sidecar-call-id"])
    assert answer.json()["object"] == "chat.completion"
    assert (paid["success"], paid["payer"], paid["network"]) == (
        True,
        payer.address,
        scene.stand.sandbox.network,
    )
    assert (call["transaction"], call["settlement"], call["outcome"]) == (
        paid["transaction"],
        "settled",
        "served",
    )
    assert "private" in answer.headers["cache-control"]
    assert "PAYMENT-SIGNATURE" in answer.headers["vary"]
    ours = {name for name in answer.headers if name.startswith("sidecar-")}
    assert ours == {"sidecar-call-id"}


def test_an_agent_that_breaks_off_gives_credit(scene: Scene) -> None:
    """The connection ends without a clean end, and the price is the buyer's credit."""
    payer = scene.stand.sandbox.buyers[1]
    owed, sold = _standing(scene, payer)
    payment = scene.running.signed(payer, "/chat")

    scene.upstream.on["/chat"] = Act.HALF
    answer = _raw(scene, "/chat", payment)
    del scene.upstream.on["/chat"]
    books = money.settled_down(scene.stand, scene.running)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"payment-response: " in head.lower()
    assert not body.endswith(b"}")
    assert not body.endswith(b"0\r\n\r\n")
    assert (books.owed_to(payer.address) - owed, books.sold_to(payer.address) - sold) == (PRICE, 0)
    assert {line["kind"] for line in books.calls[0]["costs"]} == {"retry"}


def test_a_buyer_that_leaves_is_charged_for_what_was_made(scene: Scene) -> None:
    """It paid and went away amid the answer: the call counts as served, with its whole cost."""
    payer = scene.stand.sandbox.buyers[2]
    owed, sold = _standing(scene, payer)
    payment = scene.running.signed(payer, "/stream")
    hold = scene.upstream.on["/stream"] = Hold(Moment.AMID)
    with (
        httpx.Client(timeout=60, **PLAINLY) as client,
        client.stream("POST", scene.running.url + "/stream", headers=dict(hostile.wire(payment))) as stream,
    ):
        call = stream.headers["sidecar-call-id"]
    hold.go.set()
    del scene.upstream.on["/stream"]
    assert until(lambda: scene.running.ask(f"/api/v1/calls/{call}")["outcome"] != "running")
    books = money.settled_down(scene.stand, scene.running)

    ended = scene.running.ask(f"/api/v1/calls/{call}")
    assert (ended["outcome"], ended["unknown_costs"]) == ("served", 0)
    assert ended["costs"][0]["kind"] == "model"
    assert (books.owed_to(payer.address) - owed, books.sold_to(payer.address) - sold) == (0, 2 * PRICE)


def test_a_buyer_that_leaves_before_the_answer_is_charged_once(scene: Scene) -> None:
    """The call does not end with the connection: the work is settled, and a repeat is no second charge."""
    payer = scene.stand.sandbox.buyers[3]
    owed, sold = _standing(scene, payer)
    payment = scene.running.signed(payer, "/chat")
    hold = scene.upstream.on["/chat"] = Hold(Moment.BEFORE)
    before = scene.asked()[0]
    with socket.create_connection(("127.0.0.1", scene.running.port)) as connection:
        connection.sendall(_request("/chat", payment))
        assert until(lambda: scene.asked()[0] > before)
    hold.go.set()
    del scene.upstream.on["/chat"]
    assert until(
        lambda: refusal(scene.running.send("/chat", payment, content=b"")) != (503, "call_in_progress")
    )
    books = money.settled_down(scene.stand, scene.running)

    assert scene.asked()[0] == before + 1
    assert (books.owed_to(payer.address) - owed, books.sold_to(payer.address) - sold) == (0, PRICE)


def test_an_agent_that_fails_charges_nothing_and_may_be_asked_again(scene: Scene) -> None:
    """Its own status and body pass; the same payment enters again three times, and then no more."""
    payer = scene.stand.sandbox.buyers[4]
    standing = _standing(scene, payer)
    payment = scene.running.signed(payer, "/fail")

    answers = [scene.running.send("/fail", payment) for _ in range(4)]
    fifth = scene.running.send("/fail", payment)

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (500, {"error": "the agent failed"})
    ] * 4
    assert all("payment-response" not in answer.headers for answer in answers)
    assert len({answer.headers["sidecar-call-id"] for answer in answers}) == 4
    assert refusal(fifth) == (409, "payment_reused")
    assert _standing(scene, payer) == standing


def test_an_agent_that_is_too_slow_charges_nothing(scene: Scene) -> None:
    """504 once the route's time is up; the same payment buys the call when the agent is quick."""
    payer = scene.stand.sandbox.buyers[0]
    standing = _standing(scene, payer)
    payment = scene.running.signed(payer, "/late")
    hold = scene.upstream.on["/late"] = Hold(Moment.INSTEAD)
    late = scene.running.send("/late", payment)
    between = _standing(scene, payer)
    scene.upstream.on["/late"] = Reply(b"{}")
    hold.go.set()

    in_time = scene.running.send("/late", payment)
    del scene.upstream.on["/late"]
    after = _standing(scene, payer)

    assert refusal(late) == (504, "upstream_timeout")
    assert int(late.headers["retry-after"]) > 0
    assert (between, in_time.status_code) == (standing, 200)
    assert after == (standing[0], standing[1] + PRICE)


def test_answers_without_a_body_are_sold_as_well(scene: Scene) -> None:
    """204 and an empty 200 are successes: paid, with a receipt; a redirect is not, and is not followed."""
    payer = scene.stand.sandbox.buyers[1]
    _, sold = _standing(scene, payer)
    told = []
    for reply in (Reply(b"", status=204), Reply(b""), Reply(b"{}", status=302)):
        scene.upstream.on["/mystery"] = reply
        told.append(scene.running.send("/mystery", scene.running.signed(payer, "/mystery")))
    del scene.upstream.on["/mystery"]

    assert [answer.status_code for answer in told] == [204, 200, 302]
    assert ["payment-response" in answer.headers for answer in told] == [True, True, False]
    assert _standing(scene, payer)[1] == sold + 2 * PRICE


def test_every_way_to_frame_a_request_is_sold(scene: Scene) -> None:
    """Chunks, a body that waits for 100, and a HEAD that is priced as its GET: paid once each."""
    payer = scene.stand.sandbox.buyers[2]
    _, sold = _standing(scene, payer)
    chunked = _raw(
        scene,
        "/echo",
        scene.running.signed(payer, "/echo"),
        framing="Transfer-Encoding: chunked",
        body=b"5\r\nwhole\r\n0\r\n\r\n",
    )
    waited = _raw(
        scene,
        "/echo",
        scene.running.signed(payer, "/echo"),
        framing="Content-Length: 5\r\nExpect: 100-continue",
        body=b"whole",
    )
    scene.upstream.on["/models/a"] = Reply(b'{"model":"a"}')
    head = scene.running.send(
        "/models/a", scene.running.signed(payer, "/models/a", method="GET"), method="HEAD", content=b""
    )
    del scene.upstream.on["/models/a"]

    assert chunked.startswith(b"HTTP/1.1 200 ")
    assert waited.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert all(b'"body":"whole"' in answer for answer in (chunked, waited))
    assert (head.status_code, head.content, receipt(head)["success"]) == (200, b"", True)
    assert _standing(scene, payer)[1] == sold + 2 * PRICE + PRICE // 10


def test_an_answer_larger_than_what_is_read_ahead_waits_for_its_settlement(scene: Scene) -> None:
    """Not a byte leaves before the settlement, and afterwards every byte does."""
    payer = scene.stand.sandbox.buyers[3]
    payment = scene.running.signed(payer, "/mystery")
    large = bytes(range(256)) * (3 * MIB // 256)
    scene.upstream.on["/mystery"] = Reply(large)
    hold = scene.facilitator.on["/settle"] = Hold(Moment.BEFORE)
    settled = scene.facilitator.asked()["/settle"]
    with socket.create_connection(("127.0.0.1", scene.running.port), timeout=60) as connection:
        connection.sendall(_request("/mystery", payment))
        assert until(lambda: scene.facilitator.asked()["/settle"] > settled)
        readable, _, _ = select.select([connection], [], [], 0)
        hold.go.set()
        answer = _read(connection)
    del scene.upstream.on["/mystery"], scene.facilitator.on["/settle"]
    money.settled_down(scene.stand, scene.running)

    assert readable == []
    assert answer.endswith(b"\r\n\r\n" + large)


def test_a_body_that_is_too_large_claims_nothing(scene: Scene) -> None:
    """413 before anything is claimed or asked; at the limit it passes whole, with the same payment."""
    payment = scene.running.signed(scene.stand.sandbox.buyers[1], "/echo")
    before, calls = scene.asked(), len(money.read(scene.running).calls)
    large = scene.running.send("/echo", payment, content=b"x" * (MIB + 1))
    between, admitted = scene.asked(), len(money.read(scene.running).calls)

    whole = scene.running.send("/echo", payment, content=b"x" * MIB)
    money.settled_down(scene.stand, scene.running)

    assert refusal(large) == (413, "body_too_large")
    assert (between, admitted) == (before, calls)
    assert whole.status_code == 200
    assert whole.json()["body"] == "x" * MIB


def _standing(scene: Scene, account: TestAccount) -> tuple[int, int]:
    """Return what is owed to a payer and what was sold to it, once everything is final."""
    books: Books = money.settled_down(scene.stand, scene.running)
    return books.owed_to(account.address), books.sold_to(account.address)


def _request(path: str, payment: dict[str, object], framing: str = "Content-Length: 0") -> bytes:
    ((name, text),) = hostile.wire(payment)
    fields = f"Host: agent.invalid\r\n{framing}\r\nConnection: close\r\n{name}: {text}\r\n"
    return f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode()


def _raw(
    scene: Scene,
    path: str,
    payment: dict[str, object],
    framing: str = "Content-Length: 0",
    body: bytes = b"",
) -> bytes:
    """Send the body once the sidecar has seen the head; return every byte until the connection ends."""
    with socket.create_connection(("127.0.0.1", scene.running.port), timeout=60) as connection:
        connection.sendall(_request(path, payment, framing))
        begun = connection.recv(25) if "100-continue" in framing else b""
        connection.sendall(body)
        return begun + _read(connection)


def _read(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65_536):
        answer += piece
    return answer
