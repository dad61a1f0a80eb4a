"""`sidecar check`."""

import json
from pathlib import Path

import pytest

from ledger.stores import versions
from sidecar.cli import main
from tests.sidecar.configs import MINIMAL


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sidecar.yaml"
    path.write_text(MINIMAL)
    return path


def test_a_good_config_is_fine(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings are told and do not change the outcome."""
    assert main(["check", "--config", str(config)]) == 0
    out, err = capsys.readouterr()

    assert out.endswith(f"{config} can be used\n")
    assert "warning: public_url" in out
    assert err == ""


def test_json_has_everything(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Problems and warnings are path, code and message."""
    config.write_text(MINIMAL + "upsteam: x\n")

    assert main(["check", "--config", str(config), "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "ok": False,
        "problems": [
            {
                "path": "upsteam",
                "code": "unknown_key",
                "message": "this version has no such key; did you mean 'upstream'? (line 6)",
            }
        ],
        "warnings": [],
    }
    assert err == f"sidecar: {config} has 1 problem\n"


def test_all_problems_are_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, for a person."""
    config.write_text(MINIMAL + "a: 1\nb: 2\n")

    assert main(["check", "--config", str(config)]) == 2
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == ["a", "b"]
    assert err == f"sidecar: {config} has 2 problems\n"


def test_the_environment_is_read(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `serve` would see is what is checked."""
    config.write_text(MINIMAL + "operator: {token: '${CHECK_TOKEN}'}\n")

    assert main(["check", "--config", str(config)]) == 2
    monkeypatch.setenv("CHECK_TOKEN", "a-token-that-is-long")
    assert main(["check", "--config", str(config)]) == 0


def test_a_missing_config_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not a crash, and not an empty config."""
    assert main(["check", "--config", str(tmp_path / "none.yaml"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["code"] == "config_unreadable"


def test_online_tells_who_did_not_answer(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config that may be right and could not be asked about ends with its own code."""
    nobody = "http://127.0.0.1:1"
    text = MINIMAL.replace("https://facilitator.example.com", nobody)
    config.write_text(text.replace("http://127.0.0.1:9000", nobody))

    assert main(["check", "--config", str(config), "--online", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert [problem["code"] for problem in found["problems"]] == ["facilitator_unreachable"]
    damaging = ["sqlite_version"] if versions.warning() else []
    assert [warning["code"] for warning in found["warnings"]] == [
        "public_url_default",
        "network_unwatched",
        *damaging,
        "upstream_unreachable",
    ]
