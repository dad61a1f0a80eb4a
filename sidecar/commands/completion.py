"""`sidecar completion SHELL`: the script that lets a shell complete `sidecar`."""

import argparse
import json
from typing import Final

from sidecar.commands import completing
from sidecar.commands.completing import Words
from sidecar.commands.errors import Exit

NAME: Final = "completion"
HELP: Final = "print the completion script of a shell"
EXAMPLES: Final = """examples:
  source <(sidecar completion bash)    in ~/.bashrc
  source <(sidecar completion zsh)     in ~/.zshrc
  sidecar completion fish > ~/.config/fish/completions/sidecar.fish
"""

_WRITERS: Final = {"bash": completing.bash, "zsh": completing.zsh, "fish": completing.fish}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", choices=tuple(_WRITERS), help="which shell's")


def run(arguments: argparse.Namespace) -> int:
    """Print the script; `arguments.parsers` gives every command's parser by its name."""
    below = {
        name: completing.words_of(parser, parser.actions()) for name, parser in arguments.parsers().items()
    }
    script = _WRITERS[arguments.shell](Words("", below=below))
    print(json.dumps({"script": script}) if arguments.json else script, end="\n" if arguments.json else "")
    return Exit.FINE
