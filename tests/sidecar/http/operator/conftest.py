"""An operator listener over a real shop."""

from collections.abc import AsyncIterator

import httpx
import pytest

from ledger.signing import Signer
from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.storage.reading import Reader
from sidecar.http.operator.app import operator_app
from tests.sidecar.shop import NOON_US, Shop

TOKEN = "operator-token-1"
POLICIES: dict[str, object] = {"exposure": {}}
SIGNER = Signer(bytes(range(32)))


class StoppedClock:
    def now_us(self) -> int:
        return NOON_US

    def monotonic_us(self) -> int:
        return 0


@pytest.fixture
def states() -> dict[str, tuple[bool, str]]:
    return {"storage": (True, ""), "facilitator": (True, "answered")}


@pytest.fixture
def metrics() -> MetricsObserver:
    return MetricsObserver(StoppedClock())


@pytest.fixture
async def reader(shop: Shop) -> AsyncIterator[Reader]:
    reader = Reader(shop.path)
    await reader.open()
    yield reader
    await reader.close()


@pytest.fixture
async def anybody(
    shop: Shop, reader: Reader, metrics: MetricsObserver, states: dict[str, tuple[bool, str]]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    app = operator_app(
        reader=reader,
        metrics=metrics,
        token=TOKEN,
        readiness=lambda: states,
        clock=StoppedClock(),
        audit_place=shop.path,
        in_force=POLICIES,
        signer=SIGNER,
        storage=shop.store,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://operator") as client:
        yield client


@pytest.fixture
async def operator(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same client with the token."""
    anybody.headers["Authorization"] = f"Bearer {TOKEN}"
    return anybody
