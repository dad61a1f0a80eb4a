"""Fixtures that whole folders share. Each starts its processes when the first test asks, once."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from sidecar.sandbox.process import Sandbox, start_agent, start_sandbox
from tests.postgres_server import a_database, running_server

# No test asserts a time: how fast examples are made, or run, is a matter of the machine.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

HERE: Final = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Run in one process more than there are cores: nearly half of the time of all tests is spent waiting."""
    return (yield) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of this folder: each takes long, and whoever took one last would end alone."""
    items.sort(key=lambda item: item.path.parent != HERE)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Give a running chain with a facilitator, a block per transaction; tests share its state."""
    with start_sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def agent() -> Iterator[str]:
    """Give the base URL of a running demo agent; tests share its counters."""
    with start_agent() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the address of a running PostgreSQL on which databases may be made."""
    with running_server() as address:
        yield address


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """Give the address of an empty database."""
    with a_database(postgres_server) as address:
        yield address
