"""`sidecar sandbox` as a process: one line, a live chain behind it, and a clean end."""

import json
import signal
import subprocess
import sys

import httpx
import pytest

from sidecar.cli import main
from sidecar.commands.errors import Exit
from sidecar.sandbox import chain_modes, facilitator_modes
from tests.plainly import PLAINLY

RUN = """
import argparse, sys
from sidecar.commands import sandbox
parser = argparse.ArgumentParser()
sandbox.configure(parser)
sys.exit(sandbox.run(parser.parse_args()))
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_line_describes_a_live_sandbox_that_ends_when_told(ending: signal.Signals) -> None:
    """The printed URLs answer until SIGINT or SIGTERM, which end everything with exit code 0."""
    modes = ["--facilitator", "down", "--chain", "delay", "--facilitator-delay", "2.5"]
    command = [sys.executable, "-c", RUN, "--json", *modes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = json.loads(process.stdout.readline())
        told = httpx.get(line["control_url"] + "/_mode", **PLAINLY).json()
        with pytest.raises(httpx.ConnectError):
            httpx.get(line["facilitator_url"] + "/supported", **PLAINLY)
        httpx.post(line["control_url"] + "/_mode", json={"mode": "honest"}, **PLAINLY)
        kinds = httpx.get(line["facilitator_url"] + "/supported", **PLAINLY).json()["kinds"]
        process.send_signal(ending)
        rest, complaints = process.stdout.read(), process.stderr.read()

    assert set(line) == {
        "rpc_url", "chain_id", "network", "asset", "facilitator_url", "control_url", "pay_to", "buyers",
    }  # fmt: skip
    assert (told["mode"], told["delay_s"]) == ("down", 2.5)
    assert set(line["buyers"][0]) == {"address", "private_key"}
    assert {kind["network"] for kind in kinds} == {line["network"], "base-sepolia"}
    assert (process.returncode, rest, complaints) == (0, b"", b"")
    with pytest.raises(httpx.ConnectError):
        httpx.get(line["rpc_url"], **PLAINLY)


@pytest.mark.parametrize(
    "words",
    [
        ["--facilitator", "nice"],
        ["--chain", "nice"],
        ["--facilitator-delay", "soon"],
        ["--facilitator-delay", "3601"],
        ["--facilitator-delay", "-1"],
    ],
)
def test_a_mode_that_is_not_in_the_table_is_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started, and the sentence names what there is."""
    assert main(["sandbox", *words]) == Exit.WRONG_USAGE
    assert words[0] in capsys.readouterr().err


def test_help_lists_every_mode(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for help learns what each mode does."""
    assert main(["sandbox", "--help"]) == Exit.FINE
    printed = capsys.readouterr().out
    for modes in (facilitator_modes.MODES, chain_modes.MODES):
        assert all(name in printed and mode.tells in printed for name, mode in modes.items())


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_packages_that_are_not_installed_are_named(command: str) -> None:
    """One sentence with the extra that brings them, before anything is started."""
    program = "import sys; sys.modules['web3'] = None; from sidecar.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", program, command], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (Exit.UNREACHABLE, "")
    assert ended.stderr == (
        "sidecar: the sandbox's packages are not installed (web3); lock/demo.txt has them\n"
    )
