"""Costing: what a call used becomes its cost lines. Nothing that goes wrong here undoes a delivery."""

from ledger.money import Amount
from pricing.cost import CostLine
from pricing.extract import Metered
from sidecar.delivery import Delivery
from sidecar.domain import metering
from sidecar.domain.events import NeedsAttention
from sidecar.services import Services


class Costing:
    """The costs of one call of *endpoint*; *tariff* is what the seller says any call of it costs."""

    def __init__(self, services: Services, call: str, endpoint: str, tariff: Amount | None) -> None:
        self._s = services
        self._call = call
        self._endpoint = endpoint
        self._tariff = tariff

    async def measured(self, delivery: Delivery) -> Metered | None:
        """Close the delivery and return what the answer used; None if that cannot be told."""
        try:
            return await delivery.metered()
        except Exception as defect:
            self._note(defect)
            return None

    def lines(
        self, metered: Metered | None, declared: bytes = b"", gateway: bytes = b""
    ) -> tuple[CostLine, ...]:
        """Return the cost lines to book; a cost that cannot be reckoned is an unknown one.

        *declared* is the agent's own `Sidecar-Cost`, *gateway* what a gateway in
        between said the answer cost.
        """
        try:
            now_us = self._s.clock.now_us()
            return metering.cost_lines(
                metered,
                declared,
                self._tariff,
                self._s.cards,
                now_us,
                gateway=gateway,
                tariffs=self._s.tariffs,
                endpoint=self._endpoint,
            )
        except Exception as defect:
            self._note(defect)
            return (metering.unmetered(),)

    def _note(self, defect: Exception) -> None:
        self._s.observer.saw(NeedsAttention("metering_failed", type(defect).__name__, self._call))
