"""`python -m sidecar`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_module_is_the_command() -> None:
    """Exit codes and sentences are the command line's."""
    found = subprocess.run(
        [sys.executable, "-m", "sidecar", "no-such"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert found.returncode == 2
    assert found.stderr.startswith("sidecar: there is no command 'no-such'")
