"""Fixtures of the acceptance tests: everything is started as its users start it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest
import yaml

from sidecar.sandbox import keys
from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from tests.accept.clients import CLIENTS, Buy, installed
from tests.accept.kinds import KINDS
from tests.scenarios.stand import Running, Stand, set_up


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Run `sidecar sandbox`, and read where everything is from the line it prints."""
    command = [sys.executable, "-m", "sidecar", "sandbox", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "the line comes through a pipe"
        try:
            line = json.loads(process.stdout.readline())
            buyers = tuple(TestAccount(**each) for each in line.pop("buyers"))
            yield Sandbox(**line, buyers=buyers, penniless=keys.PENNILESS)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def stand(sandbox: Sandbox, agent: str, tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """Write a config that sells every kind of call, and nothing else."""
    stand = replace(set_up(tmp_path_factory.mktemp("accept"), sandbox, agent), typed=True)
    document = yaml.safe_load(stand.config.read_text(encoding="utf-8"))
    sold = [step.sold for steps in KINDS.values() for step in steps]
    document["routes"] = {each.route: dict(each.config) for each in sold}
    document["exposure"] = {"per_payer": "$5.00"}  # a price above it would not be sold at all
    stand.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    return stand


@pytest.fixture(scope="session")
def running(stand: Stand) -> Iterator[Running]:
    """Run `sidecar serve` for all purchases."""
    with stand.serving() as running:
        yield running


@pytest.fixture(scope="session")
def buyers() -> Iterator[Mapping[str, Buy]]:
    """Have every official client ready."""
    with ExitStack() as opened:
        yield {name: opened.enter_context(installed(client)) for name, client in CLIENTS.items()}
