"""`sidecar ledger audit` and its like: what the books hold. Reads only."""

import argparse
from collections.abc import Mapping
from typing import Any, Final

from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books, books_path, print_json
from sidecar.commands.subcommands import Subcommand
from sidecar.commands.tables import aligned
from sidecar.finops.books import trial_object


def _audit(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.storage.auditing import (  # noqa: PLC0415 - only when books are read
        audit_books,
        audit_object,
    )

    with books_path(arguments) as path:
        answer = audit_object(audit_books(path))
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
    from ledger.reports import trial_balance  # noqa: PLC0415 - only when books are read

    with books(arguments) as connection:
        answer = trial_object(trial_balance(connection))
    if arguments.json:
        print_json(answer)
    else:
        print(balances(answer))
    if not answer["balanced"]:
        raise Sentence(Exit.FOUND_WRONG, "the books do not balance")
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


SUBCOMMANDS: Final = (
    Subcommand("audit", "run every check of the books", _audit),
    Subcommand("trial-balance", "show what every account holds", _trial_balance),
)
"""The reports."""
