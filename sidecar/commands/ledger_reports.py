"""`sidecar ledger audit` and its like: what the books hold. Reads only."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sidecar.commands.as_of import add_as_of, as_of
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books_place, print_json
from sidecar.commands.progress import Progress
from sidecar.commands.subcommands import Subcommand
from sidecar.commands.tables import aligned, printable
from sidecar.finops.account_statements import LIMIT_DEFAULT, LIMIT_MAX, CursorText
from sidecar.finops.exports import FORMATS


def _audit(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.storage.auditing import (  # noqa: PLC0415 - only when books are read
        audit_books,
        audit_object,
    )

    with books_place(arguments) as place, Progress("auditing the books"):
        answer = audit_object(audit_books(place))
    if arguments.json:
        print_json(answer)
    else:
        print(findings(answer))
    if not answer["clean"]:
        wrong = ", ".join(check["id"] for check in answer["checks"] if check["rows"])
        raise Sentence(Exit.FOUND_WRONG, f"the books are not clean: {wrong}")
    return Exit.FINE


def findings(answer: Mapping[str, Any]) -> str:
    """Return an audit for a terminal: each check with how many rows it found, then the first of them."""
    checks = answer["checks"]
    table = aligned([("check", "rows"), *((check["id"], str(check["rows"])) for check in checks)])
    shown = [f"{check['id']}: {row}" for check in checks for row in check["found"]]
    return "\n".join([table, *shown, *(["the books are clean"] if answer["clean"] else [])])


def _trial_balance(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.storage.reporting import read_trial_balance  # noqa: PLC0415 - only when books are read

    with books_place(arguments) as place:
        answer = read_trial_balance(place, as_of(arguments))
    if arguments.json:
        print_json(answer)
    else:
        print(balances(answer))
    if not answer["balanced"]:
        raise Sentence(Exit.FOUND_WRONG, "the books do not balance; `sidecar ledger audit` says where")
    return Exit.FINE


def balances(answer: Mapping[str, Any]) -> str:
    """Return a trial balance for a terminal; amounts are in each account's own asset."""
    accounts = [
        (item["account"], item["asset"], item["debits"], item["credits"], item["balance"])
        for item in answer["items"]
    ]
    totals = [
        ("total", total["asset"], total["debits"], total["credits"], None) for total in answer["totals"]
    ]
    return aligned([("account", "asset", "debits", "credits", "balance"), *accounts, *totals])


def _configure_statement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", help="the name of an account, as in the trial balance")
    parser.add_argument(
        "--limit", type=int, default=LIMIT_DEFAULT, metavar="N", help=f"entries; default {LIMIT_DEFAULT}"
    )
    parser.add_argument("--cursor", metavar="C", help="next_cursor of the page before")
    add_as_of(parser)


def _statement(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.storage.reporting import (  # noqa: PLC0415 - only when books are read
        UnknownAccount,
        read_statement,
    )

    if not 1 <= arguments.limit <= LIMIT_MAX:
        raise Sentence(Exit.WRONG_USAGE, f"--limit is a whole number from 1 to {LIMIT_MAX}")
    asked = (arguments.account, as_of(arguments), arguments.cursor, arguments.limit)
    with books_place(arguments) as place:
        try:
            answer = read_statement(place, *asked)
        except UnknownAccount as wrong:
            why = f"{printable(str(wrong))}; `sidecar ledger trial-balance` lists them"
            raise Sentence(Exit.WRONG_USAGE, why) from wrong
        except CursorText as wrong:
            raise Sentence(Exit.WRONG_USAGE, printable(str(wrong))) from wrong
    if arguments.json:
        print_json(answer)
    else:
        print(entries(answer))
    return Exit.FINE


def entries(answer: Mapping[str, Any]) -> str:
    """Return a page of a statement for a terminal, and how to see the next one."""
    rows = [
        (each["happened_at"][:19], each["journal"], each["kind"], each["other"])
        + ((each["amount"], None) if each["side"] == "debit" else (None, each["amount"]))
        + (each["balance"],)
        for each in answer["items"]
    ]
    titles = ("happened", "journal", "kind", "other", "debit", "credit", "balance")
    more = answer["next_cursor"]
    return aligned([titles, *rows]) + ("" if more is None else f"\nmore: --cursor {more}")


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="csv", help="default csv; --json is jsonl"
    )
    parser.add_argument(
        "--output", type=Path, metavar="F", help="the file to write; default: standard output"
    )


def _export(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.storage.reporting import export  # noqa: PLC0415 - only when books are read

    written_as = "jsonl" if arguments.json else arguments.format
    with books_place(arguments) as place:
        pieces = export(place, written_as)
        if arguments.output is None:
            sys.stdout.writelines(pieces)
            return Exit.FINE
        try:
            with (
                Progress("writing the journals"),
                arguments.output.open("w", encoding="utf-8", newline="") as file,
            ):
                file.writelines(pieces)
        except OSError as error:
            why = f"{arguments.output} cannot be written: {error.strerror}"
            raise Sentence(Exit.UNREACHABLE, why) from error
    return Exit.FINE


SUBCOMMANDS: Final = (
    Subcommand("audit", "run every check of the books", _audit),
    Subcommand("trial-balance", "show what every account holds", _trial_balance, add_as_of),
    Subcommand("statement", "show the entries of one account", _statement, _configure_statement),
    Subcommand("export", "write all journals for other programs", _export, _configure_export),
)
"""The reports."""
