"""`sidecar sandbox` as a process: one line, a live chain behind it, and a clean end."""

import json
import signal
import subprocess
import sys

import httpx
import pytest

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
    command = [sys.executable, "-c", RUN, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = json.loads(process.stdout.readline())
        kinds = httpx.get(line["facilitator_url"] + "/supported").json()["kinds"]
        process.send_signal(ending)
        rest, complaints = process.stdout.read(), process.stderr.read()

    assert set(line) == {
        "rpc_url", "chain_id", "network", "asset", "facilitator_url", "pay_to", "buyers",
    }  # fmt: skip
    assert set(line["buyers"][0]) == {"address", "private_key"}
    assert {kind["network"] for kind in kinds} == {line["network"], "base-sepolia"}
    assert (process.returncode, rest, complaints) == (0, b"", b"")
    with pytest.raises(httpx.ConnectError):
        httpx.get(line["rpc_url"])
