"""Sections held against each other."""

import pytest

from tests.sidecar.configs import MINIMAL, problems, settings


def test_upstream_may_be_on_this_machine() -> None:
    """Only our own ports are a loop; another host's port of that number is not."""
    assert settings(MINIMAL.replace("127.0.0.1:9000", "localhost:9000")).upstream == "http://localhost:9000"
    assert (
        settings(MINIMAL.replace("127.0.0.1:9000", "agent.internal:8402")).upstream
        == "http://agent.internal:8402"
    )


def test_the_default_public_url_follows_the_listener() -> None:
    """Buyers are told the port that is open."""
    assert settings(MINIMAL + "listen: {buyers: 0.0.0.0:9402}").public_url == "http://127.0.0.1:9402"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("exposure: {per_payer: x}\n", "exposure.per_payer"),
        ("settlement: x\n", "settlement"),
        ("listen: {agent: x, operator: 127.0.0.1:8404}\n", "listen.agent"),
        ("routes: x\n", "routes"),
        ("accept: x\n", "accept"),
        ("upstream: x\n", "upstream"),
        ("public_url: x\n", "public_url"),
    ],
)
def test_one_mistake_is_one_problem(more: str, path: str) -> None:
    """What is merely unreadable is not also called missing, too small or taken."""
    key = more.split(":", 1)[0]
    rest = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(key))

    assert [found for found, _ in problems(f"{rest}\n{more}")] == [path]


def test_read_ahead_fits_into_its_total() -> None:
    """A bound of one call above the bound of all is a mistake."""
    assert problems(MINIMAL + "limits: {read_ahead: 2MiB, read_ahead_total: 1MiB}") == [
        ("limits.read_ahead", "limits_conflict")
    ]


def test_each_route_has_its_own_flow() -> None:
    """Upfront where the seller says so; authorization is the default."""
    said = ("settle: upfront, ", "settle: authorization, ", "settle: deferred, ", "")
    routes = "".join(f'  "POST /{n}": {{{settle}price: "$1"}}\n' for n, settle in enumerate(said))
    rest = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith("routes"))
    found = settings(f"{rest}\nroutes:\n{routes}")

    assert [route.settle for route in found.routes] == [
        "upfront",
        "authorization",
        "deferred",
        "authorization",
    ]


@pytest.mark.parametrize(("text", "size"), [("0B", 0), ("1KiB", 1024), ("16MiB", 16 * 1024 * 1024)])
def test_how_large_an_answer_is_kept_is_the_sellers_choice(text: str, size: int) -> None:
    """Nothing at all is a choice, too."""
    assert settings(MINIMAL + f"limits: {{stored_answer: {text}}}").limits.stored_answer_bytes == size


def test_absolute_storage_stays_where_it_is() -> None:
    """Only a relative path depends on the config file."""
    assert str(settings(MINIMAL + "storage: sqlite:////var/lib/s.db").storage) == "/var/lib/s.db"
