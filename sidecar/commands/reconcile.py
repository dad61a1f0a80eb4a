"""`sidecar reconcile`: the books against the chain, for every recipient of every token. Reads only."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidecar.commands.configured import add_config, settings_of
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books, print_json
from sidecar.commands.progress import Progress
from sidecar.commands.tables import aligned

NAME: Final = "reconcile"
HELP: Final = "hold the books against the chain, transfer by transfer"
EXAMPLES: Final = """examples:
  sidecar reconcile
  sidecar reconcile --from-block 21000000 --json

Every Transfer in the range must belong to one payment, and every payment that says settled to one
Transfer. It ends with 1 if something is missing, different or unexplained, and with 3 if a chain
cannot be asked. Only final blocks count. It may run beside the sidecar.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--from-block",
        type=_block,
        metavar="N",
        help="the first block; default: that after which the oldest payment was admitted, or earlier",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print how books and chain agree."""
    from sidecar.adapters.system import SystemClock  # noqa: PLC0415 - only when something is asked
    from sidecar.commands.reconciling import ask_all  # noqa: PLC0415
    from sidecar.finops.reconciled import reconciled_object  # noqa: PLC0415
    from sidecar.ports import Fault  # noqa: PLC0415

    networks = settings_of(arguments).networks
    with books(arguments) as connection, Progress("asking the chain") as progress:
        try:
            asking = ask_all(connection, networks, arguments.from_block, progress.tell)
            found, times_s = asyncio.run(asking)
        except Fault as fault:
            step = "see that it runs, or name another node in `networks`"
            raise Sentence(Exit.UNREACHABLE, f"{fault}; {step}") from fault
    answer = reconciled_object(found, times_s, SystemClock().now_us())
    if arguments.from_block is not None:
        _refuse_no_block(arguments.from_block, answer["items"])
    if arguments.json:
        print_json(answer)
    else:
        print(table(answer))
    if not answer["explained"]:
        raise Sentence(Exit.FOUND_WRONG, "the books and the chain do not agree; the table says where")
    return Exit.FINE


def _refuse_no_block(from_block: int, items: Sequence[Mapping[str, Any]]) -> None:
    """Of no block at all, books and chain would be said to agree."""
    last = max((item["to_block"] for item in items), default=from_block)
    if last < from_block:
        sentence = f"argument --from-block: no block from {from_block} on is final; the newest is {last}"
        raise Sentence(Exit.WRONG_USAGE, sentence)


def table(answer: Mapping[str, Any]) -> str:
    """Return a reconciliation for a terminal: a line for each till, then what is not matched."""
    tills = [[str(item[name]) for name in _TILL] for item in answer["items"]]
    unmatched = [
        [str(line[name]) if line[name] is not None else None for name in _LINE]
        for item in answer["items"]
        for line in item["unmatched"]
    ]
    parts = [aligned([_TILL, *tills])]
    if unmatched:
        parts.append(aligned([_LINE, *unmatched]))
    parts += ["the books and the chain agree"] if answer["explained"] else []
    return "\n\n".join(parts)


_TILL: Final = (
    "network", "pay_to", "from_block", "to_block", "balance_chain", "balance_books", "opening", "matched",
    "reported", "owed", "defaulted", "owner_movements", "unapplied", "suspended", "missing", "different",
    "unexplained", "explained_ratio",
)  # fmt: skip
_LINE: Final = ("kind", "amount", "call", "payer", "transaction", "block", "age_s")


def _block(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    raise argparse.ArgumentTypeError("write the number of a block")
