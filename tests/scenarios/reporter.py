"""The demo agent, reporting what its work costs: it does what a test tells it with the token of each call."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.plainly import PLAINLY
from tests.scenarios.stand import Running

WAIT_S = 60


@dataclass(slots=True)
class Reporter:
    """Stands in front of the agent at *target*. `working` is told the token before each work."""

    target: str
    url: str = ""
    tokens: list[str] = field(default_factory=list)
    working: Callable[[str], None] | None = None


@contextmanager
def before(target: str) -> Iterator[Reporter]:
    """Run a reporter in front of the agent at *target*."""
    reporter = Reporter(target)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            token = self.headers["sidecar-call-token"]
            reporter.tokens.append(token)
            if reporter.working is not None:
                reporter.working(token)
            answer = httpx.post(target + self.path, content=body, timeout=WAIT_S, **PLAINLY)
            self.send_response(answer.status_code)
            for name in ("content-type", "sidecar-cost"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        reporter.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield reporter
        server.shutdown()
        thread.join()


def report(running: Running, token: str, *documents: Mapping[str, Any]) -> httpx.Response:
    """Report costs to the agent listener, as the agent does."""
    return httpx.post(
        f"{running.agent_url}/v1/costs",
        json=list(documents),
        headers={"Authorization": f"Bearer {token}"},
        timeout=WAIT_S,
        **PLAINLY,
    )
