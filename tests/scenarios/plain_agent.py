"""An agent that does what its path says, says more than a buyer may hear, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from sidecar.sandbox.agent import MODEL, completion

WAIT_S: Final = 60
ANSWER: Final = json.dumps(completion(MODEL, "Paid work, done.")).encode()
COSTS: Final = 'tariff;kind=tool;name="web_search", 0.0004;kind=external;name="crawler";step="plan";attempt=2'
ONLY_OURS: Final[Mapping[str, str]] = {
    "Sidecar-Cost": COSTS,
    "Settlement-Overrides": '{"amount": "1"}',
    "x-litellm-response-cost": "0.5",
    "PAYMENT-RESPONSE": "Zm9yZ2Vk",
    "X-PAYMENT-RESPONSE": "Zm9yZ2Vk",
    "PAYMENT-REQUIRED": "Zm9yZ2Vk",
    "Sidecar-Call-Id": "call_forged",
}
"""What an agent may say and no buyer may hear."""

LOSS: Final = {"Sidecar-Cost": '0.02;kind=external;name="crawler"'}
ERROR: Final = b'{"error": "the model is overloaded"}'
_EVENT: Final = {**completion(MODEL, ""), "object": "chat.completion.chunk"}
STREAM: Final = b'data: %b\n\n: sidecar-cost 0.0007;kind=tool;name="browser"\n\ndata: [DONE]\n\n' % (
    json.dumps(_EVENT).encode()
)
JSON: Final = "application/json"
SAYS: Final[Mapping[str, tuple[int, str, bytes, Mapping[str, str]]]] = {
    "/loud": (200, JSON, ANSWER, ONLY_OURS),
    "/lossy": (200, JSON, b"{}", LOSS),
    "/error": (200, JSON, ERROR, {}),
    "/page": (200, "text/html", b"<html>", {}),
    "/fail": (500, JSON, ERROR, {}),
    "/fail-dearly": (500, JSON, ERROR, LOSS),
    "/fail-upfront": (500, JSON, ERROR, {}),
    "/mystery": (200, JSON, json.dumps(completion("house-model-7b", "")).encode(), {}),
    "/stream": (200, "text/event-stream", STREAM, {}),
    "/big": (200, JSON, json.dumps({"text": "x" * 3_000}).encode(), {}),
}
"""What it answers under each path that is not in the code below; anything else is a plain answer."""


@dataclass(slots=True)
class Agent:
    """Where it listens, and what it was asked: path, and headers in lower case. `go` ends its waiting."""

    url: str = ""
    seen: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    def asked(self, path: str) -> int:
        """Count how often it was asked for *path*."""
        return sum(each == path for each, _ in self.seen)


@contextmanager
def listening() -> Iterator[Agent]:
    """Run the agent."""
    agent = Agent()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            agent.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if self.path in {"/wait", "/late"}:
                agent.go.wait(WAIT_S)
            status, kind, body, fields = SAYS.get(self.path, (200, JSON, ANSWER, {}))
            if self.path == "/hang-up":
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **fields}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.path == "/half":
                self.close_connection = True
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        agent.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield agent
        finally:
            agent.go.set()
            server.shutdown()
            thread.join()
