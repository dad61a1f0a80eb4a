"""What tests of the sidecar share: an open shop, and sockets whose peers follow a script."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sidecar.adapters.conftest import listen
from tests.sidecar.shop import Shop

__all__ = ["listen", "shop"]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path / "side car%31.db")
    shop.store.open()
    yield shop
    await shop.store.close()
