"""`sidecar serve`: run the sidecar until it is told to stop."""

import argparse
import json
import resource
from typing import Final

from sidecar.commands.configured import add_config, settings_of
from sidecar.commands.errors import Exit, Sentence

NAME: Final = "serve"
HELP: Final = "run the sidecar; logs are JSON lines on stderr"
EXAMPLES: Final = """examples:
  sidecar serve --config sidecar.yaml
  SIDECAR__LISTEN__BUYERS=127.0.0.1:9402 sidecar serve --config sidecar.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve; 0 after a drained SIGTERM or SIGINT, 1 if the storage failed, 3 if it could not start."""
    from ledger.store import StoreRefused  # noqa: PLC0415 a command imports what it needs when it runs
    from sidecar import serving  # noqa: PLC0415
    from sidecar.adapters.secrets import SecretsUnusable  # noqa: PLC0415
    from sidecar.commands.advice import advised  # noqa: PLC0415
    from sidecar.http import servers  # noqa: PLC0415
    from sidecar.ports import Fault  # noqa: PLC0415

    settings = settings_of(arguments)
    _allow_open_files()

    def ready(bound: serving.Bound) -> None:
        ports = {"buyers": bound.buyers, "agent": bound.agent, "operator": bound.operator}
        print(json.dumps(ports) if arguments.json else _sentence(ports), flush=True)

    try:
        clean = servers.run(serving.run(settings, ready))
    except (servers.CannotListenError, StoreRefused, SecretsUnusable, Fault) as reason:
        raise Sentence(Exit.UNREACHABLE, advised(reason)) from reason
    return Exit.FINE if clean else Exit.FOUND_WRONG


def _allow_open_files() -> None:
    """Use as many files as the system lets this user open: each call takes two connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _sentence(ports: dict[str, int]) -> str:
    return "serving buyers on port {buyers}, the agent on {agent}, the operator on {operator}".format(**ports)
