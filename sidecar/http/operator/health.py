"""Health: is the process alive, and is it ready to sell. Asks nobody itself."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sidecar.http.operator.resources import Resource, Sources


async def _alive(_: Request, __: Sources) -> Response:
    return JSONResponse({"alive": True})


async def _ready(_: Request, sources: Sources) -> Response:
    found = sources.readiness()
    dependencies = [
        {"name": name, "ready": ready, "detail": detail} for name, (ready, detail) in sorted(found.items())
    ]
    ready = all(ready for ready, _ in found.values())
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"ready": ready, "dependencies": dependencies}, status.value)


LIVE = Resource("/healthz", "Whether the process is alive", _alive, public=True)
READY = Resource("/readyz", "Whether every dependency is ready, each with its state", _ready, public=True)
