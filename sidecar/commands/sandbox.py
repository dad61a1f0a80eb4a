"""`sidecar sandbox`: the embedded chain with a facilitator and funded keys, up until it is interrupted."""

import argparse
import json
import signal
import sys
import threading
from typing import Final

NAME: Final = "sandbox"
HELP: Final = "run an embedded chain with a test USDC, a facilitator and funded keys"

_NOTICE: Final = "These keys are published: test money only. Interrupt to stop.\n"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="print the line of JSON and no notice")


def run(arguments: argparse.Namespace) -> int:
    """Print where everything is as one line of JSON, then wait for SIGINT or SIGTERM.

    Returns 0 when stopped, 3 when a part did not start.
    """
    from sidecar.sandbox.process import ChildFailed, start_sandbox  # noqa: PLC0415 - for this command only

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with start_sandbox() as sandbox:
            sys.stdout.write(json.dumps(sandbox.document()) + "\n")
            sys.stdout.flush()
            if not arguments.json:
                sys.stderr.write(_NOTICE)
            stopped.wait()
    except ChildFailed as problem:
        sys.stderr.write(f"{problem}\n")
        return 3
    return 0
