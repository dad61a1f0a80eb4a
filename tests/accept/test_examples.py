"""The example buyer in TypeScript is compiled strictly, and pays a real sidecar."""

import os
import subprocess
from pathlib import Path

from sidecar.sandbox.process import Sandbox
from tests.accept.kinds import KINDS
from tests.scenarios.stand import Running

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples/buyer.ts"
COMPILED = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--types", "node")


def test_the_typescript_buyer_pays(running: Running, sandbox: Sandbox, tmp_path: Path) -> None:
    """It prints what it bought and in which transaction it paid. Its packages are those installed here."""
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    program = tmp_path / EXAMPLE.name
    program.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    compiler = HERE / "node_modules/.bin/tsc"
    compiled = subprocess.run(
        [compiler, *COMPILED, program.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    sold = next(step.sold for steps in KINDS.values() for step in steps if step.sold.method == "GET")
    ended = subprocess.run(
        ["node", str(program.with_suffix(".js")), running.url + sold.asked],
        env=os.environ | {"BUYER_KEY": sandbox.buyers[4].private_key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (compiled.returncode, compiled.stdout) == (0, "")
    assert ended.stderr == ""
    assert ended.stdout.startswith("200 ")
    assert "paid in 0x" in ended.stdout
