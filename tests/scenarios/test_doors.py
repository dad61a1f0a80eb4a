"""Errors at the door: what stops a start is one sentence with the next step; what can wait is a warning."""

import ctypes
import json
import os
import resource
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.sandbox.process import Sandbox
from tests.scenarios import money
from tests.scenarios.middleman import Middleman
from tests.scenarios.stand import DidNotStart, Stand, refusal, set_up, until

ROOT: Final = Path(__file__).resolve().parents[2]
SIDECAR: Final = (sys.executable, "-m", "sidecar")
LISTENERS: Final = ("buyers", "agent", "operator")
DATE: Final = "Fri, 01 Jan 2100 00:00:00 GMT"
FUTURE: Final = 4_102_444_800  # the same moment
WRITES_ANYWAY: Final = (1, 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
PR_CAPBSET_DROP: Final = 24


@pytest.fixture
def stand(tmp_path: Path, sandbox: Sandbox, agent: str) -> Stand:
    """A config on which everything is right."""
    return replace(set_up(tmp_path, sandbox, agent), typed=True)


def ended(
    *words: object, before: Callable[[], object] | None = None, **environment: str
) -> tuple[int, str, str]:
    """Run a command to its end as a shell does; return exit code, output and errors."""
    done = subprocess.run(
        [*SIDECAR, *map(str, words)],
        cwd=ROOT,
        env=os.environ | environment,
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def refused(stand: Stand, before: Callable[[], object] | None = None, **environment: str) -> str:
    """Start it, which must fail with code 3 and one sentence; return that."""
    code, out, err = ended("serve", "--config", stand.config, before=before, **environment)

    assert (code, out, err.count("\n")) == (3, "", 1)
    return err.removeprefix("sidecar: ").rstrip("\n")


def like_anybody() -> None:
    """Give up, before the command starts, what lets an administrator write where nobody may."""
    for capability in WRITES_ANYWAY:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability)


def warned(stand: Stand, code: str, times: int = 1) -> list[str]:
    """What the log says, so many times, of something a person should look at."""
    told: list[str] = []

    def is_told() -> bool:
        whole = stand.log.read_text(encoding="utf-8").rpartition("\n")[0]
        lines = map(json.loads, whole.splitlines())
        told[:] = [line["detail"] for line in lines if line.get("code") == code]
        return len(told) >= times

    assert until(is_told)
    return told


def dependency(ready: Any, name: str) -> tuple[bool, str]:
    found = next(each for each in ready["dependencies"] if each["name"] == name)
    return found["ready"], found["detail"]


@pytest.mark.parametrize("listener", LISTENERS)
def test_a_port_that_is_taken(stand: Stand, listener: str) -> None:
    """The sentence names the address and its key."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = stand.config.read_text().replace(f'{listener}: "127.0.0.1:0"', f'{listener}: "{address}"')
        stand.config.write_text(text)
        sentence = refused(stand)

    assert sentence == (
        f"Cannot listen on {address} for {listener}: address already in use;"
        f" change listen.{listener}, or stop what listens there"
    )


def test_a_folder_that_nobody_may_write_to(stand: Stand) -> None:
    """The sentence names the file, the reason and the key."""
    stand.folder.chmod(0o555)
    sentence = refused(stand, before=like_anybody)
    stand.folder.chmod(0o755)

    assert sentence == (
        f"{stand.database} cannot be opened for writing: Permission denied;"
        " name a file in `storage` whose folder is there and may be written to by this user"
    )
    assert not stand.database.exists()


def test_a_database_that_nobody_may_write(stand: Stand) -> None:
    """Also when its folder is open."""
    with stand.serving():
        pass
    stand.database.chmod(0o444)
    sentence = refused(stand, before=like_anybody)

    assert sentence.startswith(f"{stand.database} cannot be opened for writing: it may only be read; ")
    assert sentence.endswith("may be written to by this user")


def test_a_folder_that_is_not_there(stand: Stand) -> None:
    """No folder is made: a wrong name would hide the books."""
    sentence = refused(stand, SIDECAR__STORAGE="sqlite:///none/books.db")

    assert sentence.startswith(f"{stand.folder}/none/books.db cannot be opened for writing: No such file")
    assert "name a file in `storage` whose folder is there" in sentence


def test_a_disk_without_room(stand: Stand) -> None:
    """The sentence says where room is needed; nothing is half made."""

    def no_file_grows() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))

    sentence = refused(stand, before=no_file_grows)

    assert sentence.startswith(f"{stand.database} could not be brought to the newest schema")
    assert sentence.endswith("see that the disk `storage` is on has room and is sound")
    with stand.serving() as running:
        assert money.read(running).broken == {}


def test_a_database_that_another_process_holds(stand: Stand) -> None:
    """The second one says so, and the first one goes on."""
    with stand.serving() as running:
        sentence = refused(stand)
        alive = running.operator("/healthz").status_code

    assert sentence == (
        f"{stand.database} is open in another process; only one may write;"
        " stop that process, or name another file in `storage`"
    )
    assert alive == 200


def test_a_database_that_a_shell_holds(stand: Stand) -> None:
    """Somebody who knows no lock of ours may hold it: the file is named, and nobody waits for long."""
    with stand.serving():
        pass
    with closing(sqlite3.connect(stand.database, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        sentence = refused(stand)

    assert sentence == (
        f"{stand.database} cannot be written: database is locked;"
        " stop the process that holds it, or name another file in `storage`"
    )


def test_a_database_from_a_newer_version(stand: Stand) -> None:
    """It is left as it is, and both numbers are told; `check --online` says the same."""
    with stand.serving():
        pass
    with closing(sqlite3.connect(stand.database)) as connection:
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {schema + 1}")
    sentence = refused(stand)
    code, out, _ = ended("check", "--online", "--config", stand.config)

    assert f"{stand.database} has schema " in sentence
    assert sentence.endswith("use the version that wrote it, or a newer one")
    assert code == 2
    assert f"storage: {sentence} [storage_refused]" in out


def test_a_database_of_another_application(stand: Stand) -> None:
    """It is not touched."""
    with closing(sqlite3.connect(stand.database)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    sentence = refused(stand)

    assert sentence == (
        f"{stand.database} is the database of another application; name another file in `storage`"
    )


def test_a_database_server_that_is_away(stand: Stand) -> None:
    """The sentence says where it is looked for and why it is not reached, without the password."""
    sentence = refused(stand, SIDECAR__STORAGE="postgresql://keeper:hunter2@127.0.0.1:1/books")

    assert sentence == (
        "PostgreSQL database books at 127.0.0.1:1 cannot be reached: Connection refused;"
        " see that it runs, and that `storage` names its address and who may use it"
    )


def test_a_config_from_another_version(stand: Stand) -> None:
    """A key that this version does not know is told with its line and the nearest one it does know."""
    text = stand.config.read_text()
    stand.config.write_text(text + "exposure: {per_buyer: '$1.00'}\nbudgets: {daily: '$9.00'}\n")
    code, out, err = ended("serve", "--config", stand.config)

    assert (code, out) == (2, "")
    assert "exposure.per_buyer: this version has no such key; did you mean 'per_payer'?" in err
    assert "budgets: this version has no such key; " in err


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    """The sentence says how to get one."""
    code, out, err = ended("serve", "--config", tmp_path / "sidecar.yaml")

    assert (code, out) == (2, "")
    assert f"there is no {tmp_path}/sidecar.yaml; `sidecar init --output " in err


@pytest.mark.parametrize("version", ["2, 7, 18", "3, 10, 14"])
def test_a_python_that_is_too_old(version: str) -> None:
    """It is told before anything is read that an old one cannot read."""
    program = f"import sys, runpy; sys.version_info = ({version}); runpy.run_module('sidecar')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    major, minor, _ = version.split(", ")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"sidecar: this is Python {major}.{minor}, and 3.11 or newer is needed; ")
    assert done.stderr.count("\n") == 1


def test_make_with_a_python_that_is_too_old(tmp_path: Path) -> None:
    """Nothing is begun: the sentence says how to name another one."""
    old = tmp_path / "python3.9"
    program = "import sys; sys.version_info = (3, 9, 18); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{program}" "$2"\n')
    old.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--file", str(ROOT / "Makefile"), ".venv/bin/python", f"PYTHON={shlex.quote(str(old))}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    needed = "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."
    assert done.stderr.startswith(f"{needed}\n")
    assert not (tmp_path / ".venv").exists()


def test_make_without_a_package_index(tmp_path: Path) -> None:
    """Behind what pip says stands what to do."""
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock/installer.txt").write_bytes((ROOT / "lock/installer.txt").read_bytes())
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PIP"))}
    done = subprocess.run(
        ["make", "--file", str(ROOT / "Makefile"), ".venv/bin/uv", f"PYTHON={shlex.quote(sys.executable)}"],
        cwd=tmp_path,
        env=environment | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "\nThe packages could not be installed: see that a package index is reachable; " in done.stderr


def test_an_agent_that_is_away_at_the_start(stand: Stand, upstream: Middleman, agent: str) -> None:
    """A warning, /readyz says so, a paid call is 502 and charges nobody; ready once the agent is there."""
    stand.config.write_text(stand.config.read_text().replace(agent, upstream.url))
    upstream.down()
    code, out, _ = ended("check", "--online", "--config", stand.config)
    with stand.serving() as running:
        told, *_ = warned(stand, "upstream_unreachable")
        unready = running.operator("/readyz")
        payment = running.signed(stand.sandbox.buyers[0], "/chat")
        away = running.send("/chat", payment)
        upstream.up()
        ready = until(lambda: running.operator("/readyz").status_code == 200)
        back = running.send("/chat", payment)
        upstream.down()
        gone = running.send("/free/x", method="GET")
        noticed = until(lambda: running.operator("/readyz").status_code == 503)

    assert unready.status_code == 503
    reason = f"{upstream.url} cannot be reached: connection refused; start the agent, or change `upstream`"
    assert code == 0
    assert f"warning: upstream: {reason} [upstream_unreachable]" in out
    assert dependency(unready.json(), "upstream") == (False, reason)
    assert told in {
        f"upstream: {reason}",
        "upstream: Connection refused (os error 111)",
    }
    assert refusal(away) == (502, "upstream_unreachable")
    assert (ready, back.status_code, gone.status_code, noticed) == (True, 200, 502, True)


def test_no_chain_to_ask(stand: Stand) -> None:
    """Without `networks` it serves, and says once what cannot be checked, as `check` does."""
    text = stand.config.read_text().replace("networks:", "").replace("  base-sepolia: {rpc:", "# {rpc:")
    stand.config.write_text(text)
    code, out, _ = ended("check", "--config", stand.config)
    with stand.serving():
        (told,) = warned(stand, "network_unwatched")

    sentence = "eip155:84532 has no rpc: what a facilitator says of a settlement cannot be checked on chain"
    assert (code, told) == (0, sentence)
    assert f"warning: networks: {sentence} [network_unwatched]" in out


def test_a_chain_that_is_away(stand: Stand, rpc: Middleman) -> None:
    """`check --online` ends with 3 and names the key; `serve` warns and goes on."""
    stand.config.write_text(stand.config.read_text().replace(stand.sandbox.rpc_url, rpc.url))
    rpc.down()
    code, out, err = ended("check", "--online", "--config", stand.config)
    with stand.serving() as running:
        ready = running.operator("/readyz").json()
        told, *_ = warned(stand, "chain_unreachable")

    assert (code, err) == (3, f"sidecar: {stand.config} has 1 problem\n")
    assert out.startswith(f"networks.{stand.sandbox.network}.rpc: ")
    assert "refused" in told
    there, why = dependency(ready, f"chain:{stand.sandbox.network}")
    assert (there, "refused" in why) == (False, True)


@contextmanager
def from_the_future(network: str) -> Iterator[str]:
    """A facilitator and a node in one, whose clocks are decades ahead of ours."""
    kinds = {"kinds": [{"x402Version": 2, "scheme": "exact", "network": network}]}
    head = {"number": "0x7", "timestamp": hex(FUTURE)}

    class Ahead(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(kinds)

        def do_POST(self) -> None:
            batch = json.loads(self.rfile.read(int(self.headers["content-length"])))
            known = {"eth_chainId": hex(int(network.removeprefix("eip155:"))), "eth_getBlockByNumber": head}
            self._answer(
                [
                    {"jsonrpc": "2.0", "id": asked["id"], "result": known.get(asked["method"])}
                    for asked in batch
                ]
            )

        def date_time_string(self, timestamp: float | None = None) -> str:
            return DATE

        def _answer(self, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Ahead) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_a_clock_that_is_off(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """Held against the chain's newest block and the facilitator's Date; `check` and `serve` both warn."""
    with from_the_future(sandbox.network) as url:
        stand = set_up(tmp_path, sandbox, agent, facilitator=url, rpc=url)
        _, out, _ = ended("check", "--online", "--config", stand.config)
        with stand.serving() as running:
            alive = running.operator("/healthz").status_code
            told = warned(stand, "clock_skew", times=2)

    warnings = [line for line in out.splitlines() if line.startswith("warning: ") and "[clock_skew]" in line]
    places = [f"networks.{sandbox.network}", "settlement.facilitators.0"]
    assert sorted(line.split(": ")[1] for line in warnings) == places
    assert all("this machine's clock is " in line and " s behind the " in line for line in warnings)
    assert alive == 200
    assert [detail.partition(" s ")[2] for detail in told] == [
        f"behind that of {url}, so payments may expire unseen: set it, best by NTP",
        f"behind the newest block of {sandbox.network}, so payments may expire unseen: set it, best by NTP",
    ]


def test_what_is_asked_of_the_test_itself(stand: Stand) -> None:
    """The config of these tests starts: what they see is what they broke."""
    try:
        with stand.serving() as running:
            ready = until(lambda: running.operator("/readyz").status_code == 200)
    except DidNotStart as failed:
        pytest.fail(failed.printed)

    assert ready
