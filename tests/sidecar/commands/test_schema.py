"""`sidecar schema`."""

import json

import pytest

from sidecar.cli import main
from sidecar.settings import json_schema, reference


def test_it_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The same with and without --json."""
    assert main(["schema"]) == 0
    first = capsys.readouterr().out
    assert main(["schema", "--json"]) == 0

    assert json.loads(first) == json.loads(capsys.readouterr().out) == json_schema()


def test_it_prints_the_reference_page(capsys: pytest.CaptureFixture[str]) -> None:
    """As the file of the documentation has it, to the last character."""
    assert main(["schema", "--markdown"]) == 0
    assert capsys.readouterr().out == reference()
