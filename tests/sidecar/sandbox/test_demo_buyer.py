"""The demo's buyers: both versions pay, and whoever is told to come again comes with the same payment."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.sandbox import demo
from sidecar.sandbox.demo_buyer import Answer, buy
from sidecar.sandbox.demo_table import Step
from sidecar.sandbox.process import Sandbox

POLLS: Final = 100
POLL_S: Final = 0.05


async def closed(seller: demo.Seller, call: str) -> Any:
    """Return a call as it ended, which may be a moment after its last byte."""
    for _ in range(POLLS):
        found = await seller.ask(f"/api/v1/calls/{call}")
        if found["outcome"] != "running":
            break
        await asyncio.sleep(POLL_S)
    return found


@pytest.mark.parametrize("version", [1, 2])
async def test_a_buyer_of_either_version_pays_once_whatever_the_facilitator_answers(
    tmp_path: Path, sandbox: Sandbox, agent: str, version: int
) -> None:
    """A settlement that answers 500 is asked for again with the same payment: one transfer, one answer."""
    config = demo.write_config(tmp_path, sandbox, agent)
    had = sandbox.balance_of(sandbox.pay_to)
    step = Step("a test", 0, "POST", "/chat", 200, paid=True, version=version, facilitator="5xx-after")
    async with demo.selling(config, tmp_path / "log") as seller:
        sandbox.set_facilitator("5xx-after")
        try:
            answer = await buy(seller.url, sandbox.buyers[version], step)
        finally:
            sandbox.set_facilitator("honest")
        call = await closed(seller, answer.call)

    assert (answer.status, answer.code, answer.receipt) == (200, "", True)
    assert (call["captured_usd"], call["outcome"]) == ("0.010000000", "served")
    assert sandbox.balance_of(sandbox.pay_to) - had == 10_000


async def test_a_refusal_and_a_broken_answer_are_told_as_they_are(
    tmp_path: Path, sandbox: Sandbox, agent: str
) -> None:
    """The code of a refusal; no status for an answer without its end, and still the call it belongs to."""
    config = demo.write_config(tmp_path, sandbox, agent)
    async with demo.selling(config, tmp_path / "log") as seller:
        denied = await buy(seller.url, sandbox.buyers[3], Step("a test", 3, "POST", "/echo", 403, paid=False))
        broken = await buy(seller.url, sandbox.buyers[2], Step("a test", 2, "POST", "/broken", 0, paid=False))

    assert (denied.status, denied.code) == (403, "buyer_denied")
    assert broken == Answer(0, broken.call, "")
    assert broken.call.startswith("call_")
