"""`sidecar call ID`: one call from its price down to what it earned."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sidecar.commands.configured import add_config
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books, print_json
from sidecar.commands.tables import aligned, printable
from sidecar.finops.calls import call_object, one_parameters

NAME: Final = "call"
HELP: Final = "show one call from its price down to what it earned"
EXAMPLES: Final = """examples:
  sidecar call call_01JTS3X4ZK8Y2M6Q9V0B7N5C1D
"""

_FACTS: Final = (
    "id", "at", "endpoint", "outcome", "status", "settlement", "network", "transaction", "buyer",
    "run", "session", "workflow", "agent", "workspace", "latency_ms", "settle_ms",
)  # fmt: skip
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
    if not rows:
        raise Sentence(Exit.FOUND_WRONG, f"there is no call {arguments.id}")
    answer = call_object(rows[0])
    if arguments.json:
        print_json(answer)
    else:
        print(waterfall(answer))
    return Exit.FINE


def waterfall(call: Mapping[str, Any]) -> str:
    """Return what is known of a call, then its money step by step. Money is in USD."""
    facts = [(name, str(call[name])) for name in _FACTS if call[name] not in {None, ""}]
    width = max(len(name) for name, _ in facts)
    told = "\n".join(f"{name.replace('_', ' '):<{width}}  {printable(value)}" for name, value in facts)
    return f"{told}\n\n{aligned([('money', 'usd', 'basis', 'rate'), *_steps(call)])}"


def _steps(call: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None, str | None]]:
    for name in ("price", "held", "captured", "credited"):
        yield name, call[f"{name}_usd"], None, None
    for line in (*call["costs"], *call["fees"]):
        amount = line["amount_usd"]
        shown = _UNKNOWN if amount is None else f"-{amount}"
        yield f"{line['kind']} {line['name']}", shown, line["basis"], line["rate"]
    yield "known margin", call["known_margin_usd"], None, None
