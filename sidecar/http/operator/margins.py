"""Margins: the margin table."""

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
    rows = await sources.reader.fetch("margin", margins.parameters(by, from_us, to_us))
    try:
        return JSONResponse(margins.margin_object(by, from_us, to_us, rows))
    except TableTooLong as refused:
        raise Problem(Code.PARAMETER_INVALID, str(refused)) from refused


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
