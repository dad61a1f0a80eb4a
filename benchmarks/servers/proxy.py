"""A plain reverse proxy as one writes it first: Starlette in front, httpx behind. Sells nothing."""

import sys

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def app(upstream: str) -> Starlette:
    """Give the ASGI app."""
    client = httpx.AsyncClient(base_url=upstream, trust_env=False)

    async def forward(request: Request) -> Response:
        outgoing = client.build_request(
            request.method,
            request.url.path,
            headers=[(name, value) for name, value in request.headers.raw if name != b"host"],
            content=await request.body(),
        )
        answer = await client.send(outgoing, stream=True)
        return StreamingResponse(
            answer.aiter_raw(),
            answer.status_code,
            dict(answer.headers),
            background=BackgroundTask(answer.aclose),
        )

    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
