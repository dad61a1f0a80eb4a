"""The metrics page for Prometheus."""

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

from sidecar.adapters.storage.reading import Unreadable
from sidecar.http.operator.resources import Resource, Sources


async def _metrics(_: Request, sources: Sources) -> Response:
    try:
        (money,) = await sources.reader.fetch("gauges", {})
    except Unreadable:
        # What was counted is worth most when the storage is gone.
        return _page(sources.metrics.exposition(None))
    return _page(sources.metrics.exposition(money))


def _page(text: bytes) -> Response:
    return Response(text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


METRICS = Resource("/metrics", "Metrics in Prometheus' text format", _metrics, public=True)
