"""Killed at any point, the sidecar comes back with books that agree with the chain."""

import asyncio
import itertools
import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from sidecar.sandbox import buyer
from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from sidecar.services import FAULT_POINTS
from tests.plainly import PLAINLY
from tests.scenarios import money
from tests.scenarios.stand import Running, Stand, receipt, refusal, set_up

PRICE: Final = 10_000_000  # nano-USD
UNITS: Final = 10_000
KILLS: Final = int(os.environ.get("SIDECAR_SOAK_KILLS", "8"))
BOOKS: Final = 2
"""How many books share the kills, so that `make soak` keeps two cores busy."""
PATHS: Final = ("/chat", "/stream", "/mystery", "/slow", "/fail", "/broken", "/research")
LATER: Final = ("/mystery", "/slow", "/fail", "/broken")
"""Those of them that payers who have paid before are served before they pay."""
POLLS: Final = 50
POLL_S: Final = 0.1
CALLS_MAX: Final = 8
STARTS_KILLED: Final = 0.25
START_S: Final = (0.5, 1.5)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """How a payment must end whose call died: what its repeat is told, and how often the agent worked."""

    repeat: frozenset[tuple[int, str]]
    worked: int = 1
    taken: int = PRICE
    held: int = PRICE  # of what is not taken, as long as nothing is known


SERVED: Final = frozenset({(200, "")})
UNKNOWN: Final = frozenset({(503, "settlement_unknown")})
AFTER: Final = {
    "admitted": Aftermath(SERVED),
    "funded": Aftermath(SERVED),
    "forwarded": Aftermath(SERVED, worked=2),
    "sending": Aftermath(UNKNOWN, taken=0),
    # Paid, and perhaps not delivered: its own credit pays for the repeat.
    "asked": Aftermath(UNKNOWN | SERVED, worked=2),
    "recorded": Aftermath(SERVED, worked=2),
    "started": Aftermath(SERVED, worked=2),
    "streamed": Aftermath(SERVED, worked=2),
    "closed": Aftermath(SERVED | frozenset({(410, "answer_gone")})),
}


# Settled before the agent is asked, it is paid sooner and worked for later.
UPFRONT: Final = {
    "sending": Aftermath(UNKNOWN, worked=0, taken=0),
    "asked": Aftermath(UNKNOWN | SERVED),
    "recorded": Aftermath(SERVED),
    "forwarded": Aftermath(SERVED, worked=2),
    "started": Aftermath(SERVED, worked=2),
}
GONE: Final = frozenset({(410, "answer_gone")})
# Delivered before it is paid: what dies before its last commit is given away, what dies later is collected.
DEFERRED: Final = {
    "admitted": AFTER["admitted"],
    "funded": AFTER["funded"],
    "forwarded": AFTER["forwarded"],
    "started": Aftermath(SERVED, worked=2),
    "streamed": Aftermath(SERVED, worked=2),
    "owed": Aftermath(SERVED | GONE),
    "closed": Aftermath(SERVED | GONE),
    "collecting": Aftermath(SERVED | GONE, taken=0, held=0),
    "answered": Aftermath(SERVED | GONE),
    "collected": Aftermath(SERVED | GONE),
}
CHAT: Final = '"POST /chat": {price: "$0.01"}'
CASES: Final = (
    *(("authorization", point, expected) for point, expected in AFTER.items()),
    *(("upfront", point, expected) for point, expected in UPFRONT.items()),
    *(("deferred", point, expected) for point, expected in DEFERRED.items()),
)


def test_every_point_is_died_at() -> None:
    """A new fault point needs its row here."""
    assert {*AFTER, *UPFRONT, *DEFERRED} == set(FAULT_POINTS)


@pytest.mark.parametrize(
    ("flow", "point", "expected"), CASES, ids=[f"{flow}-{point}" for flow, point, _ in CASES]
)
def test_a_kill_at_any_point_takes_nothing_twice_and_nothing_for_nothing(
    flow: str, point: str, expected: Aftermath, tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """After a restart the payment has bought its call once, at once or by its own credit, or took nothing."""
    stand = set_up(tmp_path, sandbox, agent)
    text = stand.config.read_text()
    stand.config.write_text(text.replace(CHAT, CHAT.replace("}", f", settle: {flow}}}")))
    payer = sandbox.buyers[0]
    before = _paid_before(stand, payer) if flow == "deferred" else 0
    worked = _worked(agent)
    with stand.serving(SIDECAR_FAULT=point) as dying:
        payment = dying.signed(payer, "/chat")
        try:
            answer = dying.send("/chat", payment)
        except httpx.TransportError:
            answer = None
        assert dying.ended() == -signal.SIGKILL

    with stand.serving() as running:
        dead = money.read(running)
        told = [refusal(running.send("/chat", payment))]
        money.settled_down(stand, running)
        told += [told_at_last(running, payment) for _ in range(2)]
        books = money.settled_down(stand, running)

    assert dead.broken == {}
    assert told[0] in expected.repeat
    unknown = expected.taken == 0 and expected.held > 0
    assert set(told[1:]) <= (UNKNOWN if unknown else expected.repeat - UNKNOWN)
    taken = before + expected.taken
    assert stand.taken() == ({payer.address.lower(): UNITS * taken // PRICE} if taken else {})
    assert (books.sold_to(payer.address), books.owed_to(payer.address)) == (taken, 0)
    assert books.of("authorized") == PRICE - expected.taken
    assert books.of("deposit") == min(PRICE - expected.taken, expected.held)
    assert _worked(agent) - worked == expected.worked
    if answer is not None and "payment-response" in answer.headers:
        assert receipt(answer)["transaction"] in books.paid_in()


def _paid_before(stand: Stand, payer: TestAccount) -> int:
    """Let a payer have paid for a call, finally, so that it may be served before it pays."""
    with stand.serving() as running:
        assert running.send("/chat", running.signed(payer, "/chat")).status_code == 200
        money.settled_down(stand, running)
    return PRICE


def test_only_a_sandbox_can_be_told_to_die(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """Outside of one, a fault point in the environment does nothing."""
    stand = set_up(tmp_path, sandbox, agent)
    stand.config.write_text(stand.config.read_text().replace("sandbox: true", "sandbox: false"))
    with stand.serving(SIDECAR_FAULT="admitted") as running:
        served = running.send("/chat", running.signed(sandbox.buyers[0], "/chat"))

    assert served.status_code == 200


def told_at_last(running: Running, payment: Mapping[str, Any]) -> tuple[int, str]:
    """Repeat a call; right after its last byte it may not be closed yet, and then says to ask again."""
    for _ in range(POLLS):
        told = refusal(running.send("/chat", payment))
        if told[1] != "call_in_progress":
            break
        time.sleep(POLL_S)
    return told


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call with its payment, which is the same on every repeat."""

    path: str
    payment: Mapping[str, Any]


@pytest.mark.parametrize("book", range(BOOKS))
def test_kills_at_random_moments_lose_no_paid_call(
    book: int, tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """However often it is killed amid calls: what was taken is explained, and what was served is booked."""
    stand = set_up(tmp_path, sandbox, agent)
    text = stand.config.read_text()
    for path in LATER:
        text = text.replace(
            f'"POST {path}": {{price: "$0.01"}}', f'"POST {path}": {{price: "$0.01", settle: deferred}}'
        )
    stand.config.write_text(text)
    unanswered: list[Attempt] = []
    transactions: set[str] = set()
    numbers = range(book, KILLS, BOOKS)
    for number in (*numbers, KILLS):
        with stand.serving() as running:
            for attempt in unanswered:
                transactions |= _repeated(running, attempt)
            books = money.settled_down(stand, running)
            assert transactions <= books.paid_in()
            if number == KILLS:
                break
            dice = random.Random(number)
            attempts = _attempts(dice, stand, running)
            answers = asyncio.run(_killed_amid(running, attempts, dice))
            assert running.ended() == -signal.SIGKILL
        if dice.random() < STARTS_KILLED:
            stand.killed_while_starting(dice.uniform(*START_S))
        pairs = zip(attempts, answers, strict=True)
        unanswered = [attempt for attempt, answer in pairs if answer is None]
        for answer in answers:
            transactions |= set() if answer is None else _paid_by(answer)


def _repeated(running: Running, attempt: Attempt) -> set[str]:
    """Send an unanswered call again; it must not be asked to pay anew. Returns what it has a receipt for."""
    try:
        answer = running.send(attempt.path, attempt.payment)
    except httpx.TransportError:
        assert attempt.path == "/broken", "only this one breaks off by itself"
        return set()
    assert answer.status_code != 402, answer.text
    return _paid_by(answer)


def _paid_by(answer: httpx.Response) -> set[str]:
    """Return the transaction that an answer has a receipt for; a call on credit moves nothing.

    One that is served before it is paid has none.
    """
    if answer.status_code != 200 or "payment-response" not in answer.headers:
        return set()
    return {receipt(answer)["transaction"]} - {""}


def _attempts(dice: random.Random, stand: Stand, running: Running) -> list[Attempt]:
    attempts = []
    for _ in range(dice.randint(2, CALLS_MAX)):
        path = dice.choice(PATHS)
        attempts.append(Attempt(path, running.signed(dice.choice(stand.sandbox.buyers), path)))
    return attempts


async def _killed_amid(
    running: Running, attempts: list[Attempt], dice: random.Random
) -> list[httpx.Response | None]:
    """Make all calls at once, and kill the process some time after some of them were answered."""
    enough, pause_s = dice.randrange(len(attempts)), dice.random() / 8
    async with httpx.AsyncClient(base_url=running.url, timeout=60, **PLAINLY) as client:

        async def call(attempt: Attempt) -> httpx.Response | None:
            try:
                return await client.post(attempt.path, content=b"{}", headers=buyer.header(attempt.payment))
            except httpx.TransportError:
                return None

        calls = [asyncio.create_task(call(attempt)) for attempt in attempts]
        for answered in itertools.islice(asyncio.as_completed(calls), enough):
            await answered
        await asyncio.sleep(pause_s)
        running.process.kill()
        return await asyncio.gather(*calls)


def _worked(agent: str) -> int:
    return int(httpx.get(agent + "/_seen", **PLAINLY).json().get("/chat", 0))
