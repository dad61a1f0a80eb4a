"""How a buyer comes to each code, on a running sidecar. A scene leaves everybody as it found them."""

import resource
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import httpx

from tests.scenarios.middleman import Act, Middleman, Reply
from tests.scenarios.stand import until
from tests.scenarios.surface_stand import Surface
from tests.scenarios.test_identifiers import signed
from tests.scenarios.wallet import opened

Scene = Callable[[Surface], httpx.Response]
TRIES: Final = 20
UNFUNDED: Final = (
    b'{"success": false, "errorReason": "insufficient_funds", "transaction": "", "network": "%b"}'
)


def sending(path: str, method: str = "POST", content: bytes = b"{}", **headers: str) -> Scene:
    """Send a request without a payment, or with what is none."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda surface: surface.running.send(path, method=method, content=content, headers=named)


def asking(document: bytes) -> Scene:
    """Ask what a call costs whose price is computed from its body."""
    return sending("/llm", content=document, content_type="application/json")


def buying(path: str, buyer: int = 0, content: bytes = b"{}") -> Scene:
    """Buy a call."""
    return lambda surface: surface.buy(path, buyer, content)


def again_and_again(path: str, buyer: int, status: int) -> Scene:
    """Buy calls until one is refused: what one did counts from its close on, a moment after its answer."""

    def scene(surface: Surface) -> httpx.Response:
        answers = (surface.buy(path, buyer) for _ in range(TRIES))
        return next(answer for answer in answers if answer.status_code == status)

    return scene


def of_another_route(surface: Surface) -> httpx.Response:
    payment = surface.running.signed(surface.stand.sandbox.buyers[0], "/chat")
    return surface.running.send("/dear", payment)


def for_something_else(surface: Surface) -> httpx.Response:
    payment = surface.running.signed(surface.stand.sandbox.buyers[0], "/chat")
    surface.running.send("/chat", payment, content=b"1")
    return surface.running.send("/chat", payment, content=b"2")


def under_the_name_of_another_request(surface: Surface) -> httpx.Response:
    account = surface.stand.sandbox.buyers[0]
    first, second = signed(surface.running, account, "purchase-of-the-surface", 2)
    surface.running.send("/chat", first, content=b"one")
    return surface.running.send("/chat", second, content=b"another")


def of_nobodys_call(surface: Surface) -> httpx.Response:
    return opened(surface.running, surface.stand.sandbox.buyers[0], f"/__402/receipts/call_{'0' * 26}")


def for_an_answer_too_large_to_keep(surface: Surface) -> httpx.Response:
    payment = surface.running.signed(surface.stand.sandbox.buyers[0], "/big")
    surface.running.send("/big", payment)
    return surface.running.send("/big", payment)


@contextmanager
def working(surface: Surface, buyer: int = 0) -> Iterator[dict[str, object]]:
    """Let the agent work on a call meanwhile; give the payment it is paid with."""
    surface.agent.go.clear()
    before = surface.agent.asked("/wait")
    payment = surface.running.signed(surface.stand.sandbox.buyers[buyer], "/wait")
    with ThreadPoolExecutor(1) as beside:
        asking = beside.submit(let_in, surface, payment)
        try:
            assert until(lambda: surface.agent.asked("/wait") > before)
            yield payment
        finally:
            surface.agent.go.set()
        assert asking.result().status_code == 200


def let_in(surface: Surface, payment: dict[str, object]) -> httpx.Response:
    """Buy it once no other call is open, which a call still is for a moment after its answer."""
    answers: list[httpx.Response] = []

    def taken() -> bool:
        answers.append(surface.running.send("/wait", payment))
        return bool(answers[-1].json().get("code") != "overloaded")

    assert until(taken)
    return answers[-1]


def while_it_runs(surface: Surface) -> httpx.Response:
    with working(surface) as payment:
        return surface.running.send("/wait", payment)


def too_late(surface: Surface) -> httpx.Response:
    surface.agent.go.clear()
    try:
        return surface.buy("/late")
    finally:
        surface.agent.go.set()


def refused_by_the_facilitator(surface: Surface) -> httpx.Response:
    network = surface.stand.sandbox.network.encode()
    return settling(surface, Reply(UNFUNDED % network), 0, "/chat", b"refused")


def settling(surface: Surface, act: Act | Reply, buyer: int, path: str, content: bytes) -> httpx.Response:
    """Buy a call whose settlement meets *act*."""
    surface.facilitator.on["/settle"] = act
    try:
        return surface.buy(path, buyer, content)
    finally:
        del surface.facilitator.on["/settle"]


def unanswered(surface: Surface) -> httpx.Response:
    return settling(surface, Act.CUT, 3, "/chat", b"unanswered")


def too_much_open(surface: Surface) -> httpx.Response:
    assert settling(surface, Act.CUT, 3, "/dear", b"open").status_code == 503
    return surface.buy("/dear", 3, b"more")


def without(whom: Callable[[Surface], Middleman]) -> Scene:
    """Buy a call while somebody does not listen."""

    def scene(surface: Surface) -> httpx.Response:
        payment = surface.running.signed(surface.stand.sandbox.buyers[0], "/chat")
        away = whom(surface)
        away.down()
        try:
            return surface.running.send("/chat", payment, content=b"alone")
        finally:
            away.up()

    return scene


SCENES: Final[dict[str, Scene]] = {
    "payment_required": sending("/chat"),
    "payment_invalid": of_another_route,
    "payment_malformed": sending("/chat", payment_signature="!"),
    "payment_too_large": sending("/chat", payment_signature="A" * 16_385),
    "payment_reused": for_something_else,
    "payment_identifier_required": buying("/named"),
    "payment_identifier_conflict": under_the_name_of_another_request,
    "call_in_progress": while_it_runs,
    "answer_gone": for_an_answer_too_large_to_keep,
    "settlement_failed": refused_by_the_facilitator,
    "settlement_unknown": unanswered,
    "settlement_unavailable": without(lambda surface: surface.facilitator),
    "funds_unknown": without(lambda surface: surface.rpc),
    "request_invalid": asking(b'{"model": "small"}'),
    "model_not_allowed": asking(b'{"model": "large", "words": 1}'),
    "price_above_ceiling": asking(b'{"model": "small", "words": 16000}'),
    "buyer_denied": buying("/denied", 2),
    "would_lose_money": again_and_again("/lossy", 2, 403),
    "rate_limited": again_and_again("/paced", 0, 429),
    "exposure_exceeded": too_much_open,
    "uncharged_limit": again_and_again("/fail-dearly", 1, 429),
    "budget_spent": again_and_again("/dear", 4, 503),
    "route_unknown": sending("/elsewhere"),
    "method_not_allowed": sending("/chat", "PUT"),
    "target_ambiguous": sending("/chat//x"),
    "body_too_large": buying("/chat", content=b"x" * 65_537),
    "headers_too_large": sending("/chat", x_much="x" * 33_000),
    "request_malformed": sending("/chat", host="two hosts"),
    "wallet_unproven": sending("/__402/credits", "GET"),
    "call_unknown": of_nobodys_call,
    "parameter_invalid": sending("/__402/quote?price=1", "GET"),
    "upstream_unreachable": buying("/hang-up"),
    "upstream_timeout": too_late,
    "answer_unjudged": buying("/page"),
}
"""On one sidecar that goes on running."""


def while_another_call_is_open(surface: Surface) -> httpx.Response:
    with working(surface):
        return surface.buy("/chat", 1)


def without_room_on_the_disk(surface: Surface) -> httpx.Response:
    """Let none of its files grow any more: the sidecar ends of it."""
    payment = surface.running.signed(surface.stand.sandbox.buyers[0], "/chat")
    database, pid = surface.stand.database, surface.running.process.pid
    size = database.with_name(database.name + "-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))
    return surface.running.send("/chat", payment, content=b"no room")


def while_it_ends(surface: Surface) -> httpx.Response:
    payment = surface.running.signed(surface.stand.sandbox.buyers[1], "/chat")
    with working(surface):
        surface.running.process.send_signal(signal.SIGTERM)
        assert until(lambda: surface.running.operator("/readyz").status_code == 503)
        return surface.running.send("/chat", payment)


LAST: Final[dict[str, Scene]] = {
    "overloaded": while_another_call_is_open,
    "draining": while_it_ends,
}
"""On a sidecar that lets one call in at a time; the last one ends it."""
