"""A sidecar that sells one of everything, so that each promise of its surface can be asked of it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from sidecar.sandbox.process import Sandbox
from tests.scenarios import middleman, plain_agent
from tests.scenarios.middleman import Middleman
from tests.scenarios.plain_agent import Agent
from tests.scenarios.stand import Running, Stand, set_up, until

ROUTES: Final = """\
  "POST /wait": {price: "$0.01"}
  "POST /loud": {price: "$0.05", agent: research-agent, workflow: competitor-research}
  "POST /error": {price: "$0.01", success: {status: ["2xx"], body: {"/error": absent}}}
  "POST /page": {price: "$0.01", success: {body: {"/error": absent}, buffer: 8KiB}}
  "POST /half": {price: "$0.01", settle: upfront}
  "POST /fail-upfront": {price: "$0.01", settle: upfront}
  "POST /fail-dearly": {price: "$0.01"}
  "POST /hang-up": {price: "$0.01"}
  "POST /big": {price: "$0.01"}
  "POST /dear": {price: "$0.40", price_ceiling: "$0.40"}
  "POST /lossy": {price: "$0.01", margin_floor: 20%}
  "POST /denied": {price: "$0.01", deny: ["DENIED"]}
  "POST /paced": {price: "$0.01", rate_limit: 1/day}
  "POST /named": {price: "$0.01", payment_identifier: required}
  "POST /later": {price: "$0.01", settle: deferred}
  "POST /llm":
    price: {by_model: {small: "$0.002"}, plus: [{body: /words, each: "$10", per: 1000000, max: 16000}]}
    price_ceiling: "$0.05"
"""
MORE: Final = """\
workspace: growth-team
exposure: {per_payer: "$0.45", per_day: "$1.00"}
costs:
  overrides: [{model: openai/gpt-4o-mini, input: "$1.00", output: "$2.00", cached_input: "$0.50"}]
  tools: {web_search: "$0.01"}
  per_call: {"POST /loud": "$0.0005"}
"""
STARTER: Final = {"PAY_TO": "0x" + "5e" * 20, "FACILITATOR_URL": "http://127.0.0.1:1"}
"""What a starter config wants to know from the environment."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A running sidecar that sells one of everything, the agent behind it and who else it asks."""

    stand: Stand
    running: Running
    agent: Agent
    facilitator: Middleman
    rpc: Middleman

    def buy(self, path: str, buyer: int = 0, content: bytes = b"{}", **named: Any) -> httpx.Response:
        """Buy a call with a payment of its own."""
        payment = self.running.signed(self.stand.sandbox.buyers[buyer], path)
        return self.running.send(path, payment, content=content, **named)

    def command(self, *words: str) -> tuple[int, str]:
        """Run a command beside the sidecar; return its exit code and what it printed."""
        beside = {"SIDECAR__LISTEN__OPERATOR": self.running.operator_url.removeprefix("http://")}
        return commanded(self.stand.folder, *words, **beside)

    def call(self, answer: httpx.Response) -> dict[str, Any]:
        """Return the call object of an answer, once its last commit is made."""
        path = f"/api/v1/calls/{answer.headers['sidecar-call-id']}"
        assert until(lambda: self.running.ask(path)["outcome"] != "running")
        found: dict[str, Any] = self.running.ask(path)
        return found


def commanded(folder: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run a command line in *folder*; return its exit code and what it printed on standard output."""
    run = subprocess.run(
        [sys.executable, "-m", "sidecar", *words],
        cwd=folder,
        env={**os.environ, **STARTER, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return run.returncode, run.stdout


@contextmanager
def one_of_everything(
    folder: Path, sandbox: Sandbox, *limits: str, away: Sequence[str] = (), settle_s: int = 2
) -> Iterator[Surface]:
    """Run it in *folder* under further *limits*; who is *away* does not listen when it starts."""
    with (
        plain_agent.listening() as agent,
        middleman.before(sandbox.facilitator_url) as facilitator,
        middleman.before(sandbox.rpc_url) as rpc,
    ):
        stand = set_up(
            folder, sandbox, agent.url, facilitator=facilitator.url, rpc=rpc.url, settle_s=settle_s
        )
        text = stand.config.read_text(encoding="utf-8")
        sold = ROUTES.replace("DENIED", sandbox.buyers[2].address)
        text = text.replace("routes:\n", f"routes:\n{sold}").replace(
            "limits:\n  {", "limits:\n  {" + "".join(limits)
        )
        text = text.replace(
            '"POST /mystery": {price: "$0.01"}', '"POST /mystery": {price: "$0.01", fallback_cost: "$0.002"}'
        )
        text = text.replace('"$0.001"}\noperator', '"$0.001"}\n  platform: "2%"\noperator')
        stand.config.write_text(text + MORE, encoding="utf-8")
        if "facilitator" in away:
            facilitator.down()
        with stand.serving() as running:
            yield Surface(stand, running, agent, facilitator, rpc)
