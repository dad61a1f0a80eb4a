"""`sidecar init`: a commented starter config."""

import argparse
import json
from importlib.resources import files
from pathlib import Path
from typing import Final

from sidecar.commands.errors import Exit, Sentence

NAME: Final = "init"
HELP: Final = "print a commented starter config"
EXAMPLES: Final = """examples:
  sidecar init > sidecar.yaml
  sidecar init --output sidecar.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--output", type=Path, metavar="F", help="write the file F, which must not exist")


def run(arguments: argparse.Namespace) -> int:
    """Print the config, or write it to a file that was not there before."""
    output: Path | None = arguments.output
    if output is None:
        text = starter()
        print(json.dumps({"config": text}) if arguments.json else text, end="\n" if arguments.json else "")
        return Exit.FINE
    _write(output)
    print(json.dumps({"path": str(output)}) if arguments.json else f"{output} is written; now edit it")
    return Exit.FINE


def starter() -> str:
    """Return the starter config. It passes `check` once its variables are set."""
    return (files("sidecar.commands") / "starter.yaml").read_text(encoding="utf-8")


def _write(output: Path) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(starter())
    except FileExistsError:
        raise Sentence(Exit.WRONG_USAGE, f"{output} exists and is left as it is; name another file") from None
    except OSError as error:
        raise Sentence(Exit.UNREACHABLE, f"{output} cannot be written: {error.strerror}") from None
