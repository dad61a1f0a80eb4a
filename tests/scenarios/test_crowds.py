"""Crowds: connections that say little or nothing must not keep paying buyers out, nor harm the books."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from sidecar.sandbox.process import Sandbox
from tests.scenarios import money
from tests.scenarios.scene import Scene
from tests.scenarios.stand import Running, refusal, set_up

HALF_OPEN: Final = 500
SPARE_FILES: Final = 3


def test_half_open_connections_keep_nobody_out(scene: Scene) -> None:
    """Five hundred requests that never end, and a payment is served beside them."""
    payment = scene.running.signed(scene.stand.sandbox.buyers[0], "/chat")
    with ExitStack() as crowd:
        for number in range(HALF_OPEN):
            connection = crowd.enter_context(_connected(scene.running))
            connection.sendall((b"", b"POST /chat HTTP/1.1\r\nHost: a\r\nX: ")[number % 2])
        answer = scene.running.send("/chat", payment)
        money.settled_down(scene.stand, scene.running)

    assert answer.status_code == 200


def test_a_process_out_of_files_takes_no_money_and_recovers(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """With no descriptor left buyers are refused or left unanswered; afterwards the same payment is good."""
    stand = set_up(tmp_path, sandbox, agent)
    with stand.serving() as running:
        payment = running.signed(sandbox.buyers[0], "/chat")
        money.read(running)
        opened = len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))
        _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (opened + SPARE_FILES, hard))
        with ExitStack() as crowd:
            for _ in range(SPARE_FILES):
                crowd.enter_context(_connected(running))
            starved = running.send("/chat", payment)
            later = crowd.enter_context(_connected(running))
            later.settimeout(1)
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
        fed = running.send("/chat", payment)
        books = money.settled_down(stand, running)
        alive = running.process.poll()

    assert refusal(starved)[0] in {502, 503}
    assert fed.status_code == 200
    assert alive is None
    assert len(books.paid_in()) == 1


def _connected(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=30)
