"""Subcommands: what a command that has several consists of. Knows none of them."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


def _nothing(_: argparse.ArgumentParser) -> None:
    """Declare no argument beyond those that all have."""


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One subcommand: its name, what it does, how it is run, and the arguments of its own."""

    name: str
    what: str
    run: Callable[[argparse.Namespace], int]
    configure: Callable[[argparse.ArgumentParser], None] = _nothing
