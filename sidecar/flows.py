"""Flows: in which order a call is funded, worked for, settled and delivered. Their table is the registry.

Each flow ends with the call closed and the buyer answered, or raises with it open.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sidecar.domain.call import Flow
from sidecar.ports import UpstreamRequest
from sidecar.running import Running


async def authorization(call: Running, outgoing: UpstreamRequest) -> None:
    """Funds, work, settle at the agent's headers, deliver: charged for success only, and streamed."""
    if not await call.fund():
        return
    work = await call.forward(outgoing)
    if work is None:
        return
    try:
        if not work.success:
            await call.fail(work)
        elif await call.settle(work):
            await call.deliver(work)
    finally:
        await work.delivery.close()


async def upfront(call: Running, outgoing: UpstreamRequest) -> None:
    """Settle, work, deliver: for irreversible or expensive work. The settlement is the check of funds."""
    if not await call.settle(None):
        return
    await _work_and_deliver(call, outgoing)


async def deferred(call: Running, outgoing: UpstreamRequest) -> None:
    """Funds, work, deliver; the money is asked for afterwards, together with that of other calls."""
    if not await call.fund():
        return
    await _work_and_deliver(call, outgoing)


async def on_credit(call: Running, outgoing: UpstreamRequest) -> None:
    """Work and deliver for money that is ours already. An answer withheld before is not worked for again."""
    kept = await call.withheld()
    if kept is not None:
        await call.replay(kept)
        return
    await _work_and_deliver(call, outgoing)


async def _work_and_deliver(call: Running, outgoing: UpstreamRequest) -> None:
    work = await call.forward(outgoing)
    if work is None:
        return
    try:
        if work.success:
            await call.deliver(work)
        else:
            await call.fail(work)
    finally:
        await work.delivery.close()


FLOWS: Final[Mapping[Flow, Callable[[Running, UpstreamRequest], Awaitable[None]]]] = {
    Flow.AUTHORIZATION: authorization,
    Flow.UPFRONT: upfront,
    Flow.DEFERRED: deferred,
}
