"""`sidecar sandbox`: the embedded chain with a facilitator and funded keys, up until it is interrupted."""

import argparse
import json
import re
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.progress import Progress
from sidecar.sandbox import chain_modes, facilitator_modes
from sidecar.sandbox.chain_modes import ChainMode
from sidecar.sandbox.facilitator_modes import DELAY_DEFAULT_S, DELAY_MAX_S, FacilitatorMode

NAME: Final = "sandbox"
HELP: Final = "run an embedded chain with a test USDC, a facilitator and funded keys"


_NOTICE: Final = "These keys are published: test money only. Interrupt to stop.\n"


def _listed(modes: Mapping[str, FacilitatorMode] | Mapping[str, ChainMode]) -> str:
    return "\n".join(f"  {name:<18} {mode.tells}" for name, mode in modes.items())


EXAMPLES: Final = f"""examples:
  sidecar sandbox
  sidecar sandbox --facilitator timeout-after
  sidecar sandbox --facilitator slow --facilitator-delay 40
  sidecar sandbox --chain reorg

facilitators:
{_listed(facilitator_modes.MODES)}

chains:
{_listed(chain_modes.MODES)}

Both change while it runs: POST {{"mode": "down"}} to /_mode at control_url, and call sandbox_setMode
with a name at rpc_url. evm_increaseTime and evm_setNextBlockTimestamp move the chain's time.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="print the line of JSON and no notice")
    parser.add_argument(
        "--facilitator",
        choices=tuple(facilitator_modes.MODES),
        default=facilitator_modes.HONEST,
        metavar="MODE",
        help="how the facilitator behaves; honest if not said",
    )
    parser.add_argument(
        "--facilitator-delay",
        type=_seconds,
        default=DELAY_DEFAULT_S,
        metavar="SECONDS",
        help=f"of a slow one; default {DELAY_DEFAULT_S:g}",
    )
    parser.add_argument(
        "--chain",
        choices=tuple(chain_modes.MODES),
        default=chain_modes.HONEST,
        metavar="MODE",
        help="how the chain behaves; honest if not said",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print where everything is as one line of JSON, then wait for SIGINT or SIGTERM.

    Ends with 0 when stopped, 3 when a part did not start.
    """
    from sidecar.sandbox.process import ChildFailed, start_sandbox  # noqa: PLC0415 - for this command only

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    started = start_sandbox(
        facilitator_mode=arguments.facilitator,
        facilitator_delay_s=arguments.facilitator_delay,
        chain_mode=arguments.chain,
    )
    try:
        with ExitStack() as running:
            with Progress("starting a chain and a facilitator"):
                sandbox = running.enter_context(started)
            sys.stdout.write(json.dumps(sandbox.document()) + "\n")
            sys.stdout.flush()
            if not arguments.json:
                sys.stderr.write(_NOTICE)
            stopped.wait()
    except ChildFailed as problem:
        raise Sentence(Exit.UNREACHABLE, str(problem)) from problem
    return Exit.FINE


def _seconds(text: str) -> float:
    seconds = float(text) if re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text) else DELAY_MAX_S + 1
    if seconds > DELAY_MAX_S:
        raise argparse.ArgumentTypeError(f"write seconds, at most {DELAY_MAX_S}")
    return seconds
