"""What is told of a call that is delivered before it is paid: meanwhile, once paid, and if it never is."""

import re
from dataclasses import dataclass
from typing import Any, Final

import httpx

from sidecar.sandbox import keys
from sidecar.sandbox.keys import TestAccount
from tests.scenarios import money
from tests.scenarios.middleman import Hold, Moment, Reply
from tests.scenarios.stand import until
from tests.scenarios.surface_scenes import UNFUNDED
from tests.scenarios.surface_stand import Surface
from tests.scenarios.wallet import opened
from tests.sidecar.sandbox.live_chain import Chain

PURSE: Final = 1_000_000  # the token's units
UNSETTLED: Final = re.compile(r"^sidecar_unsettled_usd (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to see of the last call at one time."""

    answer: httpx.Response
    call: dict[str, Any]
    receipt: httpx.Response
    margin: dict[str, Any]
    unsettled: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """A call while its money is asked for, the same once it is paid, and another one that is never paid."""

    delivered: Told
    paid: Told
    defaulted: Told


def lived(surface: Surface) -> Deferred:
    """Let a buyer that has paid before be served first, twice; the second time it has nothing left."""
    payer = keys.published("deferred buyer of the surface")
    sandbox = surface.stand.sandbox
    Chain(sandbox.rpc_url).give(sandbox.buyers[0], payer.address, PURSE)
    assert "payment-response" in _bought(surface, payer).headers, "who has not paid before pays first"
    money.settled_down(surface.stand, surface.running)

    hold = surface.facilitator.on["/settle"] = Hold(Moment.BEFORE)
    answer = _bought(surface, payer)
    delivered = _told(surface, payer, answer)
    del surface.facilitator.on["/settle"]
    hold.go.set()
    money.settled_down(surface.stand, surface.running)
    paid = _told(surface, payer, answer)

    surface.facilitator.on["/settle"] = Reply(UNFUNDED % sandbox.network.encode())
    unpaid = _bought(surface, payer)
    assert until(lambda: surface.call(unpaid)["settlement"] == "failed")
    return Deferred(delivered, paid, _told(surface, payer, unpaid))


def _bought(surface: Surface, payer: TestAccount) -> httpx.Response:
    answer = surface.running.send("/later", surface.running.signed(payer, "/later"))
    assert answer.status_code == 200
    return answer


def _told(surface: Surface, payer: TestAccount, answer: httpx.Response) -> Told:
    call = surface.call(answer)
    (row,) = surface.running.ask("/api/v1/margin")["items"]
    (unsettled,) = UNSETTLED.findall(surface.running.operator("/metrics").text)
    return Told(answer, call, opened(surface.running, payer, f"/__402/receipts/{call['id']}"), row, unsettled)
