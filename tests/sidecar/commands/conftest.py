"""A shop with a config beside it, as reporting commands find it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.cli import main
from tests.sidecar.configs import MINIMAL
from tests.sidecar.shop import Shop

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop_config(shop: Shop) -> Path:
    """Return a config whose storage is the shop's database."""
    path = shop.path.with_name("shop.yaml")
    path.write_text(f'{MINIMAL}storage: "sqlite:///{shop.path.name}"\n')
    return path


@pytest.fixture
def run(shop_config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the shop; gives its exit code, output and errors."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--config", str(shop_config)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
