"""`sidecar demo`: sell real calls on an embedded chain, and show what they earned."""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.margin import table
from sidecar.commands.opened import print_json
from sidecar.commands.progress import Progress
from sidecar.commands.terminal import Paint, painted

if TYPE_CHECKING:
    from sidecar.sandbox.demo import Report, Result
    from sidecar.sandbox.process import Sandbox

NAME: Final = "demo"
HELP: Final = "sell real calls on an embedded chain, and show the margin"
EXAMPLES: Final = """examples:
  sidecar demo --once          run it, and exit 0 only if everything ended as it must
  sidecar demo                 the same, and stay up to be looked at
  sidecar demo --once --json   {"calls": [...], "margin": [...], "audit": {"clean": true}}
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--once", action="store_true", help="exit afterwards")


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 if every call, the chain and the audit agree with the demo's own table, else 1."""
    from sidecar.sandbox.process import ChildFailed, start_agent, start_sandbox  # noqa: PLC0415

    try:
        with tempfile.TemporaryDirectory(prefix="sidecar-demo-") as folder, ExitStack() as starting:
            starting.enter_context(Progress("starting a chain, an agent and a sidecar"))
            with start_sandbox() as sandbox, start_agent() as agent:
                return asyncio.run(_run(arguments, Path(folder), sandbox, agent, starting.close))
    except ChildFailed as problem:
        raise Sentence(Exit.UNREACHABLE, str(problem)) from problem


async def _run(
    arguments: argparse.Namespace, folder: Path, sandbox: "Sandbox", agent: str, started: Callable[[], None]
) -> int:
    from sidecar.sandbox import demo, demo_table  # noqa: PLC0415

    def tell(result: "Result") -> None:
        if not arguments.json:
            print(_line(result), flush=True)

    config = demo.write_config(folder, sandbox, agent)
    async with demo.selling(config, folder / "sidecar.log") as seller:
        started()
        good = await demo.show(seller, sandbox, tell)
        report = await demo.settle_down(seller, sandbox)
        if arguments.json:
            margin = report.margin["items"]
            print_json({"calls": report.calls, "margin": margin, "audit": {"clean": report.clean}})
        else:
            print(_summary(report))
        if not arguments.once:
            stopped = _stopped_by_a_signal()
            print(f"\nbuyers   {seller.url}\noperator {seller.operator_url}  (token {demo_table.TOKEN})")
            print(f"chain    {sandbox.rpc_url}\nconfig   {config}\nInterrupt to stop.", flush=True)
            await stopped.wait()
    return Exit.FINE if good and report.clean and report.agrees else Exit.FOUND_WRONG


def _stopped_by_a_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _line(result: "Result") -> str:
    step, call = result.step, result.call
    status = str(result.status) if result.status else "cut"
    money = ""
    if call is not None:
        money = f"earned ${_short(call['captured_usd'])}  cost {_cost(call)}"
        if call["credited_usd"] != call["captured_usd"] and call["outcome"] == "failed":
            money += f"  credited ${_short(call['credited_usd'])}"
        if step.behind:
            money += "  settled behind"
        elif call["transaction"]:
            money += f"  in {call['transaction'][:10]}..."
        elif call["settlement"] == "settled":
            money += "  from its credit"
    mark, paint = ("ok", Paint.GOOD) if result.as_expected else ("UNEXPECTED", Paint.BAD)
    shown = painted(f"{mark:<3}", paint, sys.stdout)
    return f"{shown} {step.method:<4} {step.path:<12} {status:>3}  {step.title:<36} {money}".rstrip()


def _cost(call: Mapping[str, Any]) -> str:
    """Unknown is a word, not a zero."""
    unknown = any(line["basis"] == "unknown" for line in call["costs"])
    return "unknown" if unknown else f"${_short(call['cost_usd'])}"


def _short(usd: str) -> str:
    whole, _, fraction = usd.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def _summary(report: "Report") -> str:
    books = "agree" if report.agrees else "DO NOT AGREE"
    audit = "clean" if report.clean else "NOT CLEAN"
    onchain = f"on chain: {report.onchain} units of USDC at pay_to; books and balanceOf {books}"
    return f"\n{table(report.margin)}\n\n{onchain}\naudit: {audit}"
