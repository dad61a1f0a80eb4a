"""The example programs are run: agents behind a real sidecar, a buyer that pays it on the sandbox's chain."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from sidecar.sandbox.process import Sandbox
from tests.plainly import PLAINLY
from tests.scenarios.stand import Running, Stand, set_up, until
from tests.test_docs import free_port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@contextmanager
def started(command: list[str], port: int, **environment: str) -> Iterator[None]:
    """Run an agent until it answers on *port*."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=EXAMPLES,
        env=os.environ | {"NO_PROXY": "127.0.0.1"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert until(lambda: _answers(port)), command
        yield
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", **PLAINLY)
    except httpx.TransportError:
        return False
    return True


def serve_with(module: str, port: int) -> list[str]:
    return ["-m", "uvicorn", f"{module}:app", "--port", str(port), "--log-level", "critical"]


def selling(folder: Path, sandbox: Sandbox, port: int, routes: Mapping[str, Any]) -> Stand:
    """Give a stand that sells *routes* of the agent on *port*; where agents report is known before."""
    stand = set_up(folder, sandbox, f"http://127.0.0.1:{port}")
    document = yaml.safe_load(stand.config.read_text(encoding="utf-8"))
    document["routes"] = dict(routes)
    document["listen"]["agent"] = f"127.0.0.1:{free_port()}"
    stand.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    return stand


def bought(running: Running, sandbox: Sandbox, path: str) -> tuple[httpx.Response, dict[str, Any]]:
    """Buy a call, and return the answer and the call as it is booked."""
    answer = running.send(path, running.signed(sandbox.buyers[0], path))
    call = answer.headers["sidecar-call-id"]
    assert until(lambda: running.ask(f"/api/v1/calls/{call}")["outcome"] != "running")
    return answer, running.ask(f"/api/v1/calls/{call}")


def listener(stand: Stand) -> str:
    document = yaml.safe_load(stand.config.read_text(encoding="utf-8"))
    return f"http://{document['listen']['agent']}"


def test_the_fastapi_agent_serves_only_what_came_through_its_sidecar(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """With the secret beside the books it refuses a stranger and sells through the sidecar, cost and all."""
    port = free_port()
    stand = selling(tmp_path, sandbox, port, {"POST /research": {"price": "$0.05"}})
    with ExitStack() as opened:
        running = opened.enter_context(stand.serving())
        secrets = json.loads((tmp_path / "books.db.secrets").read_text(encoding="ascii"))
        agent = started(serve_with("fastapi_agent", port), port, ORIGIN_SECRET=secrets["origin"])
        opened.enter_context(agent)
        stranger = httpx.post(f"http://127.0.0.1:{port}/research", content=b"x", **PLAINLY)
        answer, call = bought(running, sandbox, "/research?depth=2")

    assert stranger.status_code == 403
    assert (answer.status_code, answer.json()["answer"]) == (200, "42")
    assert [(line["kind"], line["amount_usd"]) for line in call["costs"]] == [("tool", "0.003600000")]


def test_the_workflow_books_each_attempt_of_each_step(sandbox: Sandbox, tmp_path: Path) -> None:
    """Steps and attempts are in the books, the one that was in vain too."""
    port = free_port()
    stand = selling(tmp_path, sandbox, port, {"POST /ask": {"price": "$0.05", "workflow": "reports"}})
    workflow = started(["workflow_agent.py", str(port)], port, AGENT_LISTENER=listener(stand))
    with stand.serving() as running, workflow:
        answer, call = bought(running, sandbox, "/ask")
        paid = subprocess.run(
            [sys.executable, str(EXAMPLES / "pay.py"), f"{running.url}/ask", '{"about": "prices"}'],
            env=os.environ | {"BUYER_KEY": sandbox.buyers[1].private_key, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout

    assert answer.status_code == 200
    assert answer.json()["report"].startswith("2 findings")
    told = sorted((line["step"], line["attempt"], line["kind"]) for line in call["costs"])
    assert told == [("plan", 1, "model"), ("search", 1, "tool"), ("search", 2, "tool"), ("write", 1, "model")]
    assert call["workflow"] == "reports"
    first, receipt = paid.splitlines()
    assert (first[:4], json.loads(first[4:])) == ("200 ", {"report": '2 findings on {"about": "prices"}'})
    assert receipt.startswith("paid in 0x")


def test_the_openai_agent_reports_what_the_model_used(sandbox: Sandbox, agent: str, tmp_path: Path) -> None:
    """Its answer has no usage; the report of it is priced by the rate card of the model."""
    port = free_port()
    stand = selling(tmp_path, sandbox, port, {"POST /summary": {"price": "$0.02"}})
    model = {"OPENAI_BASE_URL": f"{agent}/v1", "OPENAI_API_KEY": "none", "AGENT_LISTENER": listener(stand)}
    with stand.serving() as running, started(serve_with("openai_agent", port), port, **model):
        answer, call = bought(running, sandbox, "/summary")

    assert (answer.status_code, answer.json()) == (200, {"summary": "Paid work, done."})
    (line,) = call["costs"]
    assert (line["kind"], line["basis"], line["step"]) == ("model", "measured", "summary")


def test_the_buyer_stops_at_its_budget(sandbox: Sandbox, agent: str, tmp_path: Path) -> None:
    """Two calls of a cent fit into $0.025; the third is not signed away, and the chain says so."""
    stand = set_up(tmp_path, sandbox, agent)
    document = yaml.safe_load(stand.config.read_text(encoding="utf-8"))
    document["routes"] = {"GET /echo": {"price": "$0.01"}}
    stand.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    with stand.serving() as running:
        ended = subprocess.run(
            [sys.executable, str(EXAMPLES / "buyer_with_budget.py"), f"{running.url}/echo", "0.025", "3"],
            env=os.environ | {"BUYER_KEY": sandbox.buyers[1].private_key, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    assert [line.split()[0] for line in ended.stdout.splitlines()] == ["200", "200"]
    assert ended.stderr.startswith("stopped: 10000 units")
    assert stand.taken() == {sandbox.buyers[1].address.lower(): 20_000}


def test_each_program_says_what_it_needs() -> None:
    """Its first lines name the packages of all that it imports and Python does not bring."""
    for program in sorted(EXAMPLES.glob("*.py")):
        tree = ast.parse(program.read_text(encoding="utf-8"))
        imported = {
            name.partition(".")[0]
            for node in ast.walk(tree)
            for name in (
                [each.name for each in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )
        }  # fmt: skip
        needed = {name.replace("_", "-") for name in imported - sys.stdlib_module_names}
        told = re.findall(r"`pip\s+install (.+?)`", ast.get_docstring(tree) or "")
        named = {name for line in told for name in re.findall(r"[a-z0-9-]+", line)}
        named |= {"eth-account"} if "evm" in named else set()  # which x402's extra brings

        assert needed <= named, program.name
