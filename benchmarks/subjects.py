"""Subjects: every server and path that is measured, as a table. The sidecar runs with everything on."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.machines import ROOT, SERVER_CORE, Server, free_port, python, started, wait_for
from benchmarks.neighbours import COMPLETION
from benchmarks.payments import NETWORK, PAY_TO, WALLETS, headers

EXPRESS: Final = str(ROOT / "benchmarks/servers/official_express.mjs")
EXPRESS_PACKAGES: Final = ROOT / "benchmarks/node_modules/@x402/express"
TRIES_MAX: Final = 100
CONFIG: Final = """\
upstream: {agent}
public_url: http://agent.example
listen: {{buyers: "127.0.0.1:0", agent: "127.0.0.1:0", operator: "127.0.0.1:0"}}
storage: sqlite:///bench.db
{networks}
accept: [{{network: base-sepolia, asset: USDC, pay_to: "{pay_to}"}}]
settlement: {{facilitators: ["{facilitator}"]}}
exposure: {{per_payer: "$1000000"}}
limits: {{per_buyer: 1000000/second, per_address: 1000000/second, uncharged_cost: "$1000",
  open_calls: 4000, flush_every: 1s}}
routes:
  "POST /paid": {{price: "$0.001", settle: {settle}, agent: bench, workflow: bench, margin_floor: 1%}}
  "POST /fail": {{price: "$100", settle: upfront}}
  "POST /free": free
  "POST /stream/{{events}}": {{price: "$0.001", settle: {settle}}}
  "POST /body": {{price: "$0.001", settle: {settle}}}
  "GET /stream/{{events}}": free
fees: {{facilitator: {{"{facilitator}": "$0.0001"}}, platform: "1%"}}
operator: {{token: benchmark-operator-token}}
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the neighbours are."""

    agent: str
    facilitator: str
    node: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that is measured. `paid`: each request carries a payment of its own.

    `quick` is with how many connections in the short run, `steps` that each step of its calls is told.
    """

    name: str
    server: str
    line: str
    status: str
    paid: bool = False
    settle: str = "authorization"
    node: bool = False
    credit: bool = False
    connections: tuple[int, ...] = (1, 32)
    quick: tuple[int, ...] = ()
    steps: bool = False


SUBJECTS: Final = (
    Subject("plain Starlette + httpx proxy", "proxy", "POST /free", "200", quick=(32,)),
    Subject("sidecar: free call passed on", "sidecar", "POST /free", "200", quick=(32,)),
    Subject("sidecar: 402", "sidecar", "POST /paid", "402", quick=(32,)),
    Subject("sidecar: authorization, verify and settle", "sidecar", "POST /paid", "200", paid=True,
            quick=(32,), steps=True),
    Subject("sidecar: authorization, funds by node", "sidecar", "POST /paid", "200", paid=True, node=True,
            steps=True),
    Subject("sidecar: deferred", "sidecar", "POST /paid", "200", paid=True, settle="deferred", node=True,
            quick=(32,), steps=True),
    Subject("sidecar: from credit", "sidecar", "POST /paid", "200", paid=True, credit=True),
    Subject("official FastAPI: 402", "fastapi", "POST /paid", "402", quick=(32,)),
    Subject("official FastAPI: paid", "fastapi", "POST /paid", "200", paid=True, connections=(1, 4, 32),
            quick=(4, 32)),
    Subject("official FastAPI: paid, no sniffio", "fastapi --no-sniffio", "POST /paid", "200", paid=True,
            connections=(1, 4, 32), quick=(4, 32)),
    Subject("official Express: 402", "express", "POST /paid", "402", quick=(32,)),
    Subject("official Express: paid", "express", "POST /paid", "200", paid=True, quick=(32,)),
)  # fmt: skip


def named(name: str) -> Subject:
    """Return the subject of that name."""
    return next(subject for subject in SUBJECTS if subject.name == name)


SIDECARS: Final = {"sidecar": "sidecar", "stepped": "benchmarks.servers.stepped"}
"""What is run as a sidecar: it alone, and with a watch on it."""


def can_run(subject: Subject) -> bool:
    """Tell whether this machine has what the subject needs."""
    return subject.server != "express" or (shutil.which("node") is not None and EXPRESS_PACKAGES.exists())


@contextmanager
def serving(subject: Subject, places: Places, folder: Path, **environment: str) -> Iterator[Server]:
    """Run the subject's server on its core."""
    name, *flags = subject.server.split()
    if name in SIDECARS:
        with _sidecar(subject, places, folder, environment) as server:
            yield server
        return
    port = free_port()
    command = {
        "proxy": python("-m", "benchmarks.servers.proxy", str(port), places.agent),
        "fastapi": python("-m", "benchmarks.servers.official_fastapi", str(port), places.facilitator, *flags),
        "express": ["node", EXPRESS, str(port), places.facilitator, NETWORK, PAY_TO, COMPLETION.decode()],
    }[name]
    with started(command, SERVER_CORE, folder) as (process, _):
        wait_for(port)
        yield Server(process, port)


@contextmanager
def _sidecar(
    subject: Subject, places: Places, folder: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    config = folder / "sidecar.yaml"
    networks = f'networks: {{base-sepolia: {{rpc: ["{places.node}"]}}}}' if subject.node else ""
    text = CONFIG.format(
        agent=places.agent,
        networks=networks,
        pay_to=PAY_TO,
        facilitator=places.facilitator,
        settle=subject.settle,
    )
    config.write_text(text, encoding="utf-8")
    command = python("-m", SIDECARS[subject.server], "serve", "--json", "--config", str(config))
    with started(command, SERVER_CORE, folder, announces=True, **environment) as (process, ports):
        server = Server(process, ports["buyers"])
        if subject.credit:
            _give_credit(server)
        if subject.settle == "deferred":
            _pay_first(server)
        yield server


def _give_credit(server: Server) -> None:
    """Let every wallet pay once for a call that fails: its price is credit for many others."""
    url = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=url, trust_env=False) as client:
        for payment in headers(WALLETS, url + "/fail"):
            answer = client.post("/fail", json={}, headers={"PAYMENT-SIGNATURE": payment.decode()})
            assert answer.status_code == 500, json.dumps(answer.json())


def _pay_first(server: Server) -> None:
    """Let every wallet pay until it is served before it pays: that is when its answer has no receipt."""
    url = f"http://127.0.0.1:{server.port}"
    waiting, tries = list(range(WALLETS)), 0
    with httpx.Client(base_url=url, trust_env=False) as client:
        while waiting:
            tries += 1
            assert tries < TRIES_MAX, "nobody is served first"
            signed = headers(WALLETS, url + "/paid")
            answers = {
                number: client.post("/paid", json={}, headers={"PAYMENT-SIGNATURE": signed[number].decode()})
                for number in waiting
            }
            assert {answer.status_code for answer in answers.values()} == {200}
            waiting = [number for number, answer in answers.items() if "payment-response" in answer.headers]
