"""The demo's own parts: the config it writes, the table it plays, and the sidecar it starts and ends."""

import signal
from pathlib import Path

import httpx
import pytest
from x402.http.clients.httpx import PaymentError

from sidecar.sandbox import demo
from sidecar.sandbox.buyer import paying_client
from sidecar.sandbox.process import ChildFailed, Sandbox
from tests.plainly import PLAINLY


async def test_a_sidecar_is_started_asked_and_ended_in_order(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """Both URLs answer while it runs; leaving the block ends it with a drained 0."""
    config = demo.write_config(tmp_path, sandbox, agent)
    async with demo.selling(config, tmp_path / "log") as seller:
        audit = await seller.ask("/api/v1/ledger/audit")
        async with httpx.AsyncClient(**PLAINLY) as client:
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
        async with paying_client(key, base_url=seller.url, **PLAINLY) as client:
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
