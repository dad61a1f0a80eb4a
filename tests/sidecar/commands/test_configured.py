"""Commands that read the config."""

import argparse
from pathlib import Path

import pytest

from sidecar.commands.configured import add_config, settings_of
from sidecar.commands.errors import Sentence
from tests.sidecar.configs import MINIMAL


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_config(parser)
    return parser.parse_args(words)


def test_the_config_has_a_default_name() -> None:
    """In the config's own folder nothing has to be said."""
    assert _arguments().config == Path("sidecar.yaml")


def test_a_config_becomes_settings(tmp_path: Path) -> None:
    """What loads is handed on."""
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL)

    assert settings_of(_arguments("--config", str(path))).upstream == "http://127.0.0.1:9000"


def test_a_wrong_config_ends_with_every_problem(tmp_path: Path) -> None:
    """Any command lists them all, with the usage code."""
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL + "workspace:\nlimits: {drain: 3}\n")
    with pytest.raises(Sentence) as caught:
        settings_of(_arguments("--config", str(path)))

    assert caught.value.code == 2
    assert len(caught.value.text.splitlines()) == 3


def test_one_problem_is_one_sentence(tmp_path: Path) -> None:
    """It stands on the line that says what cannot be done."""
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL + "limits: {drain: 3}\n")
    with pytest.raises(Sentence, match=r"^the config cannot be used: limits\.drain: .+ \[duration\]$"):
        settings_of(_arguments("--config", str(path)))
