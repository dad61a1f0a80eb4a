"""What the documents say is so: the transcript is real, the steps work, the drawing is the table."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sidecar.cli import COMMANDS
from sidecar.domain.payments import NEXT, State
from sidecar.domain.refusals import Code
from sidecar.http.replies import REPLIES
from sidecar.sandbox.process import Sandbox
from tests.plainly import PLAINLY

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BUYING = (ROOT / "docs/buying.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SIDECAR = [sys.executable, "-m", "sidecar"]
POLLS = 100
POLL_S = 0.1


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def without_hashes(transcript: str) -> list[str]:
    """The lines of a transcript, whatever the transactions were called this time."""
    return re.sub(r"0x[0-9a-f]{8}", "0x........", transcript).strip().splitlines()


def drawn() -> str:
    """The table of payments as the architecture page shows it."""
    lines = [f"{state:<10} --{fact}--> {following}" for (state, fact), following in NEXT.items()]
    ends = sorted(set(State) - {state for state, _ in NEXT})
    return "\n".join([*lines, f"ends: {', '.join(ends)}"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[None]:
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    for _ in range(POLLS):
        try:
            httpx.get(url, **PLAINLY)
        except httpx.TransportError:
            time.sleep(POLL_S)
        else:
            return
    pytest.fail(f"nothing answers at {url}")


def test_the_transcript_is_what_the_demo_prints() -> None:
    """The README shows a real run, figure by figure; only transactions have other names each time."""
    shown = blocks(README, "text")[0]
    done = subprocess.run(
        [*SIDECAR, "demo", "--once"], capture_output=True, text=True, check=True, timeout=120
    )

    assert without_hashes(done.stdout) == without_hashes(shown)
    assert done.stderr == ""


@dataclass(frozen=True, slots=True)
class ForSale:
    """The seller of the README: where it is reached, and a folder to type its commands in."""

    url: str
    folder: Path
    environment: Mapping[str, str]

    def done(self, *command: str, **environment: str) -> str:
        """Type a command and return what it prints; it must end well."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | self.environment | environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout


@pytest.fixture
def for_sale(sandbox: Sandbox, tmp_path: Path) -> Iterator[ForSale]:
    (agent_port, buyers_port, operator_port, reports_port) = (free_port() for _ in range(4))
    config = blocks(README, "yaml")[0].replace(":9000", f":{agent_port}")
    (tmp_path / "sidecar.yaml").write_text(config, encoding="utf-8")
    (tmp_path / "README.md").write_text("# for sale\n", encoding="utf-8")
    environment = {
        "RPC_URL": sandbox.rpc_url,
        "FACILITATOR_URL": sandbox.facilitator_url,
        "PAY_TO": sandbox.pay_to,
        "BUYER_KEY": sandbox.buyers[0].private_key,
        "SIDECAR__LISTEN__BUYERS": f"127.0.0.1:{buyers_port}",
        "SIDECAR__LISTEN__OPERATOR": f"127.0.0.1:{operator_port}",
        "SIDECAR__LISTEN__AGENT": f"127.0.0.1:{reports_port}",
    }
    agent = [sys.executable, "-m", "http.server", str(agent_port), "--bind", "127.0.0.1"]
    serve = [*SIDECAR, "serve", "--config", "sidecar.yaml"]
    with running(agent, tmp_path), running(serve, tmp_path, **environment):
        wait_for(f"http://127.0.0.1:{agent_port}")
        wait_for(f"http://127.0.0.1:{buyers_port}/__402/health")
        yield ForSale(f"http://127.0.0.1:{buyers_port}", tmp_path, environment)


def test_a_stranger_sells_a_file_with_the_readme_alone(for_sale: ForSale) -> None:
    """The config, the commands and the buyer of the README sell one call, and the margin says so."""
    done = for_sale.done
    done(*SIDECAR, "check", "--config", "sidecar.yaml", "--online")
    bought = done(sys.executable, str(ROOT / "examples/pay.py"), f"{for_sale.url}/README.md")
    calls = json.loads(done(*SIDECAR, "calls", "--config", "sidecar.yaml", "--json"))
    margin = json.loads(done(*SIDECAR, "margin", "--config", "sidecar.yaml", "--json"))
    audit = json.loads(done(*SIDECAR, "ledger", "audit", "--config", "sidecar.yaml", "--json"))

    assert bought.startswith("200 # for sale\npaid in 0x")
    assert [call["outcome"] for call in calls["items"]] == ["served"]
    assert margin["total"]["revenue_usd"] == "0.010000000"
    assert margin["total"]["known_margin_usd"] == "0.009000000"
    assert audit["clean"] is True


def test_a_stranger_buys_with_the_buying_page_alone(for_sale: ForSale) -> None:
    """Every command of the page, as it is typed there: prices, a payment, its pages, a checked receipt."""
    (for_sale.folder / "examples").symlink_to(ROOT / "examples")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    prices, paying, pages, receipt = blocks(BUYING, "sh")

    def typed(script: str, **environment: str) -> list[str]:
        return [
            for_sale.done("bash", "-ec", line, PATH=path, URL=for_sale.url, **environment)
            for line in script.splitlines()
        ]

    sold, quoted = map(json.loads, typed(prices))
    (bought,) = typed(paying)
    calls = json.loads(for_sale.done(*SIDECAR, "calls", "--config", "sidecar.yaml", "--json"))
    call = calls["items"][0]["id"]
    credit, statement, shown = map(json.loads, typed(pages, CALL=call))
    *_, checked = typed(receipt, CALL=call)

    assert sold["resources"] == [quoted["resource"]] == [f"{for_sale.url}/README.md"]
    assert quoted["price_usd"] == "0.010000000"
    assert bought.startswith("200 # for sale\npaid in 0x")
    assert credit["available_usd"] == "0.000000000"
    assert [item["call"] for item in statement["items"]] == [call] == [shown["call"]]
    assert shown["payment_response"]["transaction"] in bought
    assert checked == f"{shown['wallet']} paid 10000 units to {shown['pay_to']} for {call}\n"


def test_the_buying_page_says_what_to_do_about_every_refusal() -> None:
    """Each code with its status and action, as the table in the code has them."""
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (\d{3}) \| (\w+) \| .+ \|$", BUYING, re.MULTILINE)
    told = {
        code: (int(status), action)
        for codes, status, action in rows
        for code in re.findall(r"`(\w+)`", codes)
    }

    assert told == {code.value: (reply.status, reply.action.value) for code, reply in REPLIES.items()}


def test_the_readme_says_what_is_booked_for_every_refusal() -> None:
    """Each code of a call stands in the table, behind its status; the wallet's own pages sell nothing."""
    section = README.partition("## What is booked when a call fails")[2].partition("\n## ")[0]
    told, status = dict[str, int](), 0
    for _, seen, booked in re.findall(r"^\| (.+?) \| (.+?) \| (.+) \|$", section, re.MULTILINE):
        for number, code in re.findall(r"(\d{3})|`(\w+)`", seen):
            status = int(number or status)
            if code and code != "success":
                assert booked
                told[code] = status
    pages = {Code.WALLET_UNPROVEN, Code.CALL_UNKNOWN, Code.PARAMETER_INVALID}

    assert told == {code.value: reply.status for code, reply in REPLIES.items() if code not in pages}


def test_the_drawing_is_the_table() -> None:
    """The life of a payment on the architecture page is the table the code looks up."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")

    assert blocks(page, "text")[0].strip() == drawn()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_named_exists(page: Path) -> None:
    """No page tells anybody to type a command or open a page that is not there."""
    text = page.read_text(encoding="utf-8")
    commands = re.findall(r"(?:^|`|bin/)sidecar ([a-z]+)", text, re.MULTILINE)
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]

    assert set(commands) <= set(COMMANDS)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("command", [["ledger", "audit"], ["ledger", "trial-balance"], ["calls"], ["margin"]])
def test_the_reading_commands_of_the_pages_say_what_is_missing(command: list[str], tmp_path: Path) -> None:
    """Without a config each ends with one sentence and the usage code, never a traceback."""
    ended = subprocess.run(
        [*SIDECAR, *command, "--config", str(tmp_path / "none.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "none.yaml" in ended.stderr
