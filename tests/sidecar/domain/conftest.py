"""What tests of the decisions share: a seller's books, audited when the test is over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sidecar.builders import Books, open_books


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    async with open_books(tmp_path) as books:
        yield books
