"""The demo's own parts: the config it writes, the table it plays, and the sidecar it starts and ends."""

import signal
from pathlib import Path

import httpx
import pytest
from x402.http.clients.httpx import PaymentError

from sidecar.sandbox import demo
from sidecar.sandbox.buyer import paying_client
from sidecar.sandbox.demo import PENNILESS, STEPS
from sidecar.sandbox.process import ChildFailed, Sandbox
from sidecar.settings import Settings, load


def _settings(config: Path) -> Settings:
    found = load(config, {})
    assert isinstance(found, Settings), found.text()
    return found


def test_the_written_config_sells_what_the_table_calls(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """Its priced routes are what the steps call; it pays the sandbox's seller and denies one buyer."""
    settings = _settings(demo.write_config(tmp_path, sandbox, agent))

    routes = {route.key: route for route in settings.routes}
    called = {f"{step.method} {step.path}": step for step in STEPS if not step.path.startswith("/free/")}
    assert set(called) == {key for key, route in routes.items() if not route.free}
    assert (settings.upstream, settings.sandbox) == (agent, True)
    assert [accept.pay_to_text for accept in settings.accept] == [sandbox.pay_to]
    denied = {step.buyer for step in STEPS if step.code == "buyer_denied"}
    assert denied == {3}
    assert sandbox.buyers[3].address.lower() in {
        "0x" + each.hex() for route in settings.routes for each in route.deny
    }


def test_the_table_shows_every_way_a_call_ends() -> None:
    """Free, paid, failed and not charged, broken off and credited, denied, and without money."""
    endings = {(step.status, step.paid, step.credited, step.code) for step in STEPS}

    assert endings == {
        (200, False, False, ""),
        (200, True, False, ""),
        (500, False, False, ""),
        (0, False, True, ""),
        (403, False, False, "buyer_denied"),
        (402, False, False, "payment_invalid"),
    }
    assert [step.status for step in STEPS if step.buyer == PENNILESS] == [402]


async def test_a_sidecar_is_started_asked_and_ended_in_order(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """Both URLs answer while it runs; leaving the block ends it with a drained 0."""
    config = demo.write_config(tmp_path, sandbox, agent)
    async with demo.selling(config, tmp_path / "log") as seller:
        audit = await seller.ask("/api/v1/ledger/audit")
        async with httpx.AsyncClient(trust_env=False) as client:
            unpaid = await client.post(seller.url + "/chat")

    assert audit["clean"] is True
    assert unpaid.status_code == 402
    assert seller.process.returncode == 0


async def test_a_sidecar_with_a_fault_dies_where_it_was_told_to(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """It serves what is free, and its first paid call ends it by SIGKILL."""
    config = demo.write_config(tmp_path, sandbox, agent)
    async with demo.selling(config, tmp_path / "log", fault="sending") as seller:
        key = sandbox.buyers[0].private_key
        async with paying_client(key, base_url=seller.url, trust_env=False) as client:
            free = await client.get("/free/hello")
            with pytest.raises(PaymentError):
                await client.post("/chat")

    assert free.status_code == 200
    assert seller.process.returncode == -signal.SIGKILL


async def test_a_sidecar_that_does_not_start_says_why(tmp_path: Path) -> None:
    """ChildFailed carries what was printed."""
    with pytest.raises(ChildFailed, match=r"nowhere\.yaml"):
        async with demo.selling(tmp_path / "nowhere.yaml", tmp_path / "log"):
            pass
