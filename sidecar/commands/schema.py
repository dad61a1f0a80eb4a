"""`sidecar schema`: the JSON Schema of the config."""

import argparse
import json
from typing import Final

from sidecar.commands.errors import Exit

NAME: Final = "schema"
HELP: Final = "print the JSON Schema of the config"
EXAMPLES: Final = """examples:
  sidecar schema > sidecar.schema.json
  and as the first line of sidecar.yaml, for editors:
  # yaml-language-server: $schema=sidecar.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: the schema has no variants."""


def run(_: argparse.Namespace) -> int:
    """Print the schema."""
    from sidecar.settings import json_schema  # noqa: PLC0415 - pydantic only when it is needed

    print(json.dumps(json_schema(), indent=2))
    return Exit.FINE
