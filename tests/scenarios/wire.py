"""A buyer with the official Python client, and all that leaves it and comes back."""

from typing import Final

import httpx

from sidecar.sandbox import buyer
from sidecar.sandbox.keys import TestAccount
from tests.plainly import PLAINLY

HEADER: Final = "payment-signature"


class Wire(httpx.AsyncHTTPTransport):
    """What leaves the official client, and what comes back."""

    def __init__(self) -> None:
        super().__init__(**PLAINLY)
        self.statuses: list[int] = []
        self.payments: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request."""
        if HEADER in request.headers:
            self.payments.append(request.headers[HEADER])
        answer = await super().handle_async_request(request)
        self.statuses.append(answer.status_code)
        return answer


async def paid(
    url: str, payer: TestAccount, wire: Wire, *, method: str = "POST", content: bytes | None = None
) -> httpx.Response:
    """Let the client buy one call, within its default spend limits; it raises PaymentError if it will not."""
    async with buyer.paying_client(payer.private_key, wire, timeout=60) as paying:
        return await paying.request(method, url, content=content)
