"""The examples of every `--help` and of the pages: each line that is a command does what it is there for."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import httpx
import pytest

from sidecar import cli
from sidecar.sandbox.process import Sandbox
from tests import test_docs, test_pages
from tests.scenarios import money
from tests.scenarios.stand import Stand, set_up

ROOT: Final = Path(__file__).resolve().parent.parent
BIN: Final = Path(sys.executable).parent
STAYS_UP: Final = re.compile(r"sidecar (serve|sandbox)\b")
A_CALL: Final = re.compile(r"call_01([0-9A-Z]{24}|[JK]\.\.\.)")
A_BUYER: Final = "buyer:0x..."
A_ROUTE: Final = "POST /research"
A_BLOCK: Final = "21000000"
A_FOLDER: Final = "/backups/"
A_TILL: Final = "eip155%3A8453:0x833589...:0x..."
TIMEOUT_S: Final = 300
TYPED_ELSEWHERE: Final = {
    "sidecar demo": "tests/sidecar/commands/test_demo.py",
    "sidecar demo --once": "tests/test_docs.py",
    "sidecar demo --once --json": "tests/sidecar/commands/test_demo.py",
}
"""Each takes a chain of its own and ten seconds, and is held to more by the test that is there."""


def examples(name: str) -> list[str]:
    """The command lines of a command's examples, without what stands behind them as explanation."""
    lines = [line.strip() for line in str(import_module(f"sidecar.commands.{name}").EXAMPLES).splitlines()]
    commands = [re.split(r"\s{2,}", line)[0] for line in lines]
    return [line for line in commands if re.match(r"(SIDECAR__\S+ )*sidecar |source <\(sidecar ", line)]


EXAMPLES: Final = [line for name in cli.COMMANDS for line in examples(name)]
ON_PAGES: Final = [line for line in test_pages.TYPED if line not in EXAMPLES]
TYPED: Final = [line for line in EXAMPLES if line not in TYPED_ELSEWHERE] + ON_PAGES


@dataclass(frozen=True, slots=True)
class Shop:
    """A seller's folder in which one call was sold; it stands still."""

    stand: Stand
    call: str

    def environment(self) -> dict[str, str]:
        """What the seller's shell has: the command on its path, and a home of its own."""
        home = self.stand.folder / "home"
        (home / ".config/fish/completions").mkdir(parents=True, exist_ok=True)
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PATH": path, "HOME": str(home)}


def the_sweep(stand: Stand) -> str:
    """The journal that the operating page shows, about the till of this chain."""
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    (shown,) = (block for block in test_docs.blocks(page, "yaml") if "kind: sweep" in block)
    network = stand.sandbox.network.replace(":", "%3A")
    return shown.replace(A_TILL, f"{network}:{stand.sandbox.asset.lower()}:{stand.pay_to.lower()}")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, agent: str) -> Shop:
    stand = set_up(tmp_path_factory.mktemp("examples"), sandbox, agent)
    payer = sandbox.buyers[0]
    with stand.serving() as running:
        sold = running.send("/chat", running.signed(payer, "/chat"))
        with contextlib.suppress(httpx.TransportError):  # paid and broken off: the payer's credit
            running.send("/broken", running.signed(payer, "/broken"))
        assert money.settled_down(stand, running).owed_to(payer.address) > 0
        running.process.terminate()  # as a supervisor does; what was booked is signed
        running.ended()
    (stand.folder / "sweep.yaml").write_text(the_sweep(stand))
    return Shop(stand, sold.headers["sidecar-call-id"])


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_an_example_in_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At least one line can be typed as it stands."""
    assert cli.main([name, "--help"]) == 0
    shown = capsys.readouterr().out

    assert examples(name)
    assert all(line in shown for line in examples(name))


@pytest.mark.parametrize("line", [line for line in TYPED if not STAYS_UP.search(line)])
def test_an_example_can_be_typed(line: str, shop: Shop, tmp_path: Path) -> None:
    """In the folder of a seller, it ends well and complains of nothing."""
    payer = shop.stand.sandbox.buyers[0].address.lower()
    typed = A_CALL.sub(shop.call, line).replace(A_BUYER, f"buyer:{payer}")
    typed = typed.replace(A_ROUTE, "POST /chat").replace(A_FOLDER, f"{tmp_path}/").replace(A_BLOCK, "1")
    if "completion zsh" in line:  # bash is what every machine has; it cannot take in zsh's script
        typed = typed.replace("source <(", "cat <(")
    done = subprocess.run(
        ["bash", "--norc", "-c", typed],
        # `init` must not find the config it would write.
        cwd=tmp_path if " init" in line else shop.stand.folder,
        env=shop.environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("line", [line for line in TYPED if STAYS_UP.search(line)])
def test_an_example_that_stays_up_can_be_typed(line: str, shop: Shop) -> None:
    """It says where it is and ends well when it is told to."""
    with subprocess.Popen(
        ["bash", "--norc", "-c", f"exec env {line}"],
        cwd=shop.stand.folder,
        env=shop.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for shown in process.stdout:
            said = shown
            if re.search(r"serving buyers|rpc_url", shown):
                break
        process.send_signal(signal.SIGTERM)
        code = process.wait(TIMEOUT_S)

    assert re.search(r"serving buyers|rpc_url", said)
    assert code == 0


@pytest.mark.parametrize(("line", "place"), TYPED_ELSEWHERE.items())
def test_an_example_that_is_typed_elsewhere_is(line: str, place: str) -> None:
    """The test that is named runs the very words."""
    words = ", ".join(f'"{word}"' for word in line.split()[1:])

    assert line in EXAMPLES
    assert f"{words}]" in (ROOT / place).read_text(encoding="utf-8")


def test_the_examples_of_the_whole_name_commands_that_exist() -> None:
    """`sidecar --help` shows a way from the config to the margin."""
    named = re.findall(r"^  sidecar (\w+)", cli._EXAMPLES, re.MULTILINE)

    assert named == ["init", "check", "serve", "margin"]
