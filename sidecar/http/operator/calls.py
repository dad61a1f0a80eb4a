"""Calls: the list of them, and one."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sidecar.finops import sessions
from sidecar.finops.calls import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    call_object,
    one_parameters,
    page_object,
    page_parameters,
)
from sidecar.http.operator import parameters
from sidecar.http.operator.problems import Code, Problem
from sidecar.http.operator.resources import Resource, Sources


async def _list(request: Request, sources: Sources) -> Response:
    limit = parameters.count(request, "limit", default=LIMIT_DEFAULT, largest=LIMIT_MAX)
    asked = page_parameters(limit, request.query_params.get("cursor"))
    return JSONResponse(page_object(await sources.reader.fetch("calls", asked), limit))


async def _one(request: Request, sources: Sources) -> Response:
    call = request.path_params["id"]
    rows = await sources.reader.fetch("calls", one_parameters(call))
    if not rows:
        raise Problem(Code.NOT_FOUND, f"There is no call {call[:40]}.")
    session = await sources.reader.fetch("session", sessions.parameters(rows[0]))
    return JSONResponse(sessions.with_session(call_object(rows[0]), session))


LIST = Resource(
    "/api/v1/calls",
    "Admitted calls, newest first",
    _list,
    parameters={
        "limit": f"calls a page, {LIMIT_DEFAULT} unless told, at most {LIMIT_MAX}",
        "cursor": "next_cursor of the page before",
    },
)
ONE = Resource("/api/v1/calls/{id}", "One call with its costs, and what it and its session earned", _one)
