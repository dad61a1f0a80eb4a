"""Sold: a priced route as the listener needs it, its sale beside the 402s of its prices.

A 402 is made once for each price and then kept; the one at the list's lowest price, which
for a fixed price is the only one, is ready before the first request.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final

from sidecar.domain.call import Endpoint
from sidecar.domain.refusals import Refusal
from sidecar.domain.requests import Request
from sidecar.domain.sales import Sale
from sidecar.domain.target import Target
from sidecar.fields import values
from sidecar.http.paid_body import SPOOL_BYTES, PaidBody
from sidecar.ports import Headers
from sidecar.x402.challenge import Challenge

CHALLENGES_KEPT: Final = 256
"""How many 402s of a route are kept; each is a few kilobytes."""


class Sold:
    """What is sold on one route, and how it is asked for."""

    def __init__(self, sale: Sale, prepare: Callable[[Endpoint], Challenge]) -> None:
        self.sale = sale
        self._prepare = prepare
        self._kept: OrderedDict[tuple[int, int], Challenge] = OrderedDict()
        self.challenge(sale.endpoint)

    async def read(self, target: Target, fields: Headers, body: PaidBody) -> Request | Refusal:
        """Read what the price depends on; a large body elsewhere, so that the others do not wait for it."""
        if not self.sale.reads_body:
            return Request(target)
        kinds, codings = (values(fields, name) for name in (b"content-type", b"content-encoding"))
        reading = partial(self.sale.read, target, body.raw(), kinds, codings)
        return reading() if body.size <= SPOOL_BYTES else await asyncio.to_thread(reading)

    def challenge(self, endpoint: Endpoint) -> Challenge:
        """Return the 402 that asks for the price of *endpoint*, one of the sale's own."""
        key = (endpoint.price_version, endpoint.price.units)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._prepare(endpoint)
            if len(self._kept) > CHALLENGES_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found
