"""`sidecar demo` as its users run it: once for a script, and staying up for a person."""

import json
import re
import signal
import subprocess
import sys
from typing import Any, Final

import httpx
import pytest

from sidecar.cli import main
from sidecar.sandbox.demo_table import STEPS
from tests.plainly import PLAINLY

ZERO: Final = "0.000000000"
WATCHED: Final = [sys.executable, "-m", "sidecar", "demo"]
END_TIMEOUT_S: Final = 60


def test_once_in_json_is_one_object_with_calls_margin_and_audit(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 says that every call, the chain and the audit were as the demo's own table expects."""
    code = main(["demo", "--once", "--json"])
    printed = capfd.readouterr()
    document: dict[str, Any] = json.loads(printed.out)

    assert (code, printed.err) == (0, "")
    assert set(document) == {"calls", "margin", "audit"}
    assert document["audit"] == {"clean": True}
    sold = [call for call in document["calls"] if call["captured_usd"] != ZERO]
    assert len(sold) == sum(step.times for step in STEPS if step.paid)
    assert sum(_nano(call["captured_usd"]) for call in sold) == sum(
        _nano(row["revenue_usd"]) for row in document["margin"]
    )
    assert {row["endpoint"] for row in document["margin"]} == {call["endpoint"] for call in document["calls"]}
    from_credit = [call["endpoint"] for call in sold if not call["transaction"]]
    assert from_credit == ["POST /stream", "POST /chat"]  # a failure's, and that of a lost answer


def test_without_once_it_stays_up_to_be_looked_at() -> None:
    """It tells each call in a line, the margin, the verdict and its URLs; an interrupt ends it all with 0."""
    with subprocess.Popen(WATCHED, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = ""
        while line := process.stdout.readline():
            told += line
            if line.startswith("Interrupt"):
                break
        (buyers,) = re.findall(r"^buyers +(\S+)$", told, re.MULTILINE)
        unpaid = httpx.post(f"{buyers}/chat", **PLAINLY)
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=END_TIMEOUT_S)

    assert [line.split()[0] for line in told.splitlines()[: len(STEPS)]] == ["ok"] * len(STEPS)
    assert [step.title for step in STEPS if step.title not in told] == []
    assert re.search(r"^total +\d+ ", told, re.MULTILINE)
    assert "books and balanceOf agree" in told
    assert "audit: clean" in told
    assert unpaid.status_code == 402
    assert (process.returncode, rest, complaints) == (0, "", "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(buyers, **PLAINLY)


def _nano(text: str) -> int:
    return int(text.replace(".", ""))
