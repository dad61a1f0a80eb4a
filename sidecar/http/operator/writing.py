"""What a person writes into the books: journals by hand, and the close of a period."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sidecar.bookkeeping import NotBooked
from sidecar.http.operator.problems import Code, Problem
from sidecar.http.operator.resources import Resource, Sources

BODY_BYTES_MAX: Final = 64 * 1024


async def _journal(request: Request, sources: Sources) -> Response:
    answer = await _written(sources.bookkeeping.post, await _document(request))
    return JSONResponse(answer, 201 if answer["status"] == "created" else 200)


async def _close(request: Request, sources: Sources) -> Response:
    async with sources.auditing:
        return JSONResponse(await _written(sources.bookkeeping.close, await _document(request)))


async def _written(write: Callable[[object], Awaitable[dict[str, Any]]], document: object) -> dict[str, Any]:
    try:
        return await write(document)
    except NotBooked as why:
        code = Code.BODY_INVALID if why.reason == "malformed" else Code.NOT_BOOKED
        raise Problem(code, f"{why}.", why.reason) from why


async def _document(request: Request) -> object:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise Problem(Code.BODY_TOO_LARGE, f"A body has at most {BODY_BYTES_MAX} bytes.")
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise Problem(Code.BODY_INVALID, "The body is not JSON.") from wrong
    return found


JOURNAL = Resource(
    "/api/v1/ledger/journals",
    "Book a journal by hand; the same again changes nothing",
    _journal,
    method="POST",
    body={
        "id": "what it is called; the same id with other content is refused",
        "kind": "sweep, payout, write_off, opening or adjustment",
        "reason": "why, in one line",
        "happened_at": "when, RFC 3339",
        "corrects": "the id of the journal that it corrects; may be left out",
        "entries": "movements, each with debit and credit (accounts) and amount (a decimal in quotes)",
    },
)
CLOSE = Resource(
    "/api/v1/ledger/close",
    "Close for ever what happened before a time, and sign its trial balance",
    _close,
    method="POST",
    body={"before": "what happened earlier is closed, RFC 3339"},
)
