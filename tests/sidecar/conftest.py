"""What tests of the sidecar share: an open shop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sidecar.shop import Shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path / "side car%31.db")
    shop.store.open()
    yield shop
    await shop.store.close()
