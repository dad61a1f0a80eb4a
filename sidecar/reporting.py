"""Reporting: takes an agent's cost reports off the wire and into the books. Knows no HTTP.

The call token says whose costs they are; the agent names no call itself.
"""

from functools import partial
from typing import Final

from sidecar.domain import reports
from sidecar.domain.events import CostsReported
from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.domain.reporting import Bounds, Status, Taken, notes, report_unit
from sidecar.ports import StorageUnavailable
from sidecar.services import Services
from sidecar.tokens import BadToken, Tokens
from sidecar.x402.bounded_json import read_objects

US_PER_S: Final = 1_000_000
_NO_REPORTS: Final = (
    "The body is one report or a list of reports, in strict JSON; numbers are whole, "
    'and an amount is a string, such as "0.0036".'
)


class Reporting:
    """Takes reports. One instance serves all calls."""

    def __init__(self, services: Services, tokens: Tokens, bounds: Bounds) -> None:
        self._s = services
        self._tokens = tokens
        self._bounds = bounds

    def call_of(self, token: str) -> str | ReportsRefused:
        """Return the call that *token* opens."""
        match self._tokens.call_of(token, self._s.clock.now_us() // US_PER_S):
            case BadToken.INVALID:
                return ReportsRefused(Code.UNAUTHORIZED)
            case BadToken.EXPIRED:
                return ReportsRefused(Code.EXPIRED)
            case str(call):
                return call

    async def take(self, call: str, raw: bytes) -> Taken | ReportsRefused:
        """Take the reports that *raw* is, all or none of them; durable when it returns."""
        now_us = self._s.clock.now_us()
        documents = read_objects(raw)
        if documents is None:
            return ReportsRefused(Code.REPORTS_MALFORMED, _NO_REPORTS)
        if len(documents) > self._bounds.reports_max:
            return ReportsRefused(Code.REPORTS_TOO_MANY)
        found = reports.read(documents, self._s.cards, now_us)
        if isinstance(found, reports.Malformed):
            return ReportsRefused(Code.REPORTS_MALFORMED, found.reason)
        unit = partial(
            report_unit,
            call=call,
            reports=found,
            bounds=self._bounds,
            now_us=now_us,
            tariffs=self._s.tariffs,
        )
        try:
            taken = await self._s.commits.once(unit)
        except StorageUnavailable:
            return ReportsRefused(Code.STORAGE_UNAVAILABLE)
        if isinstance(taken, Taken):
            self._tell(call, taken)
        return taken

    def _tell(self, call: str, taken: Taken) -> None:
        counts = {status: sum(each is status for _, each in taken.items) for status in Status}
        self._s.observer.saw(
            CostsReported(call, taken.endpoint, counts[Status.BOOKED], counts[Status.EVIDENCE], taken.changes)
        )
        for note in notes(call, taken.disputes):
            self._s.observer.saw(note)
