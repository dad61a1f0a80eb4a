"""What the paid path works with: ports, tables and bounds, put together once by `wiring.py`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pricing.rates import RateCards
from pricing.tariffs import NONE, Tariffs
from sidecar.commits import Commits
from sidecar.delivery import Bounds as DeliveryBounds
from sidecar.domain.admission import Bounds as AdmissionBounds
from sidecar.domain.expecting import Expected
from sidecar.domain.fees import Fees
from sidecar.domain.purses import Purses
from sidecar.ports import Answers, Chain, Clock, Facilitators, Observer, Upstream
from sidecar.room import Room

FAULT_POINTS: Final = (
    "admitted", "funded", "forwarded", "sending", "asked", "recorded", "started", "streamed", "closed",
    "owed", "collecting", "answered", "collected",
)  # fmt: skip
"""Where the sandbox may kill the process: each stands right after the effect it is named for."""


@dataclass(frozen=True, slots=True)
class Services:
    """One set serves every call.

    `chains` is by CAIP-2 name and may lack a network; `head_block` is the newest
    block known of one, without asking for it, that is not replaced any more: what is
    admitted now is paid after it, even if the blocks since then are made anew; `collect`
    is set when what is owed should be asked for at once; `reached` is told each fault
    point as it is passed.
    """

    commits: Commits
    upstream: Upstream
    answers: Answers
    facilitators: Facilitators
    chains: Mapping[str, Chain]
    head_block: Callable[[str], int]
    clock: Clock
    observer: Observer
    cards: RateCards
    fees: Fees
    admission: AdmissionBounds
    expected: Expected
    delivery: DeliveryBounds
    room: Room
    purses: Purses
    collect: asyncio.Event
    reached: Callable[[str], None]
    tariffs: Tariffs = NONE
