"""The facilitator's HTTP: its endpoints, conducted as its mode says, and the control of that mode.

What is said and what is done come from the facilitator and the table of modes; here is when, and whether
at all.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sidecar.sandbox.child import Service
from sidecar.sandbox.door import Door
from sidecar.sandbox.facilitator import Facilitator
from sidecar.sandbox.facilitator_modes import (
    DELAY_MAX_S,
    MODES,
    Answers,
    Asked,
    FacilitatorMode,
    Settles,
    invented,
)

BODY_MAX: Final = 64 * 1024
MODE_PATH: Final = "/_mode"

Answer = tuple[int, Mapping[str, Any]]


def service(*, rpc_url: str, chain_id: int, mode: str, delay_s: float) -> Service:
    """Build a facilitator for one chain that begins in *mode*."""
    door = Door(opens=MODES[mode].listens)
    conduct = Conduct(Facilitator(rpc_url=rpc_url, chain_id=chain_id), door, mode, delay_s)
    return Service(app=conduct.app(), door=door)


class Conduct:
    """One facilitator, and how it behaves for now."""

    def __init__(self, facilitator: Facilitator, door: Door, mode: str, delay_s: float) -> None:
        self._facilitator = facilitator
        self._door = door
        self._last: Mapping[str, Any] | None = None  # the answer to the newest settlement
        self._take_up(mode, delay_s)

    def app(self) -> Starlette:
        """Give the ASGI app."""
        return Starlette(
            routes=[
                Route("/supported", self._supported, methods=["GET"]),
                Route("/verify", self._verify, methods=["POST"]),
                Route("/settle", self._settle, methods=["POST"]),
                Route(MODE_PATH, self._tell_mode, methods=["GET"]),
                Route(MODE_PATH, self._change_mode, methods=["POST"]),
            ]
        )

    @property
    def _mode(self) -> FacilitatorMode:
        return MODES[self._name]

    def _take_up(self, name: str, delay_s: float) -> None:
        self._name, self._delay_s = name, delay_s
        self._facilitator.put_off(self._mode.blocks_later)

    async def _supported(self, _: Request) -> Response:
        return _json(200, self._facilitator.supported())

    async def _verify(self, request: Request) -> Response:
        if self._mode.answers is Answers.BY_HANGING_UP:
            return self._hang_up(request)
        return _json(*await self._facilitator.verify(await _body(request)))

    async def _settle(self, request: Request) -> Response:
        mode = self._mode
        if mode.answers is Answers.BY_HANGING_UP:
            return self._hang_up(request)
        body = await _body(request)
        if mode.delays:
            await asyncio.sleep(self._delay_s)
        status, answer = await self._settled(mode, body)
        if mode.answers is Answers.NEVER:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if mode.answers is Answers.WITH_500:
            return PlainTextResponse("Internal Server Error", 500)
        return _json(status, answer)

    async def _settled(self, mode: FacilitatorMode, body: bytes | None) -> Answer:
        asked = _asked(body)
        if asked is not None and mode.settles is Settles.NEVER:
            return 200, mode.told(invented(asked), asked)
        if asked is not None and mode.settles is Settles.ONCE and self._last is not None:
            return 200, {**self._last, "payer": asked.payer}
        status, answer = await self._facilitator.settle(body)
        if asked is None or answer.get("success") is not True:
            return status, answer
        self._last = answer
        return status, mode.told(answer, asked)

    def _hang_up(self, request: Request) -> Response:
        self._door.hang_up(request.scope["client"])
        return Response()

    async def _tell_mode(self, _: Request) -> Response:
        modes = {name: mode.tells for name, mode in MODES.items()}
        return _json(200, {"mode": self._name, "delay_s": self._delay_s, "modes": modes})

    async def _change_mode(self, request: Request) -> Response:
        try:
            wanted = json.loads(await _body(request) or b"")
            name, delay_s = wanted["mode"], float(wanted.get("delay_s", self._delay_s))
            known = name in MODES and 0 <= delay_s <= DELAY_MAX_S
        except (ValueError, KeyError, TypeError, AttributeError):
            known = False
        if not known:
            return _json(400, {"error": f"send a mode, one of {', '.join(MODES)}; and a delay_s"})
        self._take_up(name, delay_s)
        if self._mode.listens:
            await self._door.open()
        else:
            self._door.shut()
        return await self._tell_mode(request)


def _asked(body: bytes | None) -> Asked | None:
    """Read what a settlement is asked for; None if this is no such request."""
    try:
        document = json.loads(body or b"")
        authorization = document["paymentPayload"]["payload"]["authorization"]
        wanted = document["paymentRequirements"]
        amount = wanted["amount"] if "amount" in wanted else wanted["maxAmountRequired"]
        return Asked(authorization["from"], authorization["nonce"], wanted["network"], amount)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


async def _body(request: Request) -> bytes | None:
    """Read the body; None if it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            return None
    return body


def _json(status: int, document: Mapping[str, Any]) -> Response:
    return JSONResponse({name: value for name, value in document.items() if value is not None}, status)
