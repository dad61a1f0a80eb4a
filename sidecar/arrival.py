"""Arrival: what a starting sidecar does before it serves. It closes old calls, and looks who is there.

Who is away can wait: it is told, and nothing here keeps the sidecar from serving.
"""

import asyncio
from collections.abc import Iterator

from sidecar.domain.clocks import skewed
from sidecar.domain.events import Lifecycle, NeedsAttention
from sidecar.ports import Clock, Fault, Observer
from sidecar.wiring import PaidPath

US_PER_S = 1_000_000


async def look_around(path: PaidPath, clock: Clock, observer: Observer) -> None:
    """Close what an earlier run left open before anything new is taken, and tell what is amiss."""
    rested = await path.recovery.put_to_rest()
    if rested:
        observer.saw(Lifecycle("recovered", f"{rested} calls of an earlier run"))
    await asyncio.gather(path.facilitators.poll(), path.adapters.upstream.knock())
    try:
        await path.recovery.look()
    except Fault as fault:
        observer.saw(NeedsAttention("recovery_delayed", str(fault)))
    there, detail = path.adapters.upstream.state
    if not there:
        observer.saw(NeedsAttention("upstream_unreachable", f"upstream: {detail}"))
    for sentence in _skews(path, clock.now_us() // US_PER_S):
        observer.saw(NeedsAttention("clock_skew", sentence))


def _skews(path: PaidPath, now_s: int) -> Iterator[str]:
    """Tell of every clock that ours disagrees with. A block may be old, but not from the future."""
    told = [(each.ahead_s or 0, f"that of {each.name}") for each in path.adapters.facilitators]
    for name, heads in path.heads.items():
        told.append((min(0, now_s - heads.newest_s), f"the newest block of {name}"))
    for ahead_s, whose in told:
        sentence = skewed(ahead_s, whose)
        if sentence is not None:
            yield sentence
