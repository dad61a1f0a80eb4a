"""Requests in disguise: paths, methods and framings that somebody on the way might read differently."""

import re
import socket
from typing import Final

import pytest

from tests.scenarios import hostile
from tests.scenarios.scene import Scene

# What a lenient proxy or agent might take for /chat, and what a strict one must not pass on unpaid.
_SPELLINGS: Final = (
    *(f"/{'chat'[:at]}%{ord('chat'[at]):02{case}}{'chat'[at + 1 :]}" for at in range(4) for case in "xX"),
    "/%25%63hat", "/%2563hat", "%2fchat", "/%2fchat", "/%2Fchat", "/chat%2f", "/chat%2F..", "/chat%00",
    "/chat%20", "/chat%09", "/chat%0a", "/chat%0d%0aX: y", "/chat%23", "/chat%3f", "/chat%3Fx", "/chat%3b",
    "/chat%", "/chat%2", "/chat%zz", "/chat%u002f", "/%c3%a7hat", "/ch%c0%af", "/%c0%afchat", "/%ff",
    "//chat", "///chat", "/./chat", "/../chat", "/.//chat", "/chat/", "/chat//", "/chat/.", "/chat/..",
    "/chat/../chat", "/free/../chat", "/free/%2e%2e/chat", "/free/%2E%2E/chat", "/free/.%2e/chat",
    "/free/..%2fchat", "/free/..%5cchat", "/free/..\\chat", "/free/../../chat", "/free//../chat",
    "/free/..;/chat", "/free/.;x/../chat", "/free;/../chat", "/free/x/../../chat", "/free/%252e%252e/chat",
    "/Chat", "/CHAT", "/chaT", "/chat;", "/chat;x=1", "/;/chat", "/chat\\", "\\chat", "/chat#",
    "/chat#/free/x",
    "/chat?", "/chat?x=1", "/chat?/free/hello", "/chat/?", "/free/hello/../../chat?x",
    "/chat?\x00", "/chat\x0b",
    "chat", "./chat", "*", "?", "", "http://127.0.0.1/chat", "https://evil.invalid/chat",
    "//evil.invalid/chat",
    "/http://127.0.0.1/chat", "/chat HTTP/1.1\r\nX: y", "/chat\u00e9", "/\u0441hat", "/chat,",
    "/chat:", "/chat@",
    "/_seen", "/__402/../chat", "/__402/%2e%2e/chat", "/__402//chat", "/__402/health/../../chat",
)  # fmt: skip
_METHODS: Final = (
    "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "post", "Post", "POST\t", "QUERY",
    "X",
)  # fmt: skip
_REQUESTS: Final = (
    *(("POST", path) for path in _SPELLINGS),
    *(("GET", path) for path in _SPELLINGS),
    *((method, "/chat") for method in _METHODS),
    *((method, "/models/a") for method in ("GET", "HEAD", "OPTIONS", "POST", "get")),
)


def test_no_spelling_of_a_priced_path_is_free(scene: Scene) -> None:
    """Whatever the spelling or the method, an unpaid request is refused and never reaches the agent."""
    before = scene.asked()

    told = {request: _raw_status(scene, *request) for request in _REQUESTS}

    assert {request: status for request, status in told.items() if status not in {400, 402, 404, 405}} == {}
    assert told["POST", "/chat?x=1"] == told["HEAD", "/models/a"] == told["GET", "/models/a"] == 402
    assert scene.asked() == before


def test_a_preflight_is_answered_here_and_pays_nothing(scene: Scene) -> None:
    """OPTIONS with Access-Control-Request-Method gets 204 from the sidecar itself."""
    before = scene.asked()
    fields = {"origin": "https://shop.invalid", "access-control-request-method": "POST"}

    answer = scene.running.send("/chat", method="OPTIONS", headers=fields)

    assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (204, "POST")
    assert scene.asked() == before


_HOST: Final = b"Host: agent.invalid\r\n"
_PRICED: Final = b"POST /chat HTTP/1.1\r\n" + _HOST + b"Content-Length: 0\r\n\r\n"
_SMUGGLED: Final = {
    "both framings": (
        b"POST /free/x HTTP/1.1\r\n%bContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "two lengths": b"POST /free/x HTTP/1.1\r\n%bContent-Length: 0\r\nContent-Length: 60\r\n\r\n",
    "a list of lengths": b"POST /free/x HTTP/1.1\r\n%bContent-Length: 0, 60\r\n\r\n",
    "a signed length": b"POST /free/x HTTP/1.1\r\n%bContent-Length: +0\r\n\r\n",
    "a coding nobody knows": b"POST /free/x HTTP/1.1\r\n%bTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": b"POST /free/x HTTP/1.1\r\n%bTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a hidden coding": b"POST /free/x HTTP/1.1\r\n%bTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"POST /free/x HTTP/1.1\r\n%bTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded field": b"POST /free/x HTTP/1.1\r\n%bX: y\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a bare line feed": b"POST /free/x HTTP/1.1\n%bContent-Length: 0\n\n",
    "a NUL": b"POST /free/x HTTP/1.1\r\n%bX: a\x00b\r\n\r\n",
    "two hosts": b"GET /free/hello HTTP/1.1\r\n%bHost: evil.invalid\r\n\r\n",
    "no host": b"GET /free/hello HTTP/1.1\r\n\r\n",
    "an older version": b"GET /free/hello HTTP/1.0\r\n%b\r\n",
    "a chunk with a wrong size": b"POST /free/x HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "an upgrade with a body": (
        b"POST /free/x HTTP/1.1\r\n%bConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 6\r\n\r\n"
    ),
}


@pytest.mark.parametrize("name", _SMUGGLED)
def test_a_request_hidden_in_another_reaches_nobody(name: str, scene: Scene) -> None:
    """What can be framed in two ways ends the connection with 400; what follows it is never read."""
    before = scene.asked()

    answer = _exchanged(scene, _SMUGGLED[name].replace(b"%b", _HOST, 1) + _PRICED)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert scene.asked() == before


def test_a_pipelined_request_is_paid_for_itself(scene: Scene) -> None:
    """A second request in the same segment gets its own 402, however good the first one was."""
    account = scene.stand.sandbox.buyers[1]
    ((name, text),) = hostile.wire(scene.running.signed(account, "/chat"))
    paid = _PRICED.replace(b"Content-Length", f"{name}: {text}\r\nContent-Length".encode(), 1)
    before = scene.asked()

    answer = _exchanged(
        scene, paid + _PRICED.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
    )

    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"200", b"402"]
    assert scene.asked()[0] == before[0] + 1


def _raw_status(scene: Scene, method: str, target: str) -> int:
    head = f"{method} {target} HTTP/1.1\r\nHost: agent.invalid\r\nConnection: close\r\n\r\n"
    answer = _exchanged(scene, head.encode())
    return int(answer[9:12])


def _exchanged(scene: Scene, sent: bytes) -> bytes:
    """Send bytes as they are, and read until the sidecar closes."""
    with socket.create_connection(("127.0.0.1", scene.running.port), timeout=30) as connection:
        connection.sendall(sent)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer
