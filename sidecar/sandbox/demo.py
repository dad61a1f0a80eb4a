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

from sidecar.sandbox.buyer import paying_client
from sidecar.sandbox.process import STOP_TIMEOUT_S, ChildFailed, Sandbox

TOKEN: Final = "sandbox-operator-token"  # noqa: S105 a sandbox's, printed so that people can look around
FINAL_TRIES: Final = 80
FINAL_PAUSE_S: Final = 0.25

CONFIG: Final = """\
# What the demo's sidecar runs on. The same file works for `sidecar serve`.
upstream: {agent}
workspace: demo
listen: {{buyers: "127.0.0.1:0", agent: "127.0.0.1:0", operator: "127.0.0.1:0"}}
public_url: http://agent.demo.invalid
storage: sqlite:///demo.db
networks:
  base-sepolia: {{rpc: ["{rpc}"], confirmations: 2}}
accept:
  - {{network: base-sepolia, asset: USDC, pay_to: "{pay_to}"}}
settlement:
  facilitators: ["{facilitator}"]
routes:
  "POST /chat": {{price: "$0.01", agent: chat-agent}}
  "POST /stream": {{price: "$0.02", agent: chat-agent}}
  "POST /research": {{price: "$0.05", agent: research-agent, workflow: competitor-research}}
  "POST /mystery": {{price: "$0.01", agent: chat-agent}}
  "POST /fail": {{price: "$0.01", agent: chat-agent}}
  "POST /broken": {{price: "$0.01", agent: chat-agent}}
  "POST /echo": {{price: "$0.01", deny: ["{denied}"]}}
  "GET /free/*": free
costs:
  per_call: {{"POST /research": "$0.0005"}}
fees:
  facilitator: {{"{facilitator}": "$0.001"}}
  platform: "2%"
operator: {{token: "{token}"}}
sandbox: true
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the demo: who calls what, and how it must end."""

    title: str
    buyer: int  # -1 is the one without money
    method: str
    path: str
    status: int  # 0: the connection breaks off
    paid: bool
    credited: bool = False
    code: str = ""


PENNILESS: Final = -1
STEPS: Final = (
    Step("a free page", 0, "GET", "/free/hello", 200, paid=False),
    Step("a chat completion", 0, "POST", "/chat", 200, paid=True),
    Step("a streamed completion", 0, "POST", "/stream", 200, paid=True),
    Step("research with a web search", 1, "POST", "/research", 200, paid=True),
    Step("the same research, another buyer", 2, "POST", "/research", 200, paid=True),
    Step("a model nobody has a price for", 1, "POST", "/mystery", 200, paid=True),
    Step("an agent that fails: not charged", 1, "POST", "/fail", 500, paid=False),
    Step("an agent that breaks off: credited", 2, "POST", "/broken", 0, paid=False, credited=True),
    Step("a buyer on the deny list", 3, "POST", "/echo", 403, paid=False, code="buyer_denied"),
    Step("a buyer without money", PENNILESS, "POST", "/chat", 402, paid=False, code="payment_invalid"),
)


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
        account = sandbox.penniless if step.buyer == PENNILESS else sandbox.buyers[step.buyer]
        async with paying_client(account.private_key, timeout=60, trust_env=False) as client:
            result = await _call(seller, client, step)
        tell(result)
        good = good and result.as_expected
    return good


async def settle_down(seller: Seller, sandbox: Sandbox) -> Report:
    """Wait until every payment is final on chain, then read the books and compare them with the chain."""
    balance = sandbox.balance_of(sandbox.pay_to)
    for _ in range(FINAL_TRIES):
        accounts = (await seller.ask("/api/v1/ledger/accounts?limit=1000"))["items"]
        if all(float(each["balance"]) == 0 for each in accounts if each["account"].startswith("reported:")):
            break
        await asyncio.sleep(FINAL_PAUSE_S)
    booked = [each["balance"] for each in accounts if each["account"].startswith("token:")]
    calls = (await seller.ask("/api/v1/calls?limit=1000"))["items"]
    return Report(
        calls=list(reversed(calls)),
        margin=await seller.ask("/api/v1/margin"),
        clean=(await seller.ask("/api/v1/ledger/audit"))["clean"],
        agrees=[int(each.replace(".", "")) for each in booked] == [balance],
        onchain=balance,
    )


async def _call(seller: Seller, client: httpx.AsyncClient, step: Step) -> Result:
    status, call_id, code = 0, "", ""
    try:
        async with client.stream(step.method, seller.url + step.path, json={"ask": step.title}) as answer:
            status, call_id = answer.status_code, answer.headers["sidecar-call-id"]
            body = await answer.aread()
            code = json.loads(body).get("code", "") if status in {402, 403} else ""
    except httpx.RemoteProtocolError:
        status = 0
    call = await _booked(seller, call_id) if call_id else None
    money = None if call is None else (call["captured_usd"] != _ZERO, call["outcome"])
    expected = (True, "served") if step.paid else None
    good = status == step.status and code == step.code and (expected is None or money == expected)
    return Result(step, status, call, good)


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
