"""All that `sidecar serve` imports, with the one SQLite as in its process, and what runs it from there."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from sidecar.sqlite_library import prefer_newer

NEEDED: Final = (
    "sidecar.cli",
    "sidecar.commands.serve",
    "sidecar.commands.advice",
    "sidecar.serving",
    "sidecar.adapters.storage.postgres",
)

prefer_newer(sys.modules)
for _name in NEEDED:
    import_module(_name)


def run(words: Sequence[str], environment: Mapping[str, str], log: Path, printed: Connection) -> None:
    """Be the process of the command: a session of its own, with that environment, and its output there."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as lines:
        os.dup2(lines.fileno(), sys.stderr.fileno())
    os.dup2(printed.fileno(), sys.stdout.fileno())
    printed.close()
    sys.argv = ["sidecar", *words]
    main = import_module("sidecar.cli").main
    sys.exit(main())
