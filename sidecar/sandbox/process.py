"""Start and stop the sandbox's processes. Imports neither EVM nor web3: those live in the children.

A child announces its port before it is ready; requests made early wait in its listen queue. Children end
when their standard input closes, so they cannot outlive us, however we end.
"""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import httpx

from sidecar.sandbox import chain_modes, facilitator_modes, keys, token
from sidecar.sandbox.keys import TestAccount

CHAIN_ID: Final = 84532
PACKAGES: Final = ("eth", "eth_account", "web3", "x402")
"""What the children import and a sidecar that sells does not need."""
READY_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 5
_BALANCE_OF: Final = "0x70a08231"
# Nothing here speaks TLS, and reading the machine's certificates takes ten times as long as a request.
_PLAINLY: Final[Mapping[str, Any]] = {
    "timeout": READY_TIMEOUT_S,
    "trust_env": False,
    "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
}


class ChildFailed(Exception):
    """The sandbox did not start, in one sentence; what a process of it printed is on standard error."""


class ModeRefused(Exception):
    """A mode is not known, or its delay is out of bounds."""


class RpcFailed(Exception):
    """The chain answered with an error; `body` is the JSON-RPC error object."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body.get("message"))
        self.body = body


class Child:
    """One running process, and where it listens."""

    def __init__(self, service: str, *arguments: str) -> None:
        self._service = service
        command = [sys.executable, "-m", "sidecar.sandbox.child", service, *arguments]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"},
            start_new_session=True,  # an interrupt at the terminal is for us; we end the children in order
        )
        assert self._process.stdout is not None, "the announcement comes through a pipe"
        announced = self._process.stdout.readline()
        if not announced:
            self.stop()
            raise ChildFailed(f"the sandbox's {service} did not start")
        ports = json.loads(announced)
        self.url = f"http://127.0.0.1:{ports['port']}"
        self.control_url = f"http://127.0.0.1:{ports.get('control_port', ports['port'])}"

    def wait(self, path: str) -> None:
        """Return when GET *path* is answered, whatever the answer; raises ChildFailed."""
        try:
            httpx.get(self.control_url + path, **_PLAINLY)
        except httpx.HTTPError as problem:
            raise ChildFailed(f"the sandbox's {self._service} is not answering") from problem

    def stop(self) -> None:
        """End the process, politely first."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "both pipes were asked for"
            pipe.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running chain with a facilitator on it. *buyers* hold tokens and gas money, *penniless* nothing.

    *control_url* is the facilitator too, and answers even while its mode refuses connections.
    """

    rpc_url: str
    chain_id: int
    network: str
    asset: str
    facilitator_url: str
    pay_to: str
    buyers: tuple[TestAccount, ...]
    penniless: TestAccount
    control_url: str = ""

    def rpc(self, method: str, *params: Any) -> Any:
        """Ask the chain; raises RpcFailed."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = httpx.post(self.rpc_url, json=request, **_PLAINLY).json()
        if "error" in answer:
            raise RpcFailed(answer["error"])
        return answer["result"]

    def set_facilitator(self, mode: str, *, delay_s: float = facilitator_modes.DELAY_DEFAULT_S) -> None:
        """Let the facilitator go on in *mode* of `facilitator_modes`; *delay_s* is for the slow one."""
        wanted = {"mode": mode, "delay_s": delay_s}
        answer = httpx.post(self.control_url + "/_mode", json=wanted, **_PLAINLY)
        if answer.status_code != 200:
            raise ModeRefused(answer.json()["error"])

    def set_chain(self, mode: str) -> None:
        """Let the chain go on in *mode* of `chain_modes`; raises RpcFailed if it is not known."""
        self.rpc("sandbox_setMode", mode)

    def pass_time(self, seconds: int) -> None:
        """Move the chain's time on, and mine a block at it."""
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    def balance_of(self, address: str) -> int:
        """Read an address's token balance at the head, in the token's smallest unit."""
        call = {"to": self.asset, "data": _BALANCE_OF + address.removeprefix("0x").lower().rjust(64, "0")}
        return int(self.rpc("eth_call", call, "latest"), 16)

    def document(self) -> dict[str, Any]:
        """Describe the sandbox for whoever wants to use it."""
        return {
            "rpc_url": self.rpc_url,
            "chain_id": self.chain_id,
            "network": self.network,
            "asset": self.asset,
            "facilitator_url": self.facilitator_url,
            "control_url": self.control_url,
            "pay_to": self.pay_to,
            "buyers": [{"address": each.address, "private_key": each.private_key} for each in self.buyers],
        }


@contextmanager
def start_sandbox(
    *,
    chain_id: int = CHAIN_ID,
    block_time_s: float | None = None,
    facilitator_mode: str = facilitator_modes.HONEST,
    facilitator_delay_s: float = facilitator_modes.DELAY_DEFAULT_S,
    chain_mode: str = chain_modes.HONEST,
) -> Iterator[Sandbox]:
    """Run a fresh chain and a facilitator on it; without *block_time_s* each transaction is a block.

    The modes are names in `facilitator_modes` and `chain_modes`, and can be changed later. Or ChildFailed.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        raise ChildFailed(f"the sandbox's packages are not installed ({names}); lock/demo.txt has them")
    with ExitStack() as running:
        timing = [] if block_time_s is None else ["--block-time", str(block_time_s)]
        shared = ("--chain-id", str(chain_id))
        chain = Child("chain", *shared, "--mode", chain_mode, *timing)
        running.callback(chain.stop)
        conduct = ("--mode", facilitator_mode, "--delay", str(facilitator_delay_s))
        facilitator = Child("facilitator", *shared, *conduct, "--rpc-url", chain.url)
        running.callback(facilitator.stop)
        chain.wait("/")
        facilitator.wait("/supported")
        yield Sandbox(
            rpc_url=chain.url,
            chain_id=chain_id,
            network=f"eip155:{chain_id}",
            asset=token.ADDRESS,
            facilitator_url=facilitator.url,
            pay_to=keys.PAY_TO.address,
            buyers=keys.BUYERS,
            penniless=keys.PENNILESS,
            control_url=facilitator.control_url,
        )


@contextmanager
def start_agent() -> Iterator[str]:
    """Run the demo agent and give its base URL."""
    agent = Child("agent")
    try:
        agent.wait("/_seen")
        yield agent.url
    finally:
        agent.stop()
