"""A sidecar as an operator runs it: a folder with a config, a process that is started on it again and again.

Shares no object with the process: it reads the operator API, and the chain.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from sidecar.sandbox import buyer, keys
from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from tests.plainly import PLAINLY
from tests.scenarios.forking import Forked

TOKEN: Final = "scenario-operator-token"
END_TIMEOUT_S: Final = 60
POLLS: Final = 500
POLL_S: Final = 0.05
TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
NANO_PER_UNIT: Final = 1_000

CONFIG: Final = """\
upstream: {upstream}
listen: {{buyers: "127.0.0.1:0", agent: "127.0.0.1:0", operator: "127.0.0.1:0"}}
public_url: http://agent.scenario.invalid
storage: sqlite:///books.db
networks:
  base-sepolia: {{rpc: ["{rpc}"], confirmations: 2}}
accept:
  - {{network: base-sepolia, asset: USDC, pay_to: "{pay_to}"}}
settlement:
  facilitators: ["{facilitator}"]
limits:
  {{settle: {settle_s}s, verify: 2s, drain: {drain_s}s, upstream_connect: 2s, flush_every: 1s,
    per_buyer: 1000000/second, per_address: 1000000/second}}
routes:
  "POST /chat": {{price: "$0.01"}}
  "POST /mystery": {{price: "$0.01"}}
  "POST /stream": {{price: "$0.02"}}
  "POST /fail": {{price: "$0.01"}}
  "POST /broken": {{price: "$0.01"}}
  "POST /echo": {{price: "$0.01"}}
  "POST /research": {{price: "$0.05"}}
  "POST /late": {{price: "$0.01", timeout: 1s}}
  "POST /slow": {{price: "$0.01"}}
  "GET /models/{{name}}": {{price: "$0.001"}}
  "GET /free/*": free
fees:
  facilitator: {{"{facilitator}": "$0.001"}}
operator: {{token: "{token}"}}
sandbox: true
"""


Process = subprocess.Popen[bytes] | Forked


class DidNotStart(Exception):
    """The process ended before it announced its ports; what it printed is the text."""

    def __init__(self, code: int, printed: str) -> None:
        super().__init__(printed)
        self.code = code
        self.printed = printed


class Running:
    """One run of `sidecar serve`, and what a buyer or the operator can ask of it."""

    def __init__(self, process: Process, ports: Mapping[str, int]) -> None:
        self.process = process
        self.port = ports["buyers"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.agent_url = f"http://127.0.0.1:{ports['agent']}"
        self.operator_url = f"http://127.0.0.1:{ports['operator']}"
        self._http = httpx.Client(timeout=60, **PLAINLY)

    def ask(self, path: str) -> Any:
        """GET a document of the operator API."""
        answer = self.operator(path)
        answer.raise_for_status()
        return answer.json()

    def operator(self, path: str, token: str = TOKEN) -> httpx.Response:
        """GET a path of the operator listener, whatever the answer; an empty *token* is none at all."""
        bearing = {"Authorization": f"Bearer {token}"} if token else {}
        return self._http.get(self.operator_url + path, headers=bearing)

    def send(
        self,
        path: str,
        payment: Mapping[str, Any] | None = None,
        *,
        method: str = "POST",
        content: bytes = b'{"ask":"anything"}',
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Make one call, with a payment if one is given."""
        paid = {} if payment is None else buyer.header(payment)
        return self._http.request(
            method, self.url + path, content=content, headers={**paid, **(headers or {})}
        )

    def signed(self, account: TestAccount, path: str, *, method: str = "POST") -> dict[str, Any]:
        """Ask what a call costs and let the official client sign it."""
        return buyer.sign(account.private_key, challenge(self.send(path, method=method)))

    def killed(self) -> None:
        """Kill it as a crash does, and wait until it is gone."""
        self.process.kill()
        self.process.wait(END_TIMEOUT_S)

    def ended(self) -> int:
        """Wait for its end and return its exit code; a signal is negative."""
        return self.process.wait(END_TIMEOUT_S)

    def close(self) -> None:
        """End it by force, which it must bear at any time and which is quicker than a drain."""
        self._http.close()
        if self.process.poll() is None:
            self.killed()


@dataclass(frozen=True, slots=True)
class Stand:
    """A seller's folder. Its *pay_to* is its own, so that the chain's balance is what this stand took."""

    folder: Path
    sandbox: Sandbox
    pay_to: str
    typed: bool = False
    """Whether it is started by its command, imports and all, as an operator does."""

    @property
    def config(self) -> Path:
        """The config file."""
        return self.folder / "sidecar.yaml"

    @property
    def database(self) -> Path:
        """The books."""
        return self.folder / "books.db"

    @property
    def log(self) -> Path:
        """What all runs printed on standard error."""
        return self.folder / "stderr.log"

    @contextmanager
    def serving(self, **environment: str) -> Iterator[Running]:
        """Run `sidecar serve`; DidNotStart if it ends first."""
        process = self._typed(environment) if self.typed else self._forked(environment)
        assert process.stdout is not None, "the ports come through a pipe"
        with process.stdout as announcement:
            announced = announcement.readline()
        if not announced:
            raise DidNotStart(process.wait(END_TIMEOUT_S), self.log.read_text(encoding="utf-8"))
        running = Running(process, json.loads(announced))
        try:
            yield running
        finally:
            running.close()

    def killed_while_starting(self, after_s: float) -> None:
        """Start it, and kill it so many seconds later, wherever it is then."""
        with self._typed({}) as process:
            time.sleep(after_s)
            process.kill()

    def _forked(self, environment: Mapping[str, str]) -> Forked:
        return Forked(self._words, os.environ | environment, self.log)

    def _typed(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as lines:
            return subprocess.Popen(
                [sys.executable, "-m", "sidecar", *self._words],
                stdout=subprocess.PIPE,
                stderr=lines,
                env=os.environ | environment,
                start_new_session=True,
            )

    @property
    def _words(self) -> Sequence[str]:
        return ("serve", "--json", "--config", str(self.config))

    def taken(self) -> dict[str, int]:
        """Return what each payer, in lower case, sent to this stand on chain, in the token's units."""
        logs = self.sandbox.rpc(
            "eth_getLogs",
            {
                "address": self.sandbox.asset,
                "fromBlock": "0x0",
                "topics": [TRANSFER, None, _word(self.pay_to)],
            },
        )
        taken: dict[str, int] = {}
        for log in logs:
            payer = "0x" + log["topics"][1][-40:]
            taken[payer] = taken.get(payer, 0) + int(log["data"], 16)
        return taken

    def broadcast(self, payment: Mapping[str, Any]) -> None:
        """Settle a payment behind the sidecar's back, as anybody may who has seen it."""
        body = {"x402Version": 2, "paymentPayload": payment, "paymentRequirements": payment["accepted"]}
        answer = httpx.post(f"{self.sandbox.facilitator_url}/settle", json=body, timeout=60, **PLAINLY)
        assert answer.json()["success"], answer.text


def set_up(
    folder: Path,
    sandbox: Sandbox,
    upstream: str,
    *,
    facilitator: str = "",
    rpc: str = "",
    settle_s: int = 20,
    drain_s: int = 20,
) -> Stand:
    """Write a config in *folder*; the chain and its facilitator are the sandbox's unless others are named."""
    stand = Stand(folder, sandbox, keys.published(f"seller in {folder}").address)
    stand.config.write_text(
        CONFIG.format(
            upstream=upstream,
            rpc=rpc or sandbox.rpc_url,
            pay_to=stand.pay_to,
            facilitator=facilitator or sandbox.facilitator_url,
            settle_s=settle_s,
            drain_s=drain_s,
            token=TOKEN,
        ),
        encoding="utf-8",
    )
    return stand


def challenge(answer: httpx.Response) -> dict[str, Any]:
    """Decode the PAYMENT-REQUIRED header of a 402."""
    assert answer.status_code == 402, (answer.status_code, answer.text)
    document: dict[str, Any] = json.loads(base64.b64decode(answer.headers["payment-required"]))
    return document


def receipt(answer: httpx.Response) -> dict[str, Any]:
    """Decode the PAYMENT-RESPONSE header of an answer."""
    document: dict[str, Any] = json.loads(base64.b64decode(answer.headers["payment-response"]))
    return document


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return the status of an answer, and the machine code if it is a refusal."""
    kind = answer.headers.get("content-type", "")
    refused = "sidecar-call-id" in answer.headers and (
        kind.endswith("problem+json") or answer.status_code == 402
    )
    return answer.status_code, answer.json()["code"] if refused else ""


def until(condition: Callable[[], bool]) -> bool:
    """Ask again and again, a bounded number of times, until *condition* holds; False if it never does."""
    for _ in range(POLLS):
        if condition():
            return True
        time.sleep(POLL_S)
    return False


def _word(address: str) -> str:
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")
