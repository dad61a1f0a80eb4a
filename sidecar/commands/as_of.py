"""As of when: the two times that every report of the books can be told."""

import argparse

from ledger.money import INT64_MAX
from ledger.reports import AsOf
from sidecar.commands.errors import Exit, Sentence
from sidecar.finops import instants
from sidecar.finops.instants import InstantText


def add_as_of(parser: argparse.ArgumentParser) -> None:
    """Declare `--as-of T` and `--known-at T`."""
    parser.add_argument("--as-of", metavar="T", help="only what had happened by then, RFC 3339")
    parser.add_argument("--known-at", metavar="T", help="only what the books knew by then, RFC 3339")


def as_of(arguments: argparse.Namespace) -> AsOf:
    """Return both times; what is not given does not bound."""
    return AsOf(_read("--as-of", arguments.as_of), _read("--known-at", arguments.known_at))


def _read(option: str, text: str | None) -> int:
    try:
        return INT64_MAX if text is None else instants.parse(text)
    except InstantText as wrong:
        raise Sentence(Exit.WRONG_USAGE, f"{option}: {wrong}") from wrong
