"""`sidecar init`."""

import json
from pathlib import Path

import pytest

from sidecar.cli import main
from sidecar.commands.init import starter
from sidecar.settings import Settings, read
from tests.sidecar.configs import FOLDER, PAY_TO


def test_the_starter_config_loads_once_its_variables_are_set() -> None:
    """Two variables are all it takes, and nothing in it needs a warning."""
    found = read(starter(), {"PAY_TO": PAY_TO, "FACILITATOR_URL": "https://facilitator.example.com"}, FOLDER)

    assert isinstance(found, Settings)
    assert found.warnings == ()


def test_it_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be redirected."""
    assert main(["init"]) == 0
    assert capsys.readouterr() == (starter(), "")


def test_it_can_be_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For whoever reads JSON."""
    assert main(["init", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"config": starter()}


def test_a_file_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config that is there is never overwritten."""
    path = tmp_path / "sidecar.yaml"

    assert main(["init", "--output", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path)}
    assert path.read_text() == starter()
    path.write_text("mine")
    assert main(["init", "--output", str(path)]) == 2
    assert path.read_text() == "mine"
    assert capsys.readouterr().err == f"sidecar: {path} exists and is left as it is; name another file\n"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing folder is one sentence."""
    assert main(["init", "--output", str(tmp_path / "no" / "sidecar.yaml")]) == 3
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
