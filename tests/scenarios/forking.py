"""Start `sidecar serve` in a fork of a process that has imported it: most of a start is imports.

From its `main` on it is what the command runs, in a process and a session of its own, and it dies as any
other. That `python -m sidecar` comes as far is what `test_doors.py` is about, which starts it by its command.
"""

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from io import BufferedReader
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.scenarios.imported"])


class Forked:
    """A started process, with as much of `subprocess.Popen` as the scenarios use."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        reader, writer = _FORKS.Pipe(duplex=False)
        self._process = ForkServerProcess(target=_run, args=(words, dict(environment), log, writer))
        self._process.start()
        writer.close()
        self.stdout: BufferedReader = os.fdopen(os.dup(reader.fileno()), "rb")
        reader.close()
        assert self._process.pid is not None, "it was started"
        self.pid: Final = self._process.pid

    def poll(self) -> int | None:
        """Return its exit code once it has ended; a signal is negative."""
        return self._process.exitcode

    def wait(self, timeout_s: float) -> int:
        """Wait for its end and return its exit code; raises TimeoutExpired."""
        self._process.join(timeout_s)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("sidecar serve", timeout_s)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it as a crash does."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Tell it to end, as a supervisor does."""
        self.send_signal(signal.SIGTERM)


def _run(*given: object) -> None:
    from tests.scenarios import imported

    imported.run(*given)  # type: ignore[arg-type]
