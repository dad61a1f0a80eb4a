"""`sidecar serve` as a supervisor sees it: one line when it is up, one sentence when it cannot be."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from sidecar.commands import serve
from tests.plainly import PLAINLY
from tests.sidecar.configs import MINIMAL

LISTEN: Final = 'listen: {buyers: "127.0.0.1:0", agent: "127.0.0.1:0", operator: "127.0.0.1:0"}\n'
END_TIMEOUT_S: Final = 30


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a config that can be served; nobody it names is there."""
    path = tmp_path / "sidecar.yaml"
    path.write_text(MINIMAL + LISTEN)
    return path


@contextmanager
def served(config: Path, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command until it ends or the test does."""
    command = [sys.executable, "-m", "sidecar", "serve", "--config", str(config), *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=os.environ | environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(config: Path, **environment: str) -> tuple[int, str, str]:
    """Run the command to its end; return exit code, output and errors."""
    with served(config, **environment) as process:
        out, err = process.communicate(timeout=END_TIMEOUT_S)
    return process.returncode, out, err


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_one_json_line_names_the_ports_and_a_signal_ends_it_well(
    ending: signal.Signals, config: Path
) -> None:
    """The line comes once every listener answers; the end is 0, and standard error is JSON lines only."""
    with served(config, "--json") as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        alive = httpx.get(f"http://127.0.0.1:{ports['operator']}/healthz", **PLAINLY)
        own = httpx.get(f"http://127.0.0.1:{ports['buyers']}/__402/health", **PLAINLY)
        agent = httpx.get(f"http://127.0.0.1:{ports['agent']}/", **PLAINLY)
        process.send_signal(ending)
        rest, log = process.communicate(timeout=END_TIMEOUT_S)

    assert set(ports) == {"buyers", "agent", "operator"}
    assert (alive.status_code, own.json(), agent.status_code) == (200, {"status": "ok"}, 404)
    assert (process.returncode, rest) == (0, "")
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["state"] for line in lines if line["event"] == "Lifecycle"] == [
        "serving",
        "draining",
        "stopped",
    ]


def test_a_person_is_told_the_ports_in_a_sentence(config: Path) -> None:
    """Without --json the line is prose."""
    with served(config) as process:
        assert process.stdout is not None
        line = process.stdout.readline()

    words = line.split()
    assert words[:4] == ["serving", "buyers", "on", "port"]
    assert sum(word.strip(",").isdigit() for word in words) == 3


def test_a_taken_port_ends_it_with_one_sentence(config: Path) -> None:
    """Exit code 3; the sentence names the address, whom it is for and the key to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = ended(config, SIDECAR__LISTEN__BUYERS=address)

    assert (code, out) == (3, "")
    assert err == (
        f"sidecar: Cannot listen on {address} for buyers: address already in use;"
        " change listen.buyers, or stop what listens there\n"
    )


def test_a_wrong_config_is_told_whole(config: Path) -> None:
    """Exit code 2 and every problem at once."""
    config.write_text(config.read_text() + "upsteam: x\nexposure: {per_payer: 1}\n")

    code, out, err = ended(config)

    assert (code, out) == (2, "")
    assert "upsteam" in err
    assert "exposure.per_payer" in err


def test_a_config_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """Exit code 2."""
    code, out, err = ended(tmp_path / "none.yaml")

    assert (code, out) == (2, "")
    assert "none.yaml" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("place", ["missing/books.db", "sidecar.yaml/books.db", "folder.db"])
def test_books_that_cannot_be_written_end_it_with_one_sentence(place: str, config: Path) -> None:
    """Exit code 3, and the sentence names the place."""
    config.with_name("folder.db").mkdir()

    code, out, err = ended(config, SIDECAR__STORAGE=f"sqlite:///{place}")

    assert (code, out) == (3, "")
    assert err.startswith("sidecar: ")
    assert err.count("\n") == 1
    assert place in err


def test_a_folder_that_cannot_be_written_ends_it_with_one_sentence(config: Path) -> None:
    """Exit code 3, also for root, to whom no folder is closed but what is none."""
    code, _, err = ended(config, SIDECAR__STORAGE="sqlite:////dev/null/books.db")

    assert code == 3
    assert err.count("\n") == 1


def test_a_file_that_is_no_database_is_left_alone(config: Path) -> None:
    """Exit code 3 with one sentence; the file is as it was."""
    text = "these are somebody's notes, not books\n" * 100
    config.with_name("notes.db").write_text(text)

    code, _, err = ended(config, SIDECAR__STORAGE="sqlite:///notes.db")

    assert (code, err.count("\n")) == (3, 1)
    assert config.with_name("notes.db").read_text() == text


def test_the_command_is_registered_with_examples() -> None:
    """It has the name and the help that the registry shows."""
    assert (serve.NAME, "sidecar serve" in serve.EXAMPLES) == ("serve", True)


HEAVY: Final = ("eth", "eth_account", "httpx", "jsonschema_rs", "psycopg", "vyper", "web3", "x402")
"""What the sandbox, one kind of config or a command works with: together a second and more."""


def test_a_start_imports_only_what_serves() -> None:
    """A supervisor that starts it anew sells again within a second; what a config does not use can wait."""
    program = f"""
import sys
import sidecar.commands.serve, sidecar.serving
from pricing.catalogs import genai
genai.load()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
