"""The metrics page: counted events, and open money as of now."""

import httpx

from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.storage.reading import Reader
from sidecar.domain.events import Answered
from tests.sidecar.shop import NOON_US, Sale, Shop, paid


async def test_the_page_shows_what_was_counted_and_what_is_open(
    anybody: httpx.AsyncClient, metrics: MetricsObserver, shop: Shop
) -> None:
    """Holds, unsettled and unknown money are those of the books at the scrape."""
    metrics.saw(Answered("POST /research", "served", 200))
    await shop.admit(Sale(1))
    await shop.settle(await shop.admit(Sale(2)), paid(Sale(2)))
    await shop.lose(Sale(3, at_us=NOON_US - 90_000_000))
    await shop.serve(Sale(4))
    answer = await anybody.get("/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = set(answer.text.splitlines())
    assert lines >= {
        'sidecar_requests_total{endpoint="POST /research",outcome="served"} 1.0',
        "sidecar_holds_usd 0.15",
        "sidecar_unsettled_usd 0.05",
        "sidecar_unknown_settlements 1.0",
        "sidecar_oldest_unknown_seconds 90.0",
    }


async def test_counters_outlive_the_storage(
    anybody: httpx.AsyncClient, metrics: MetricsObserver, reader: Reader
) -> None:
    """When the books cannot be read, the page still says what happened."""
    metrics.saw(Answered("POST /research", "refused:storage_unavailable", 503))
    await reader.close()
    answer = await anybody.get("/metrics")

    assert answer.status_code == 200
    assert "refused:storage_unavailable" in answer.text
    assert "sidecar_holds_usd" not in answer.text
