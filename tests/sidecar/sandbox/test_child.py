"""A service as a process: announced at once, ended with its input or its parent."""

import json
import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.plainly import PLAINLY

CHILD = [sys.executable, "-m", "sidecar.sandbox.child"]


def start(*arguments: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start a child; return it and its URL."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([*CHILD, *arguments], stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"


@pytest.mark.parametrize("service", ["agent", "chain"])
def test_a_child_ends_when_its_input_does(service: str) -> None:
    """Closing the pipe ends the process cleanly, its background work included, and silently."""
    process, url = start(service)
    with process:
        assert httpx.get(url + "/", timeout=30, **PLAINLY).status_code in {404, 405}
        assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == 0


def test_requests_before_readiness_wait() -> None:
    """A request sent right after the announcement is answered, though the EVM is not imported yet."""
    process, url = start("chain", "--chain-id", "31337")
    with process:
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        assert httpx.post(url, json=body, timeout=30, **PLAINLY).json()["result"] == hex(31337)
        process.terminate()


def test_a_child_dies_with_its_parent() -> None:
    """A parent that is killed takes its children along: nothing is left listening."""
    parent = (
        "from sidecar.sandbox.process import Child\n"
        "child = Child('agent')\n"
        "print(child.url, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(url + "/free/hello", **PLAINLY).text == "hello"
        process.send_signal(signal.SIGKILL)
    assert silent(url)


def silent(url: str) -> bool:
    """Wait until nobody listens at *url* any more."""
    for _ in range(100):
        try:
            httpx.get(url, **PLAINLY)
        except httpx.TransportError:
            return True
        time.sleep(0.1)
    return False


def test_wrong_arguments_end_at_once() -> None:
    """An unknown service is a usage error."""
    done = subprocess.run([*CHILD, "nothing"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "invalid choice" in done.stderr
