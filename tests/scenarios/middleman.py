"""A server between the sidecar and somebody it asks: it passes on, counts, and fails on order."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import httpx

from tests.plainly import PLAINLY

WAIT_S: Final = 60
_DROPPED: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding"})


class Act(Enum):
    """What to do with a request."""

    PASS = "pass it on"
    FAIL = "answer 500 and ask nobody"
    CUT = "hang up without an answer"
    PASS_AND_FAIL = "pass it on, and answer 500 all the same"
    HALF = "pass it on, and hang up in the middle of the answer's body"


@dataclass(frozen=True, slots=True)
class Reply:
    """A made-up answer: nobody is asked."""

    body: bytes
    status: int = 200


class Moment(Enum):
    """When a Hold holds."""

    BEFORE = "before it passes the request on"
    AMID = "in the middle of the answer's body"
    INSTEAD = "instead of an answer"


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait for `go` at that moment, then go on; instead of an answer, hang up."""

    moment: Moment
    go: threading.Event = field(default_factory=threading.Event)


Choice = Callable[[bytes], Act | Reply | Hold]
"""What to do with a request that has this body."""


@dataclass(slots=True)
class Middleman:
    """Stands before *target*. `on` says what to do by path, or by path and body; all else is passed on.

    `seen` holds (path, body) of each request.
    """

    target: str
    on: dict[str, Act | Reply | Hold | Choice] = field(default_factory=dict)
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def asked(self) -> Counter[str]:
        """Count the requests by path."""
        return Counter(path for path, _ in self.seen)

    def up(self) -> None:
        """Listen, on the same port as before."""

        class Handler(_Handler):
            middleman = self

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Listen no more: who connects is refused."""
        assert self._server is not None, "it was up"
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def close(self) -> None:
        """Let go of what waits, and end."""
        for act in self.on.values():
            if isinstance(act, Hold):
                act.go.set()
        if self._server is not None:
            self.down()


@contextmanager
def before(target: str) -> Iterator[Middleman]:
    """Run a middleman before *target*."""
    middleman = Middleman(target)
    middleman.up()
    try:
        yield middleman
    finally:
        middleman.close()


class _Handler(BaseHTTPRequestHandler):
    middleman: Middleman

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.middleman.seen.append((self.path, body))
        act = self.middleman.on.get(self.path, Act.PASS)
        if not isinstance(act, Act | Reply | Hold):
            act = act(body)
        if isinstance(act, Reply):
            self._answer(act.status, "application/json", act.body)
        elif isinstance(act, Hold):
            self._held(act, body)
        else:
            _ACTS[act](self, body)

    def do_GET(self) -> None:
        self.do_POST()

    def do_HEAD(self) -> None:
        self.do_POST()

    def passed(self, body: bytes) -> None:
        answer = self._asked(body)
        self._answer(answer.status_code, answer.headers.get("content-type", ""), answer.content)

    def failed(self, _: bytes) -> None:
        self._answer(500, "text/plain", b"out of order")

    def cut(self, _: bytes) -> None:
        self.close_connection = True

    def passed_and_failed(self, body: bytes) -> None:
        self._asked(body)
        self.failed(body)

    def halved(self, body: bytes) -> None:
        self._half(body)
        self.close_connection = True

    def _half(self, body: bytes) -> bytes:
        """Send the first half of the answer, and return the other."""
        answer = self._asked(body)
        half = len(answer.content) // 2
        self._begin(answer.status_code, answer.headers["content-type"], len(answer.content))
        self.wfile.write(answer.content[:half])
        self.wfile.flush()
        return answer.content[half:]

    def _held(self, hold: Hold, body: bytes) -> None:
        if hold.moment is Moment.BEFORE:
            hold.go.wait(WAIT_S)
            self.passed(body)
        elif hold.moment is Moment.AMID:
            rest = self._half(body)
            hold.go.wait(WAIT_S)
            self.wfile.write(rest)
        else:
            hold.go.wait(WAIT_S)
            self.cut(body)

    def _asked(self, body: bytes) -> httpx.Response:
        fields = [(name, value) for name, value in self.headers.items() if name.lower() not in _DROPPED]
        target = self.middleman.target + self.path
        return httpx.request(self.command, target, content=body, headers=fields, timeout=WAIT_S, **PLAINLY)

    def _begin(self, status: int, kind: str, length: int) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(length))
        self.end_headers()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self._begin(status, kind, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


_ACTS: Final[dict[Act, Callable[[_Handler, bytes], None]]] = {
    Act.PASS: _Handler.passed,
    Act.FAIL: _Handler.failed,
    Act.CUT: _Handler.cut,
    Act.PASS_AND_FAIL: _Handler.passed_and_failed,
    Act.HALF: _Handler.halved,
}
