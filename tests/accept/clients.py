"""The official clients that buyers have installed, each made to buy one call as its readme says."""

import asyncio
import base64
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from x402.http.clients.httpx import PaymentError
from x402.http.utils import decode_payment_response_header

from sidecar.sandbox.keys import TestAccount
from tests.scenarios import wire
from tests.scenarios.wire import Wire

BUYERS: Final = Path(__file__).parent / "buyers"


@dataclass(frozen=True, slots=True)
class Client:
    """What a client is known by: the version it speaks, the header it pays in, its name of the network.

    `program` is its file in `buyers`, or none if it is ours to call; `too_dear` is what it says of a price
    above its own spend limit.
    """

    version: int
    header: str
    network: str
    too_dear: str
    program: str = ""


CLIENTS: Final[Mapping[str, Client]] = {
    "typescript": Client(2, "payment-signature", "eip155:84532", "spend controls", "version2.mjs"),
    "typescript-v1": Client(1, "x-payment", "base-sepolia", "exceeds maximum allowed", "version1.mjs"),
    "python": Client(2, wire.HEADER, "eip155:84532", "spend controls"),
}


@dataclass(frozen=True, slots=True)
class Order:
    """One call, as whoever uses a client asks it to make it."""

    url: str
    method: str
    body: str | None


@dataclass(frozen=True, slots=True)
class Bought:
    """What came of it: the answer that was handed over, and all that crossed the wire for it.

    `answer` is None where the client would not buy, and `error` says why. `payments` are those sent, each
    with the name of its header; `receipt` is what the client's own decoder reads in the answer.
    """

    answer: httpx.Response | None
    statuses: Sequence[int]
    payments: Sequence[tuple[str, Mapping[str, Any]]]
    receipt: Mapping[str, Any] | None
    error: str = ""


Buy = Callable[[Order, TestAccount], Bought]


@contextmanager
def installed(client: Client) -> Iterator[Buy]:
    """Have a client ready to buy; it gets the payer with each order and remembers nothing between them."""
    if not client.program:
        yield _called
        return
    command = ["node", str(BUYERS / client.program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield lambda order, payer: _told(process, order, payer)


def _told(process: "subprocess.Popen[str]", order: Order, payer: TestAccount) -> Bought:
    assert process.stdin is not None, "it is told through a pipe"
    assert process.stdout is not None, "it answers through a pipe"
    told = {"url": order.url, "key": payer.private_key, "method": order.method, "body": order.body}
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    line = json.loads(process.stdout.readline())
    answer = httpx.Response(line["status"], headers=line["headers"], text=line["body"])
    payments = [(each["header"], _document(each["value"])) for each in line["payments"]]
    return Bought(
        answer if line["status"] else None, line["statuses"], payments, line["receipt"], line["error"]
    )


def _called(order: Order, payer: TestAccount) -> Bought:
    crossed, answer, receipt, error = Wire(), None, None, ""
    content = None if order.body is None else order.body.encode()
    try:
        answer = asyncio.run(wire.paid(order.url, payer, crossed, method=order.method, content=content))
    except PaymentError as refused:
        error = str(refused)
    if answer is not None and "payment-response" in answer.headers:
        read = decode_payment_response_header(answer.headers["payment-response"])
        receipt = read.model_dump(by_alias=True, exclude_none=True)
    payments = [(wire.HEADER, _document(each)) for each in crossed.payments]
    return Bought(answer, crossed.statuses, payments, receipt, error)


def _document(header: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(base64.b64decode(header, validate=True))
    return document
