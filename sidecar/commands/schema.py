"""`sidecar schema`: the JSON Schema of the config, or its reference page."""

import argparse
import json
from typing import Final

from sidecar.commands.errors import Exit

NAME: Final = "schema"
HELP: Final = "print the JSON Schema of the config, or its reference"
EXAMPLES: Final = """examples:
  sidecar schema > sidecar.schema.json
  sidecar schema --markdown > configuration.md
  and as the first line of sidecar.yaml, for editors:
  # yaml-language-server: $schema=sidecar.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--markdown", action="store_true", help="print the reference page instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the schema, or the page."""
    from sidecar.settings import json_schema, reference  # noqa: PLC0415 - pydantic only when it is needed

    print(reference().rstrip("\n") if arguments.markdown else json.dumps(json_schema(), indent=2))
    return Exit.FINE
