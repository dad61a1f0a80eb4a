"""Readiness: each dependency by name, as it is known now, and told when it changes."""

import asyncio

import pytest

from sidecar.adapters.facilitators import Facilitators
from sidecar.domain.events import DependencyChanged
from sidecar.domain.evidence import Heads
from sidecar.ports import NothingSent
from sidecar.readiness import Readiness
from sidecar.x402.documents import SupportedKind
from tests.sidecar.builders import USDC, an_offer
from tests.sidecar.fakes import FakeFacilitator, ManualClock, RecordingObserver
from tests.sidecar.shop import FACILITATOR, NETWORK

OURS = SupportedKind(2, "exact", NETWORK)


class Watch:
    """A readiness over stand-ins; `failed` is what the storage says of itself."""

    def __init__(self) -> None:
        self.facilitator = FakeFacilitator([])
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.facilitators = Facilitators([self.facilitator], self.clock, RecordingObserver())
        self.heads = Heads(0)
        self.failed: str | None = None
        self.upstream = (True, "up")
        self.readiness = Readiness(
            upstream=lambda: self.upstream,
            facilitators=self.facilitators,
            offers=[an_offer(), an_offer(method=USDC)],
            heads={NETWORK: self.heads},
            storage_failed=lambda: self.failed,
            observer=self.observer,
        )

    async def look(self) -> None:
        """Let a minute pass, ask the facilitator what it settles, and tell what has changed."""
        self.clock.pass_s(60)
        await self.facilitators.poll()
        self.readiness.tell()

    @property
    def told(self) -> list[tuple[str, bool]]:
        return [(event.name, event.ready) for event in self.observer.of(DependencyChanged)]


async def test_nothing_is_ready_before_it_was_seen() -> None:
    """At start the storage is open; nobody has asked the facilitator or seen a block."""
    assert Watch().readiness.states() == {
        "storage": (True, "open"),
        "upstream": (True, "up"),
        "facilitator": (False, f"nobody settles exact on {NETWORK}; {FACILITATOR}: not asked yet"),
        "accepting": (True, "open for paid calls"),
        f"chain:{NETWORK}": (False, "no block seen yet"),
    }


async def test_everything_is_ready_once_everybody_answered() -> None:
    """A facilitator that settles what we offer, and a chain with a block."""
    watch = Watch()
    watch.heads.saw(12, 1_000)
    await watch.look()

    assert watch.readiness.states() == {
        "storage": (True, "open"),
        "upstream": (True, "up"),
        "facilitator": (True, f"{FACILITATOR}: up"),
        "accepting": (True, "open for paid calls"),
        f"chain:{NETWORK}": (True, "block 12"),
    }


@pytest.mark.parametrize(
    "kinds",
    [
        (),
        (SupportedKind(2, "exact", "eip155:1"),),
        (SupportedKind(2, "upto", NETWORK),),
        (SupportedKind(1, "exact", NETWORK),),
    ],
    ids=["nothing", "another network", "another scheme", "another version"],
)
async def test_a_facilitator_must_settle_every_kind_we_offer(kinds: tuple[SupportedKind, ...]) -> None:
    """One that is up and settles something else is not ready, and what is missing is named once."""
    watch = Watch()
    watch.facilitator.kinds = kinds
    await watch.look()

    detail = f"nobody settles exact on {NETWORK}; {FACILITATOR}: up"
    assert watch.readiness.states()["facilitator"] == (False, detail)


async def test_a_facilitator_that_cannot_be_asked_is_not_ready() -> None:
    """The fault is the detail; when it comes back, it is ready again."""
    watch = Watch()
    watch.facilitator.kinds = NothingSent("facilitator https://f.example: refused")
    await watch.look()
    ready, detail = watch.readiness.states()["facilitator"]
    assert not ready
    assert detail.endswith(f"; {FACILITATOR}: facilitator https://f.example: refused")

    watch.facilitator.kinds = (OURS,)
    await watch.look()
    assert watch.readiness.states()["facilitator"] == (True, f"{FACILITATOR}: up")


async def test_a_node_that_stopped_answering_is_not_ready() -> None:
    """Calls that need it are refused; one question that was missed is no news, and one block is."""
    watch = Watch()
    states = []
    watch.heads.saw(12, 1_000)
    for missed in (1, 1, 1, 0):
        watch.heads.missed("rpc https://n.example: refused") if missed else watch.heads.saw(13, 1_002)
        states.append(watch.readiness.states()[f"chain:{NETWORK}"])

    away = (False, "rpc https://n.example: refused")
    assert states == [(True, "block 12"), (True, "block 12"), away, (True, "block 13")]


async def test_a_failed_storage_and_a_drain_are_known_at_once() -> None:
    """Nobody has to be asked for these two."""
    watch = Watch()
    watch.failed = "the database cannot be used any more"
    watch.readiness.draining = True

    states = watch.readiness.states()
    assert states["storage"] == (False, "the database cannot be used any more")
    assert states["accepting"] == (False, "draining")


async def test_an_agent_that_is_away_is_not_ready() -> None:
    """Who sends buyers here should send them elsewhere, or wait."""
    watch = Watch()
    watch.upstream = (False, "http://agent.example cannot be reached: connection refused")
    await watch.look()

    assert watch.readiness.states()["upstream"] == watch.upstream
    assert ("upstream", False) in watch.told


async def test_a_chain_is_ready_while_its_node_tells_of_blocks() -> None:
    """A node that goes away later is as much away as one that never came."""
    watch, chain = Watch(), f"chain:{NETWORK}"
    watch.heads.saw(12, 1_000)
    await watch.look()
    for _ in range(watch.heads.MISSED_MAX):
        watch.heads.missed("rpc https://node.example: refused")
    await watch.look()
    assert watch.readiness.states()[chain] == (False, "rpc https://node.example: refused")

    watch.heads.saw(12, 1_000)
    await watch.look()
    assert watch.readiness.states()[chain] == (True, "block 12")
    assert [ready for name, ready in watch.told if name == chain] == [True, False, True]


async def test_a_change_is_told_once() -> None:
    """Each state at the first look, then only what is no longer as it was told."""
    watch = Watch()
    await watch.look()
    assert sorted(watch.told) == [
        ("accepting", True), (f"chain:{NETWORK}", False), ("facilitator", True), ("storage", True),
        ("upstream", True),
    ]  # fmt: skip

    watch.observer.events.clear()
    watch.heads.saw(1, 1_000)
    watch.facilitator.kinds = NothingSent("refused")
    await watch.look()
    assert sorted(watch.told) == [(f"chain:{NETWORK}", True), ("facilitator", False)]

    watch.observer.events.clear()
    watch.heads.saw(2, 1_001)
    watch.facilitator.kinds = NothingSent("another reason")
    await watch.look()
    assert watch.told == []


async def test_the_watch_tells_at_once_and_until_it_is_cancelled() -> None:
    """Readiness does not wait for the first interval to pass."""
    watch = Watch()
    task = asyncio.create_task(watch.readiness.watch())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))

    assert task.cancelled()
    assert ("storage", True) in watch.told


async def test_one_of_two_is_enough_and_both_are_named() -> None:
    """A facilitator that is away is told of, and stops nothing that another one settles."""
    watch = Watch()
    other = FakeFacilitator([], "https://other.example")
    watch.facilitator.kinds = NothingSent("refused")
    facilitators = Facilitators([watch.facilitator, other], watch.clock, RecordingObserver())
    await facilitators.poll()
    readiness = Readiness(
        upstream=lambda: (True, "up"),
        facilitators=facilitators,
        offers=[an_offer()],
        heads={},
        storage_failed=lambda: None,
        observer=watch.observer,
    )

    assert readiness.states()["facilitator"] == (True, f"{FACILITATOR}: refused; https://other.example: up")
