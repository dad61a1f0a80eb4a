"""Work: asking the agent is told with its time, and what it answers is metered by its own kind."""

from pathlib import Path

import pytest

from sidecar.domain.events import UpstreamAnswered
from tests.sidecar.fakes import Says
from tests.sidecar.stall import JSON, open_stall


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "served"), (204, "served"), (302, "failed"), (500, "failed")]
)
async def test_work_counts_as_done_only_within_2xx(tmp_path: Path, status: int, outcome: str) -> None:
    """What the agent says it did decides who pays for it; how it answered is told once."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [Says(status, headers=JSON)]
        await stall.buy()

        (answered,) = stall.observer.of(UpstreamAnswered)
        assert (answered.call, answered.status) == ("call_1", status)
        assert stall.books.select("SELECT outcome FROM calls") == [(outcome,)]
