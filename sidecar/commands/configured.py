"""What every command with a config shares: the `--config` option, and settings or a full list of problems."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.commands.errors import Exit, Sentence

if TYPE_CHECKING:
    from sidecar.settings import Settings

DEFAULT: Final = Path("sidecar.yaml")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare `--config F`."""
    parser.add_argument(
        "--config", type=Path, default=DEFAULT, metavar="F", help=f"the config file; default {DEFAULT}"
    )


def settings_of(arguments: argparse.Namespace) -> "Settings":
    """Return the settings of `--config`, or end with every problem of it."""
    from sidecar.settings import Problems, load  # noqa: PLC0415 - pydantic only when a config is read

    found = load(arguments.config, os.environ)
    if isinstance(found, Problems):
        several = "\n" if len(found.items) > 1 else " "
        raise Sentence(Exit.WRONG_USAGE, f"the config cannot be used:{several}{found.text()}")
    return found
