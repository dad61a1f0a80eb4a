"""Fixtures of the scenarios: middlemen before everybody the sidecar asks."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from sidecar.sandbox.process import Sandbox
from tests.scenarios import middleman
from tests.scenarios.middleman import Middleman
from tests.scenarios.scene import Scene, staged


@pytest.fixture(scope="package", autouse=True)
def _leave_nothing_behind() -> Iterator[None]:
    """End a run that is told to stop as if it were interrupted, so that every process it started ends too."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def upstream(agent: str) -> Iterator[Middleman]:
    """Stand before the demo agent."""
    with middleman.before(agent) as running:
        yield running


@pytest.fixture
def facilitator(sandbox: Sandbox) -> Iterator[Middleman]:
    """Stand before the sandbox's facilitator."""
    with middleman.before(sandbox.facilitator_url) as running:
        yield running


@pytest.fixture
def rpc(sandbox: Sandbox) -> Iterator[Middleman]:
    """Stand before the chain's JSON-RPC."""
    with middleman.before(sandbox.rpc_url) as running:
        yield running


@pytest.fixture(scope="package")
def scene(sandbox: Sandbox, agent: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Run one sidecar for all tests that take it as it is."""
    with staged(tmp_path_factory.mktemp("scene"), sandbox, agent) as running:
        yield running
