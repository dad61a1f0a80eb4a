"""The agent's listener: loopback, for the upstream agent itself. Takes its cost reports.

Decides nothing: reads one request under its limits and writes one answer.
"""

from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.http.agent_replies import reply
from sidecar.reporting import Reporting

REPORTS_BYTES_MAX: Final = 64 * 1024
"""The largest request body; a hundred reports are about 20 KiB."""


def agent_app(reporting: Reporting) -> ASGIApp:
    """Build the listener."""

    async def costs(request: Request) -> Response:
        call = reporting.call_of(_bearer(request))
        if isinstance(call, ReportsRefused):
            return reply(call)
        raw = await _body(request)
        found = ReportsRefused(Code.REPORTS_TOO_LARGE) if raw is None else await reporting.take(call, raw)
        if isinstance(found, ReportsRefused):
            return reply(found, call)
        return JSONResponse({"items": [{"id": name, "status": status} for name, status in found.items]})

    app = Starlette(
        routes=[
            Route("/healthz", _alive, methods=["GET"]),
            Route("/v1/costs", costs, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _not_routed},
    )
    app.router.redirect_slashes = False
    return app


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _not_routed(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for nothing else"
    allow = (error.headers or {}).get("Allow", "")
    wrong_method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    return reply(ReportsRefused(Code.METHOD_NOT_ALLOWED if wrong_method else Code.NOT_FOUND), allow=allow)


def _bearer(request: Request) -> str:
    """Return the one bearer token of a request; empty, which opens nothing, for anything else."""
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _body(request: Request) -> bytes | None:
    """Read the body; None once it is larger than it may be."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > REPORTS_BYTES_MAX:
            return None
    return bytes(body)
