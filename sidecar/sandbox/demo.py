"""The demo: an agent, a sidecar in front of it, and buyers, all run as strangers would run them.

Shares no object with the sidecar: it writes a config file, starts `sidecar
serve`, pays with the official client, and reads what the operator API answers.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from sidecar.sandbox.demo_buyer import Answer, buy
from sidecar.sandbox.demo_table import CONFIG, PENNILESS, STEPS, TOKEN, Step
from sidecar.sandbox.process import STOP_TIMEOUT_S, ChildFailed, Sandbox

FINAL_TRIES: Final = 80
FINAL_PAUSE_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Result:
    """How one step ended. `as_expected` is the demo's own table's verdict."""

    step: Step
    status: int
    call: dict[str, Any] | None
    as_expected: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What `demo` shows, as the operator API tells it; `agrees` compares the books with `balanceOf`."""

    calls: list[dict[str, Any]]
    margin: dict[str, Any]
    clean: bool
    agrees: bool
    onchain: int


class Seller:
    """A running `sidecar serve`: its buyers' URL, and its operator API."""

    def __init__(self, process: subprocess.Popen[bytes], ports: dict[str, int]) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{ports['buyers']}"
        self.operator_url = f"http://127.0.0.1:{ports['operator']}"
        self._client = httpx.AsyncClient(
            base_url=self.operator_url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False
        )

    async def ask(self, path: str) -> Any:
        """GET a path of the operator API and return its document."""
        answer = await self._client.get(path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    async def close(self) -> None:
        """End the process with the signal a supervisor sends, and wait for its drain."""
        await self._client.aclose()
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def write_config(folder: Path, sandbox: Sandbox, agent: str) -> Path:
    """Write the demo's config file and return its path."""
    path = folder / "sidecar.yaml"
    path.write_text(
        CONFIG.format(
            agent=agent,
            rpc=sandbox.rpc_url,
            pay_to=sandbox.pay_to,
            facilitator=sandbox.facilitator_url,
            denied=sandbox.buyers[3].address,
            token=TOKEN,
        ),
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def selling(config: Path, log: Path, fault: str = "") -> AsyncIterator[Seller]:
    """Run `sidecar serve` on *config*, its log going to *log*; *fault* names a point to be killed at."""
    process, ports = await asyncio.to_thread(_start, config, log, fault)
    seller = Seller(process, ports)
    try:
        yield seller
    finally:
        await seller.close()


def _start(config: Path, log: Path, fault: str) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
    with log.open("ab") as lines:
        process = subprocess.Popen(  # noqa: S603 our own interpreter and module
            [sys.executable, "-m", "sidecar", "serve", "--json", "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=lines,
            env=os.environ | {"SIDECAR_FAULT": fault},
            start_new_session=True,  # an interrupt at the terminal is for us; we end it in order
        )
    assert process.stdout is not None, "the ports come through a pipe"
    with process.stdout as announcement:
        announced = announcement.readline()
    if not announced:
        process.wait()
        raise ChildFailed(f"the sidecar did not start: {log.read_text(encoding='utf-8').strip()}")
    return process, json.loads(announced)


async def show(seller: Seller, sandbox: Sandbox, tell: Callable[[Result], None]) -> bool:
    """Make every call of the table, telling each as it ends; True if all ended as expected."""
    good = True
    for step in STEPS:
        sandbox.set_facilitator(step.facilitator)
        account = sandbox.penniless if step.buyer == PENNILESS else sandbox.buyers[step.buyer]
        if step.known:
            await _all_final(seller)
        for _ in range(step.times):
            answer = await buy(seller.url, account, step)
        result = _judged(step, answer, await _booked(seller, answer.call) if answer.call else None)
        tell(result)
        good = good and result.as_expected
    return good


async def settle_down(seller: Seller, sandbox: Sandbox) -> Report:
    """Wait until every payment is final on chain, then read the books and compare them with the chain."""
    accounts = await _all_final(seller)
    balance = sandbox.balance_of(sandbox.pay_to)
    booked = [each["balance"] for each in accounts if each["account"].startswith("token:")]
    calls = (await seller.ask("/api/v1/calls?limit=1000"))["items"]
    return Report(
        calls=list(reversed(calls)),
        margin=await seller.ask("/api/v1/margin"),
        clean=(await seller.ask("/api/v1/ledger/audit"))["clean"],
        agrees=[int(each.replace(".", "")) for each in booked] == [balance],
        onchain=balance,
    )


async def _all_final(seller: Seller) -> list[dict[str, Any]]:
    """Wait until no money is on its way any more; return the accounts as they are then."""
    for _ in range(FINAL_TRIES):
        accounts: list[dict[str, Any]] = (await seller.ask("/api/v1/ledger/accounts?limit=1000"))["items"]
        moving = [each for each in accounts if each["account"].startswith(("reported:", "authorized:"))]
        if not any(each["balance"].strip("0.") for each in moving):
            break
        await asyncio.sleep(FINAL_PAUSE_S)
    return accounts


def _judged(step: Step, answer: Answer, call: dict[str, Any] | None) -> Result:
    earned = call is not None and call["captured_usd"] != _ZERO
    credited = call is not None and call["captured_usd"] == _ZERO != call["credited_usd"]
    good = (answer.status, answer.code, earned, credited) == (
        step.status,
        step.code,
        step.paid,
        step.credited,
    ) and answer.receipt is ((step.paid and not step.behind) or (step.credited and answer.status != 0))
    return Result(step, answer.status, call, good)


_ZERO: Final = "0.000000000"


async def _booked(seller: Seller, call_id: str) -> dict[str, Any] | None:
    """Return the call once it is closed; None for one that never was admitted."""
    for _ in range(FINAL_TRIES):
        try:
            call: dict[str, Any] = await seller.ask(f"/api/v1/calls/{call_id}")
        except httpx.HTTPStatusError:
            return None
        if call["outcome"] != "running":
            return call
        await asyncio.sleep(FINAL_PAUSE_S)
    return None
