"""The example buyer in JavaScript pays a real sidecar."""

import os
import subprocess
from pathlib import Path

from sidecar.sandbox.process import Sandbox
from tests.accept.kinds import KINDS
from tests.scenarios.stand import Running

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples/buyer.mjs"


def test_the_javascript_buyer_pays(running: Running, sandbox: Sandbox, tmp_path: Path) -> None:
    """It prints what it bought and in which transaction it paid. Its packages are those installed here."""
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    program = tmp_path / "buyer.mjs"
    program.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    sold = next(step.sold for steps in KINDS.values() for step in steps if step.sold.method == "GET")
    ended = subprocess.run(
        ["node", str(program), running.url + sold.asked],
        env=os.environ | {"BUYER_KEY": sandbox.buyers[4].private_key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.stderr == ""
    assert ended.stdout.startswith("200 ")
    assert "paid in 0x" in ended.stdout
