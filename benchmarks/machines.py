"""Processes of a benchmark: started on one core, watched for what they use, ended by their id."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).resolve().parent.parent
_CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = str(_CORES[0])
OTHER_CORE: Final = str(_CORES[-1])
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_WAIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running process that listens."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def cpu_s(self) -> float:
        """Return the seconds of CPU it has used, its threads' included."""
        return cpu_s(self.process.pid)

    @property
    def memory_bytes(self) -> int:
        """Return what it has in memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * _PAGE_BYTES


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(
    command: Sequence[str], cores: str, folder: Path, *, announces: bool = False, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Run *command* on *cores*; with *announces*, its first line is JSON and is given."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            on(cores, command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=os.environ | environment,
        )
    try:
        line = process.stdout.readline() if announces and process.stdout else b"{}"
        if not line:
            told = (folder / "log").read_text(encoding="utf-8")[-2000:]
            raise SystemExit(f"{command[0]} did not start: {told}")
        yield process, json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def a_folder() -> Iterator[Path]:
    """Give a folder for what is measured; it is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Path(folder)


def wait_for(port: int) -> None:
    """Return when something answers on *port*."""
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > until:
                raise SystemExit(f"nothing answers on port {port}") from None
            time.sleep(0.05)
        else:
            return


def on(cores: str, command: Sequence[str]) -> list[str]:
    """Return *command* as it runs on *cores* alone."""
    return ["taskset", "-c", cores, *command]


def python(*arguments: str) -> list[str]:
    """Return the command of a module of ours."""
    return [sys.executable, *arguments]
