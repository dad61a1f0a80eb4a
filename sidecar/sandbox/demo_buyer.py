"""The demo's buyers: one call each, paid as its step says, and asked for again where that is the answer.

Version 2 is the official client; version 1 is a client that reads the body of the 402. A buyer keeps the
payment it made: told to come again, it comes with the same.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Final

import httpx

from sidecar.sandbox.buyer import PAYMENT_HEADERS, header, paying_client, sign
from sidecar.sandbox.demo_table import Step
from sidecar.sandbox.keys import TestAccount

TIMEOUT_S: Final = 60
ASKED_AGAIN_MAX: Final = 60
ASK_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a buyer got: status 0 is an answer that broke off; `code` is the machine code of a refusal.

    `receipt` tells whether the answer says that it is paid for.
    """

    status: int
    call: str
    code: str
    receipt: bool = False


class Keeping(httpx.AsyncHTTPTransport):
    """The way to the seller; remembers the payment that last went over it."""

    payment: dict[str, str]

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self.payment = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*."""
        names = [name for name in PAYMENT_HEADERS.values() if name in request.headers]
        self.payment = {name: request.headers[name] for name in names} or self.payment
        return await super().handle_async_request(request)


async def buy(url: str, account: TestAccount, step: Step) -> Answer:
    """Make the call of *step*, and again with the same payment for as long as that is asked for."""
    way = Keeping()
    official = paying_client(account.private_key, way, base_url=url, timeout=TIMEOUT_S)
    async with official, httpx.AsyncClient(transport=way, base_url=url, timeout=TIMEOUT_S) as plain:
        answer = await (_bought_by_hand(plain, account, step) if step.version == 1 else _sent(official, step))
        for _ in range(ASKED_AGAIN_MAX):
            if answer.status != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(ASK_AGAIN_S)
            answer = await _sent(plain, step, way.payment)
    return answer


async def _bought_by_hand(client: httpx.AsyncClient, account: TestAccount, step: Step) -> Answer:
    """Pay as a version 1 client does: by what the body of the 402 offers."""
    unpaid = await client.request(step.method, step.path, json={"ask": step.title})
    return await _sent(client, step, header(sign(account.private_key, unpaid.json())))


async def _sent(client: httpx.AsyncClient, step: Step, payment: dict[str, str] | None = None) -> Answer:
    call = ""
    try:
        asked = client.stream(step.method, step.path, json={"ask": step.title}, headers=payment)
        async with asked as answer:
            call = answer.headers["sidecar-call-id"]
            body = await answer.aread()
    except httpx.RemoteProtocolError:
        return Answer(0, call, "")
    told = answer.is_client_error and "json" in answer.headers.get("content-type", "")
    code = json.loads(body).get("code", "") if told else ""
    return Answer(answer.status_code, call, code, "payment-response" in answer.headers)
