"""Margins: the margin table."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sidecar.finops import margins
from sidecar.finops.margins import UNITS, TableTooLong
from sidecar.http.operator import parameters
from sidecar.http.operator.problems import Code, Problem
from sidecar.http.operator.resources import Resource, Sources


async def _margin(request: Request, sources: Sources) -> Response:
    by = request.query_params.get("by", UNITS[0])
    if by not in UNITS:
        raise Problem(Code.PARAMETER_INVALID, f"by is one of {', '.join(UNITS)}.")
    from_us, to_us = parameters.instant(request, "from"), parameters.instant(request, "to")
    if from_us is not None and to_us is not None and from_us >= to_us:
        raise Problem(Code.PARAMETER_INVALID, "Nothing is between from and to: to names the later time.")
    rows = await sources.reader.fetch("margin", margins.parameters(by, from_us, to_us))
    try:
        # Thousands of rows are half a second of work, for which no call waits.
        return await asyncio.to_thread(_answer, by, from_us, to_us, rows)
    except TableTooLong as refused:
        raise Problem(Code.PARAMETER_INVALID, str(refused)) from refused


def _answer(by: str, from_us: int | None, to_us: int | None, rows: Sequence[Mapping[str, Any]]) -> Response:
    return JSONResponse(margins.margin_object(by, from_us, to_us, rows))


MARGIN = Resource(
    "/api/v1/margin",
    "Known margin by a unit, and what is not known yet",
    _margin,
    parameters={
        "by": f"one of {', '.join(UNITS)}; {UNITS[0]} unless told",
        "from": "calls from this time on, RFC 3339",
        "to": "calls before this time, RFC 3339",
    },
)
