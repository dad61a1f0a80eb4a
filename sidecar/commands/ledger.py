"""`sidecar ledger`: the books themselves. Each subcommand is a line of a registry in the file of its kind."""

import argparse
from typing import Final

from sidecar.commands import ledger_backup, ledger_reports, ledger_seals, ledger_writes
from sidecar.commands.configured import add_config

NAME: Final = "ledger"
HELP: Final = "audit and verify the books, show and prove what they hold, write into them"
EXAMPLES: Final = """examples:
  sidecar ledger audit
  sidecar ledger trial-balance --as-of 2026-05-01
  sidecar ledger statement buyer:0x...
  sidecar ledger export --format beancount --output books.beancount
  sidecar ledger verify
  sidecar ledger prove call_01J.../settled --json > proof.json
  sidecar ledger close --before 2026-05-01
  sidecar ledger post sweep.yaml
  sidecar ledger backup copy.db

audit and verify end with 1 if they found something.
"""
SUBCOMMANDS: Final = (
    *ledger_reports.SUBCOMMANDS,
    *ledger_seals.SUBCOMMANDS,
    *ledger_writes.SUBCOMMANDS,
    *ledger_backup.SUBCOMMANDS,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    names = "|".join(each.name for each in SUBCOMMANDS)
    subcommands = parser.add_subparsers(required=True, metavar=names, dest="subcommand")
    for each in SUBCOMMANDS:
        shown = "\n".join(line for line in EXAMPLES.splitlines() if f" ledger {each.name}" in line)
        subcommand = subcommands.add_parser(
            each.name,
            help=each.what,
            description=each.what,
            epilog=f"examples:\n{shown}\n",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_config(subcommand)
        each.configure(subcommand)
        subcommand.set_defaults(does=each.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand."""
    code: int = arguments.does(arguments)
    return code
