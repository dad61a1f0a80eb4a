"""A command on a terminal: its output as a person's screen gets it, colours and all."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]


def on_a_terminal(*words: str, **environment: str) -> tuple[int, str]:
    """Run python with *words* on a terminal of its own; return its exit code and what the terminal got."""
    ours, theirs = pty.openpty()
    surroundings = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=surroundings | {"TERM": "xterm"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while got := os.read(ours, 65_536):
                shown += got
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")
