"""`sidecar call ID`: one call from its price, line by line, down to what it and its session earned."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ledger.money import USD, parse, text
from pricing.cost import Basis, Kind
from pricing.margin import KNOWN, ZERO
from sidecar.commands.configured import add_config
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books, print_json
from sidecar.commands.tables import aligned, printable
from sidecar.finops import sessions
from sidecar.finops.calls import call_object, one_parameters

NAME: Final = "call"
HELP: Final = "show one call from its price down to what it earned"
EXAMPLES: Final = """examples:
  sidecar call call_01JTS3X4ZK8Y2M6Q9V0B7N5C1D
"""

_FACTS: Final = (
    "id", "at", "endpoint", "policy", "outcome", "status", "settlement", "network", "transaction", "buyer",
    "run", "session", "workflow", "agent", "workspace", "latency_ms", "settle_ms",
)  # fmt: skip
_TITLES: Final = ("money", "usd", "source", "basis", "rate", "step", "attempt")
_SUMS: Final = ("known", "usd", "lines not known")
_UNKNOWN: Final = "unknown"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("id", metavar="ID", help="the call's id, as Sidecar-Call-Id gave it")


def run(arguments: argparse.Namespace) -> int:
    """Print the call."""
    from sidecar.adapters.storage.reading import fetch  # noqa: PLC0415 - only when books are read

    with books(arguments) as connection:
        rows = fetch(connection, "calls", one_parameters(arguments.id))
        session = fetch(connection, "session", sessions.parameters(rows[0])) if rows else []
    if not rows:
        raise Sentence(Exit.FOUND_WRONG, f"there is no call {arguments.id}; `sidecar calls` lists them")
    answer = sessions.with_session(call_object(rows[0]), session)
    if arguments.json:
        print_json(answer)
    else:
        print(waterfall(answer))
    return Exit.FINE


def waterfall(call: Mapping[str, Any]) -> str:
    """Return what is known of a call, its money line by line, and what it comes to. Money is in USD."""
    facts = [(name, str(call[name])) for name in _FACTS if call[name] not in {None, ""}]
    width = max(len(name) for name, _ in facts)
    told = "\n".join(f"{name.replace('_', ' '):<{width}}  {printable(value)}" for name, value in facts)
    return f"{told}\n\n{aligned([_TITLES, *_steps(call)])}\n\n{aligned([_SUMS, *_sums(call)])}"


def _steps(call: Mapping[str, Any]) -> Iterator[tuple[str | None, ...]]:
    for name in ("price", "held", "captured", "credited"):
        yield name, call[f"{name}_usd"], *[None] * (len(_TITLES) - 2)
    for line in (*call["costs"], *call["fees"]):
        amount = line["amount_usd"]
        shown = _UNKNOWN if amount is None else f"-{amount}"
        facts = (line["source"], line["basis"], line["rate"], line["step"], str(line["attempt"]))
        yield f"{line['kind']} {line['name']}", shown, *facts


def _sums(call: Mapping[str, Any]) -> Iterator[tuple[str | None, ...]]:
    """Give what is known of each kind, and how many lines are not: estimated, or without an amount."""
    costs, fees = call["costs"], call["fees"]
    for kind in (Kind.MODEL, Kind.TOOL, Kind.EXTERNAL, Kind.RETRY):
        yield _sum(kind.value, [line for line in costs if line["kind"] == kind])
    yield _sum("fees", fees)
    yield _sum("total", [*costs, *fees])
    session = call["session_so_far"]
    if session is not None:
        count = session["calls"]
        name = f"session so far, {count} {'call' if count == 1 else 'calls'}"
        yield name, session["known_margin_usd"], None
    yield "known margin", call["known_margin_usd"], None


def _sum(name: str, lines: Sequence[Mapping[str, Any]]) -> tuple[str, str, str | None]:
    known = [line for line in lines if Basis(line["basis"]) in KNOWN]
    total = sum((parse(line["amount_usd"], USD) for line in known), ZERO)
    return name, text(total), str(len(lines) - len(known)) if len(known) < len(lines) else None
