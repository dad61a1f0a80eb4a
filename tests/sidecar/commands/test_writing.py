"""A command writes into the file, or lets the running sidecar write, with the same answer."""

import argparse
import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.storage.sqlite import SqliteStorage
from sidecar.adapters.system import SystemClock
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.writing import Write, write
from tests.sidecar.configs import MINIMAL
from tests.sidecar.http.operator.test_writing import PAYOUT


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Stand where the running sidecar's operator listener would, and keep what is asked."""
    asked: list[Any] = []

    class Operator(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append((self.path, self.headers["Authorization"], self.rfile.read(length)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Operator)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "sidecar.db"


def arguments(folder: Path, port: int = 1, storage: str = "sqlite:///sidecar.db") -> argparse.Namespace:
    listen = f'listen: {{operator: "0.0.0.0:{port}"}}\n'
    (folder / "sidecar.yaml").write_text(f"{MINIMAL}storage: {storage}\n{listen}")
    return argparse.Namespace(config=folder / "sidecar.yaml", json=False)


@contextmanager
def running(database: Path) -> Iterator[None]:
    """Hold the database as a running sidecar does."""
    storage = SqliteStorage(database, SystemClock().now_us)
    storage.open()
    try:
        yield
    finally:
        asyncio.run(storage.close())


def test_without_a_sidecar_the_file_is_written(tmp_path: Path, database: Path) -> None:
    """The database is opened, written and let go; the same again is told so."""
    with running(database):
        pass
    asked = arguments(tmp_path)

    assert write(asked, Write("journals", PAYOUT))["status"] == "created"
    assert write(asked, Write("journals", PAYOUT))["status"] == "exists"


def test_beside_a_sidecar_it_is_asked(tmp_path: Path, database: Path) -> None:
    """With its own token, at the port it listens on, and its answer is the answer."""
    with running(database), answering(200, b'{"status": "created"}') as (port, told):
        assert write(arguments(tmp_path, port), Write("close", {"before": "x"})) == {"status": "created"}

    ((path, authorization, body),) = told
    assert path == "/api/v1/ledger/close"
    assert authorization == f"Bearer {load_secrets(database).operator}"
    assert body.replace(b" ", b"") == b'{"before":"x"}'


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, Exit.WRONG_USAGE), (409, Exit.FOUND_WRONG), (401, Exit.UNREACHABLE), (503, Exit.UNREACHABLE)],
)
def test_what_the_sidecar_refuses_is_told(tmp_path: Path, database: Path, status: int, code: Exit) -> None:
    """Its sentence, and the exit code that the same refusal has without it."""
    refusal = b'{"detail": "It is so."}'
    with running(database), answering(status, refusal) as (port, _), pytest.raises(Sentence) as ended:
        write(arguments(tmp_path, port), Write("close", {}))

    assert (ended.value.code, ended.value.text) == (code, "It is so")


@pytest.mark.parametrize(("document", "code"), [({}, Exit.WRONG_USAGE), (PAYOUT, Exit.FOUND_WRONG)])
def test_what_the_books_refuse_is_told(
    tmp_path: Path, database: Path, document: dict[str, Any], code: Exit
) -> None:
    """The same without a sidecar."""
    with running(database):
        pass
    asked = arguments(tmp_path)
    write(asked, Write("journals", PAYOUT | {"reason": "another"}))
    with pytest.raises(Sentence) as ended:
        write(asked, Write("journals", document))

    assert ended.value.code == code


def test_a_sidecar_that_does_not_answer_is_told(tmp_path: Path, database: Path) -> None:
    """Nothing listens, or something that is not it."""
    with running(database), pytest.raises(Sentence, match="and no sidecar answers at") as ended:
        write(arguments(tmp_path), Write("close", {}))
    assert ended.value.code == Exit.UNREACHABLE

    with running(database), answering(200, b"hello") as (port, _), pytest.raises(Sentence):
        write(arguments(tmp_path, port), Write("close", {}))


def test_with_postgresql_a_running_sidecar_writes(tmp_path: Path, database: Path) -> None:
    """Nobody else is a writer of it for the sake of one journal."""
    asked = arguments(tmp_path, storage="postgresql://u@127.0.0.1:1/none")
    with pytest.raises(Sentence, match="a running sidecar writes, and none has run here") as ended:
        write(asked, Write("journals", PAYOUT))
    assert ended.value.code == Exit.UNREACHABLE
    assert [path.name for path in tmp_path.iterdir()] == ["sidecar.yaml"]

    token = load_secrets(database).operator
    with answering(200, b'{"status": "created"}') as (port, told):
        asked = arguments(tmp_path, port, storage="postgresql://u@127.0.0.1:1/none")
        assert write(asked, Write("journals", PAYOUT)) == {"status": "created"}
    assert [(path, bearer) for path, bearer, _ in told] == [("/api/v1/ledger/journals", f"Bearer {token}")]


def test_nothing_is_made_where_nothing_is(tmp_path: Path, database: Path) -> None:
    """A wrong path is told, and neither a database nor secrets are made there."""
    with pytest.raises(Sentence, match="there is no database at") as ended:
        write(arguments(tmp_path), Write("close", {}))
    assert ended.value.code == Exit.UNREACHABLE
    assert [path.name for path in tmp_path.iterdir()] == ["sidecar.yaml"]

    database.write_bytes(b"not a database" * 100)
    with pytest.raises(Sentence, match="is not a database"):
        write(arguments(tmp_path), Write("close", {}))
