"""The demo agent: an HTTP agent with canned answers of every kind a sidecar meets. Knows no payment.

It calls no model and no network. Usage figures are fixed, so that costs can be checked to the last unit.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

MODEL: Final = "gpt-4o-mini"
UNKNOWN_MODEL: Final = "house-model-7b"
USAGE: Final[Mapping[str, Any]] = {
    "prompt_tokens": 1_200,
    "completion_tokens": 340,
    "total_tokens": 1_540,
    "prompt_tokens_details": {"cached_tokens": 200},
}
WORDS: Final = ("Paid ", "work ", "done ", "in ", "parts.")
CHUNK_DELAY_S: Final = 0.05
SLOW_S: Final = 1.0
SEARCH_COST: Final = '0.0036;kind=tool;name="web_search"'
SEEN_PATH: Final = "/_seen"
_CREATED_S: Final = 1_760_000_000


def app() -> ASGIApp:
    """Give the ASGI app; each has its own counter."""
    routes = [
        Route("/chat", _chat, methods=["POST"]),
        Route("/v1/chat/completions", _chat, methods=["POST"]),  # where model clients look for it
        Route("/stream", _stream, methods=["POST"]),
        Route("/slow", _slow, methods=["POST"]),
        Route("/fail", _fail, methods=["POST"]),
        Route("/research", _research, methods=["POST"]),
        Route("/mystery", _mystery, methods=["POST"]),
        Route("/broken", _broken, methods=["POST"]),
        Route("/echo", _echo, methods=["GET", "POST"]),
        Route("/book", _fail, methods=["POST"]),
        Route("/draft", _chat, methods=["POST"]),
        Route("/quick", _chat, methods=["POST"]),
        Route("/free/hello", _hello, methods=["GET"]),
    ]
    return Counted(Starlette(routes=routes))


class Counted:
    """Counts the requests of each path before they are answered, and tells the figures at SEEN_PATH."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self._seen: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == SEEN_PATH:
            await JSONResponse(dict(sorted(self._seen.items())))(scope, receive, send)
            return
        self._seen[scope["path"]] += 1
        await self._inner(scope, receive, send)


def completion(model: str, content: str) -> dict[str, Any]:
    """Write a chat completion with the fixed usage."""
    message = {"role": "assistant", "content": content}
    return {
        "id": "chatcmpl-sandbox",
        "object": "chat.completion",
        "created": _CREATED_S,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": dict(USAGE),
    }


async def _chat(_: Request) -> Response:
    return JSONResponse(completion(MODEL, "Paid work, done."))


async def _mystery(_: Request) -> Response:
    return JSONResponse(completion(UNKNOWN_MODEL, "Nobody knows what this cost."))


async def _research(_: Request) -> Response:
    found = completion(MODEL, "Three sources agree.") | {"sources": 3}
    return JSONResponse(found, headers={"Sidecar-Cost": SEARCH_COST})


async def _slow(_: Request) -> Response:
    await asyncio.sleep(SLOW_S)
    return JSONResponse(completion(MODEL, "Better late."))


async def _fail(_: Request) -> Response:
    return JSONResponse({"error": "the agent failed"}, 500)


async def _hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def _echo(request: Request) -> Response:
    body = (await request.body()).decode("utf-8", "replace")
    sent = {"headers": [list(pair) for pair in request.headers.items()], "body": body}
    path, query = request.scope["raw_path"].decode("ascii"), request.scope["query_string"].decode("ascii")
    target = f"{path}?{query}" if query else path
    return JSONResponse({"method": request.method, "target": target, **sent})


async def _stream(_: Request) -> Response:
    return StreamingResponse(_events(), media_type="text/event-stream")


async def _events() -> AsyncIterator[str]:
    for word in WORDS:
        yield _event([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
        await asyncio.sleep(CHUNK_DELAY_S)
    yield _event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield _event([], USAGE)
    yield "data: [DONE]\n\n"


def _event(choices: list[Any], usage: Mapping[str, Any] | None = None) -> str:
    chunk = {
        "id": "chatcmpl-sandbox",
        "object": "chat.completion.chunk",
        "created": _CREATED_S,
        "model": MODEL,
        "choices": choices,
        "usage": usage,
    }
    return f"data: {json.dumps(chunk)}\n\n"


async def _broken(_: Request) -> Response:
    whole = json.dumps(completion(MODEL, "This never ends")).encode()
    return Broken(whole)


class Broken(Response):
    """Promises a whole body, sends half of it and closes the connection."""

    media_type = "application/json"

    def __init__(self, whole: bytes) -> None:
        super().__init__(whole)
        self._half = whole[: len(whole) // 2]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head and half of the body; an app that ends early makes the server hang up."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._half, "more_body": True})
