"""Several facilitators are asked as one: on real sockets that refuse, break off, stay silent or answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.adapters.facilitator import HttpFacilitator
from sidecar.adapters.facilitators import Facilitators
from sidecar.domain.choosing import FAULTS_MAX, PAUSE_FIRST_US, POLL_US, TRIAL_US
from sidecar.domain.events import DependencyChanged, NeedsAttention
from sidecar.domain.payments import State
from sidecar.ports import AnswerLost, Facilitator, Fault, NothingSent, TimedOut
from sidecar.x402 import reasons
from sidecar.x402.documents import SupportedKind, VerifyReply
from tests.sidecar.adapters.conftest import Listen, Script, read_request, replying, silence
from tests.sidecar.builders import PAYER
from tests.sidecar.fakes import FakeFacilitator, ManualClock, RecordingObserver
from tests.sidecar.stall import open_stall

SEPOLIA: Final = ("exact", "eip155:84532")
BASE: Final = ("exact", "eip155:8453")
WALLET: Final = "0x" + PAYER.hex()
YES: Final = {"isValid": True, "payer": WALLET}
NO: Final = {"isValid": False, "invalidReason": "insufficient_funds", "payer": WALLET}
TROUBLE: Final = {"isValid": False, "invalidReason": "unexpected_verify_error"}
SETTLED: Final = {
    "success": True,
    "transaction": "0x" + "cd" * 32,
    "network": SEPOLIA[1],
    "payer": WALLET,
}
GAS_GONE: Final = {
    "success": False, "transaction": "", "network": SEPOLIA[1], "errorReason": "unexpected_settle_error",
}  # fmt: skip
PAUSE_S: Final = PAUSE_FIRST_US // 1_000_000
POLL_S: Final = POLL_US // 1_000_000


class Peer:
    """A facilitator on a socket. `says` answers /verify and /settle: a document, a status, or a script."""

    def __init__(self, says: Any = YES, *kinds: tuple[str, str]) -> None:
        self.says = says
        self.lists: Any = [
            {"x402Version": 2, "scheme": scheme, "network": network}
            for scheme, network in kinds or (SEPOLIA,)
        ]
        self.asked: list[str] = []
        self.before: Callable[[], None] = lambda: None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            self.asked.append(head.split(b" ")[1].decode())
            self.before()
            supported = self.asked[-1] == "/supported"
            says = {"kinds": self.lists, "extensions": []} if supported and self.lists else self.says
            if callable(says):
                await says(reader, writer)
                return
            status = says if isinstance(says, int) else 200
            body = json.dumps({} if isinstance(says, int) else says)
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()

    def count(self, path: str) -> int:
        return self.asked.count(path)


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the request and close without a word."""


async def answers_once() -> str:
    """Start a facilitator that lists its kinds to the first who asks, and then is gone; return its URL."""
    kinds = json.dumps({"kinds": Peer().lists})
    lists = replying(f"HTTP/1.1 200 OK\r\ncontent-length: {len(kinds)}\r\n\r\n{kinds}".encode())

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await lists(reader, writer)
        writer.close()
        server.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Panel:
    """Facilitators over real sockets, a clock that stands, and what was told."""

    def __init__(self, urls: list[str]) -> None:
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.urls = urls
        self.https = [HttpFacilitator(url, verify_timeout_ms=300, settle_timeout_ms=300) for url in urls]
        self.all = Facilitators(self.https, self.clock, self.observer)

    def chosen(self, kind: tuple[str, str] = SEPOLIA, besides: tuple[int, ...] = ()) -> int | None:
        """Return the position of the one that would be asked to settle."""
        found = self.all.choose(kind, {self.urls[position] for position in besides})
        return None if found is None else self.urls.index(found.name)

    async def verify(self) -> tuple[int, VerifyReply]:
        vouched = await self.all.verify(b"{}", SEPOLIA)
        return self.urls.index(vouched.by), vouched.reply

    async def fail(self, position: int, times: int = FAULTS_MAX) -> None:
        """Ask one for settlement until its breaker opens."""
        facilitator = self.named(position)
        for _ in range(times):
            with pytest.raises(Fault):
                await facilitator.settle(b"{}")

    def named(self, position: int) -> Facilitator:
        found = self.all.by_name(self.urls[position])
        assert found is not None
        return found

    @property
    def told(self) -> list[tuple[int, bool]]:
        changes = self.observer.of(DependencyChanged)
        return [(self.urls.index(each.name.removeprefix("facilitator:")), each.ready) for each in changes]


@asynccontextmanager
async def panel(*urls: str) -> AsyncIterator[Panel]:
    """Open facilitators that have been asked once what they settle."""
    opened = Panel(list(urls))
    try:
        await opened.all.poll()
        yield opened
    finally:
        for each in opened.https:
            await each.close()


# Verify: may be repeated, so whoever says something is heard.


@pytest.mark.parametrize(
    "says", [500, 404, hangs_up, silence, TROUBLE], ids=["500", "404", "hangs up", "silent", "in trouble"]
)
async def test_verify_asks_the_next_one_when_one_says_nothing(says: int | Script, listen: Listen) -> None:
    """A fault, or a facilitator's own trouble, is no answer about the payment."""
    first, second = Peer(says), Peer(YES)
    async with panel(await listen(first), await listen(second)) as of:
        position, reply = await of.verify()

        assert (position, reply.valid) == (1, True)
        assert (first.count("/verify"), second.count("/verify")) == (1, 1)


async def test_verify_asks_the_next_one_when_nobody_listens(listen: Listen) -> None:
    """A facilitator that went away after it had listed its kinds."""
    async with panel(await answers_once(), await listen(Peer(YES))) as of:
        assert of.chosen() == 0
        with pytest.raises(NothingSent):
            await of.named(0).verify(b"{}")
        assert (await of.verify())[0] == 1


async def test_a_no_is_an_answer(listen: Listen) -> None:
    """Nobody else is asked whether they would take what one has refused."""
    second = Peer(YES)
    async with panel(await listen(Peer(NO)), await listen(second)) as of:
        position, reply = await of.verify()

        assert (position, reply.reason) == (0, reasons.INSUFFICIENT_FUNDS)
        assert second.count("/verify") == 0


async def test_when_nobody_says_anything_the_last_fault_tells_why(listen: Listen) -> None:
    """All were asked once; what is raised is what happened last."""
    peers = [Peer(500), Peer(silence)]
    async with panel(*[await listen(peer) for peer in peers]) as of:
        with pytest.raises(TimedOut):
            await of.verify()

        assert [peer.count("/verify") for peer in peers] == [1, 1]


async def test_everybodys_trouble_is_passed_on(listen: Listen) -> None:
    """A reply about trouble is still a reply when there is no better one."""
    async with panel(await listen(Peer(TROUBLE)), await listen(Peer(500))) as of:
        assert await of.verify() == (0, VerifyReply(False, None, reasons.UNEXPECTED_VERIFY))


async def test_nobody_to_ask_is_nothing_sent(listen: Listen) -> None:
    """Of a kind that nobody settles no request leaves."""
    peer = Peer(YES, BASE)
    async with panel(await listen(peer)) as of:
        with pytest.raises(NothingSent, match="exact on eip155:84532"):
            await of.verify()

        assert peer.asked == ["/supported"]


# Choosing.


async def test_each_kind_goes_to_who_settles_it(listen: Listen) -> None:
    """Facilitators of different networks stand beside each other."""
    async with panel(await listen(Peer(YES, BASE)), await listen(Peer(YES, SEPOLIA))) as of:
        assert (of.chosen(BASE), of.chosen(SEPOLIA)) == (0, 1)
        assert of.chosen(SEPOLIA, besides=(1,)) is None
        assert of.all.lacking([BASE, SEPOLIA, ("upto", BASE[1])]) == (("upto", BASE[1]),)
        assert [of.all.admits(kind) for kind in (BASE, SEPOLIA, ("upto", BASE[1]))] == [True, True, False]


async def test_another_version_is_another_kind(listen: Listen) -> None:
    """We speak version 2 only, so what is settled in version 1 is not for us."""
    peer = Peer()
    peer.lists = [{"x402Version": 1, "scheme": "exact", "network": "eip155:84532"}]
    async with panel(await listen(peer)) as of:
        assert of.chosen() is None


async def test_a_slow_one_is_asked_after_the_others(listen: Listen) -> None:
    """How long an answer took counts, whatever it said."""
    slow = Peer(SETTLED)
    async with panel(await listen(slow), await listen(Peer(SETTLED))) as of:
        assert of.chosen() == 0
        slow.before = lambda: of.clock.pass_s(20)
        await of.named(0).settle(b"{}")

        assert of.chosen() == 1
        assert of.chosen(besides=(1,)) == 0


async def test_who_is_named_is_found_whatever_its_health(listen: Listen) -> None:
    """Recovery asks the same facilitator again, and nobody in its place."""
    async with panel(await listen(Peer(500)), await listen(Peer())) as of:
        await of.fail(0)

        assert of.named(0).name == of.urls[0]
        assert of.all.by_name("https://gone.example") is None


# The breaker.


@pytest.mark.parametrize("says", [500, hangs_up, silence], ids=["500", "hangs up", "silent"])
async def test_the_breaker_opens_and_recovers(says: int | Script, listen: Listen) -> None:
    """After faults in a row nobody is sent there; after the pause one call tries, and an answer closes it."""
    peer = Peer(says)
    async with panel(await listen(peer)) as of:
        await of.fail(0, FAULTS_MAX - 1)
        assert of.all.admits(SEPOLIA)
        await of.fail(0, 1)
        assert not of.all.admits(SEPOLIA)
        assert of.chosen() is None

        peer.says = SETTLED
        of.clock.pass_s(PAUSE_S)
        assert not of.all.admits(SEPOLIA), "it has not even said yet what it settles"
        await of.all.poll()
        assert all(of.all.admits(SEPOLIA) for _ in range(3)), "who cannot pay does not use up the trial"
        assert of.all.begins(SEPOLIA)
        assert not of.all.begins(SEPOLIA), "one call at a time tries it"
        assert not of.all.admits(SEPOLIA)
        assert of.chosen() == 0
        await of.named(0).settle(b"{}")

        assert all(of.all.begins(SEPOLIA) for _ in range(3))
        assert of.told == [(0, True), (0, False), (0, True)]


async def test_a_failed_trial_opens_it_for_longer(listen: Listen) -> None:
    """The second pause is twice the first."""
    async with panel(await listen(Peer(500))) as of:
        await of.fail(0)
        of.clock.pass_s(PAUSE_S)
        await of.all.poll()
        await of.fail(0, 1)

        of.clock.pass_s(2 * PAUSE_S - 1)
        await of.all.poll()
        assert not of.all.admits(SEPOLIA)
        of.clock.pass_s(1)
        await of.all.poll()
        assert of.all.admits(SEPOLIA)


async def test_a_trial_that_never_asks_does_not_keep_the_door_shut(listen: Listen) -> None:
    """The agent of the call that was let in may fail; another call is let in after a while."""
    async with panel(await listen(Peer(500))) as of:
        await of.fail(0)
        of.clock.pass_s(PAUSE_S)
        await of.all.poll()
        assert of.all.begins(SEPOLIA)
        assert not of.all.begins(SEPOLIA)

        of.clock.pass_s(TRIAL_US // 1_000_000)
        assert of.all.begins(SEPOLIA)


async def test_while_one_is_open_another_settles_and_the_first_comes_back(listen: Listen) -> None:
    """Calls go on; one of them tries the first after its pause, and from then on it is as before."""
    first = Peer(500)
    async with panel(await listen(first), await listen(Peer(SETTLED))) as of:
        await of.fail(0)
        assert [of.chosen() for _ in range(3)] == [1, 1, 1]

        first.says = SETTLED
        of.clock.pass_s(PAUSE_S)
        await of.all.poll()
        assert [of.chosen() for _ in range(3)] == [0, 1, 1]
        await of.named(0).settle(b"{}")
        assert of.chosen() == 0
        assert of.all.lacking([SEPOLIA]) == ()


async def test_a_facilitator_in_trouble_is_left_alone_like_one_that_is_away(listen: Listen) -> None:
    """One without gas answers cleanly and settles nothing: that proves nothing, and helps nobody."""
    async with panel(await listen(Peer(GAS_GONE))) as of:
        for _ in range(FAULTS_MAX):
            assert not (await of.named(0).settle(b"{}")).success

        assert of.chosen() is None
        ((ready, detail),) = of.all.states().values()
        assert (ready, detail) == (False, "left alone after 5 faults in a row")


@pytest.mark.parametrize("reason", [reasons.INSUFFICIENT_FUNDS, reasons.NONCE_USED])
async def test_what_is_said_of_a_payment_is_no_fault(reason: str, listen: Listen) -> None:
    """A hundred bad payments do not shut out a good facilitator."""
    async with panel(await listen(Peer(GAS_GONE | {"errorReason": reason}))) as of:
        for _ in range(FAULTS_MAX):
            await of.named(0).settle(b"{}")

        assert of.chosen() == 0


# What they settle.


async def test_nobody_up_at_start_recovers_by_itself(listen: Listen) -> None:
    """No call is let in before somebody has said that it settles its kind."""
    peer = Peer(500)
    peer.lists = None
    async with panel(await listen(peer)) as of:
        assert not of.all.admits(SEPOLIA)
        assert of.all.lacking([SEPOLIA]) == (SEPOLIA,)
        ((ready, detail),) = of.all.states().values()
        assert not ready
        assert "status 500" in detail

        peer.lists = Peer().lists
        await of.all.poll()
        assert not of.all.admits(SEPOLIA), "it is not asked again at once"
        of.clock.pass_s(1)
        await of.all.poll()
        assert of.all.admits(SEPOLIA)
        assert of.all.states() == {of.urls[0]: (True, "up")}
        assert of.told == [(0, False), (0, True)]


async def test_a_list_is_asked_for_when_it_is_due(listen: Listen) -> None:
    """Once a minute while it comes; what it no longer names is no longer asked for."""
    peer = Peer()
    async with panel(await listen(peer)) as of:
        of.clock.pass_s(POLL_S - 1)
        await of.all.poll()
        assert peer.count("/supported") == 1

        peer.lists = [{"x402Version": 2, "scheme": "exact", "network": BASE[1]}]
        of.clock.pass_s(1)
        await of.all.poll()
        assert peer.count("/supported") == 2
        assert (of.chosen(SEPOLIA), of.chosen(BASE)) == (None, 0)


async def test_a_list_that_does_not_come_takes_nothing_away(listen: Listen) -> None:
    """What was listed is settled still, but the operator is told."""
    peer = Peer(SETTLED)
    async with panel(await listen(peer)) as of:
        peer.lists, peer.says = None, 503
        of.clock.pass_s(POLL_S)
        await of.all.poll()

        assert of.chosen() == 0
        assert of.all.lacking([SEPOLIA]) == (SEPOLIA,)


async def test_the_watch_goes_on_until_it_is_cancelled() -> None:
    """A defect ends one round of it, and the next round is made."""

    again, listed = asyncio.Event(), asyncio.Event()

    class Odd(FakeFacilitator):
        async def supported(self) -> tuple[SupportedKind, ...]:
            if not again.is_set():
                again.set()
                raise ZeroDivisionError
            listed.set()
            return await super().supported()

    observer = RecordingObserver()
    facilitators = Facilitators([Odd([])], ManualClock(), observer)
    task = asyncio.create_task(facilitators.watch())
    await listed.wait()
    task.cancel()
    await asyncio.wait((task,))

    assert task.cancelled()
    assert [event.detail for event in observer.of(NeedsAttention)] == ["ZeroDivisionError"]


async def test_a_clean_reply_is_handed_on_as_it_is(listen: Listen) -> None:
    """Whether it agrees with the payment is judged where the payment is known."""
    async with panel(await listen(Peer(SETTLED | {"network": "eip155:1"}))) as of:
        reply = await of.named(0).settle(b"{}")

        assert (reply.success, reply.network) == (True, "eip155:1")
        with pytest.raises(AnswerLost):
            await of.named(0).verify(b"{}")


# On the paid path.


@pytest.mark.parametrize(
    ("says", "status", "state", "by"),
    [
        (None, 200, State.DELIVERED, 1),
        (hangs_up, 503, State.UNKNOWN, 0),
        (silence, 503, State.UNKNOWN, 0),
        (500, 503, State.UNKNOWN, 0),
        (SETTLED | {"network": "eip155:1"}, 503, State.UNKNOWN, 0),
        (SETTLED, 200, State.DELIVERED, 0),
    ],
    ids=["refuses the connection", "hangs up", "silent", "500", "lies", "settles"],
)
async def test_only_a_refused_connection_leads_a_settlement_to_another_one(
    tmp_path: Path, listen: Listen, says: Any, status: int, state: State, by: int
) -> None:
    """What reached a facilitator, or may have, is its own; what never left is anybody's."""
    second = Peer(SETTLED)
    urls = [await answers_once() if says is None else await listen(Peer(says)), await listen(second)]
    members = [HttpFacilitator(url, settle_timeout_ms=300) for url in urls]
    async with open_stall(tmp_path, facilitators=members) as stall:
        buyer = await stall.buy()

        assert buyer.status == status
        payment = await stall.stored()
        assert (payment.state, payment.facilitator) == (state, urls[by])
        assert second.count("/settle") == by
    for each in members:
        await each.close()
