"""Payments for the sandbox's facilitator, and how they are put to it. For its tests."""

from dataclasses import dataclass
from typing import Any

import httpx

from sidecar.sandbox import buyer, keys
from sidecar.sandbox.process import Sandbox

PRICE = 50_000


@dataclass(frozen=True)
class Caller:
    """Somebody who asks a sandbox's facilitator, as a sidecar does."""

    sandbox: Sandbox
    client: httpx.Client

    @property
    def offer(self) -> dict[str, Any]:
        """What is asked for."""
        return buyer.exact(
            network=self.sandbox.network, asset=self.sandbox.asset, pay_to=self.sandbox.pay_to, units=PRICE
        )

    def payment(self, account: keys.TestAccount = keys.BUYERS[1]) -> dict[str, Any]:
        """Sign a payment of the offer."""
        return buyer.sign(account.private_key, buyer.offer(self.offer))

    def ask(self, endpoint: str, payment: Any, requirements: Any = None) -> httpx.Response:
        """Send a payment to /verify or /settle."""
        body = {
            "x402Version": 2,
            "paymentPayload": payment,
            "paymentRequirements": requirements or self.offer,
        }
        return self.client.post(f"{self.sandbox.facilitator_url}/{endpoint}", json=body)

    def verify(self, payment: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("verify", payment).json()
        return answer

    def settle(self, payment: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("settle", payment).json()
        return answer
