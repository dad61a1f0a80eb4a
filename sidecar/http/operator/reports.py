"""What the books hold: the trial balance, an account's statement, and all journals for other programs."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ledger.money import INT64_MAX
from ledger.reports import AsOf
from sidecar.adapters.storage.reading import Place
from sidecar.adapters.storage.reporting import UnknownAccount, export, read_statement, read_trial_balance
from sidecar.finops.account_statements import LIMIT_DEFAULT, LIMIT_MAX, CursorText
from sidecar.finops.exports import FORMATS, MEDIA_TYPES
from sidecar.http.operator import parameters
from sidecar.http.operator.problems import Code, Problem
from sidecar.http.operator.resources import Resource, Sources

PIECE_BYTES: Final = 64 * 1024
_TIMES: Final = {
    "as_of": "only what had happened by then, RFC 3339",
    "known_at": "only what the books knew by then, RFC 3339",
}


async def _trial_balance(request: Request, sources: Sources) -> Response:
    async with sources.auditing:
        answer = await asyncio.to_thread(read_trial_balance, sources.audit_place, _as_of(request))
    return JSONResponse(answer)


async def _statement(request: Request, sources: Sources) -> Response:
    limit = parameters.count(request, "limit", default=LIMIT_DEFAULT, largest=LIMIT_MAX)
    name, cursor = request.query_params.get("account", ""), request.query_params.get("cursor")
    asked = (name, _as_of(request), cursor, limit)
    try:
        return JSONResponse(await asyncio.to_thread(read_statement, sources.audit_place, *asked))
    except UnknownAccount as unknown:
        raise Problem(Code.NOT_FOUND, f"{unknown}.") from unknown
    except CursorText as wrong:
        raise Problem(Code.PARAMETER_INVALID, f"{wrong}.") from wrong


async def _export(request: Request, sources: Sources) -> Response:
    written_as = request.query_params.get("format", "csv")
    if written_as not in FORMATS:
        raise Problem(Code.PARAMETER_INVALID, f"format is one of {', '.join(FORMATS)}.")
    try:
        file = await asyncio.to_thread(_spooled, sources.audit_place, written_as)
    except OSError as error:
        why = f"The export has no room in the temporary folder: {error.strerror or error}."
        raise Problem(Code.STORAGE_UNAVAILABLE, why) from error
    return StreamingResponse(_pieces(file), media_type=MEDIA_TYPES[written_as])


def _spooled(place: Place, written_as: str) -> IO[bytes]:
    """Write the export to a nameless file first: a slow client must not keep the books' log from ending."""
    with ExitStack() as unless_done:
        file = unless_done.enter_context(TemporaryFile())
        for piece in export(place, written_as):
            file.write(piece.encode())
        file.seek(0)
        unless_done.pop_all()
    return file


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _as_of(request: Request) -> AsOf:
    happened_us = parameters.instant(request, "as_of")
    recorded_us = parameters.instant(request, "known_at")
    return AsOf(*(INT64_MAX if us is None else us for us in (happened_us, recorded_us)))


TRIAL_BALANCE = Resource(
    "/api/v1/ledger/trial-balance", "What every account holds", _trial_balance, parameters=_TIMES
)
STATEMENT = Resource(
    "/api/v1/ledger/statement",
    "The entries of one account, oldest first, with a running balance",
    _statement,
    parameters={
        "account": "its name",
        "limit": f"entries a page, {LIMIT_DEFAULT} unless told, at most {LIMIT_MAX}",
        "cursor": "next_cursor of the page before",
        **_TIMES,
    },
)
EXPORT = Resource(
    "/api/v1/ledger/export",
    "All journals for other programs",
    _export,
    parameters={"format": f"one of {', '.join(FORMATS)}; csv unless told"},
)
