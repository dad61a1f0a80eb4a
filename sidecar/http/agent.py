"""The agent's listener: loopback, for the upstream agent itself. For now it only says that it is there."""

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for nothing else"
    status = error.status_code
    code = HTTPStatus(status).name.lower()
    problem = {"type": "about:blank", "title": error.detail, "status": status, "code": code}
    return JSONResponse(problem, status, error.headers, media_type="application/problem+json")


def agent_app() -> ASGIApp:
    """Build the listener."""
    app = Starlette(
        routes=[Route("/healthz", _alive, methods=["GET"])], exception_handlers={HTTPException: _refused}
    )
    app.router.redirect_slashes = False
    return app
