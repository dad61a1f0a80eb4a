"""The rates buyers are held to: per address before any work, per buyer always, per route where it says so."""

from collections.abc import Callable

from sidecar.domain.call import Endpoint
from sidecar.domain.pacing import Rate
from sidecar.domain.refusals import Code, Refusal
from sidecar.limiter import Limiter, address_of, alone


class Paces:
    """All limiters of the buyers' listener. A refusal names the setting for the operator."""

    def __init__(self, per_address: Rate, per_buyer: Rate, processes: Callable[[], int] = alone) -> None:
        self._addresses = Limiter(per_address, processes=processes)
        self._buyers = Limiter(per_buyer, processes=processes)
        self._routes: dict[str, Limiter] = {}
        self._processes = processes

    def of_address(self, client: tuple[str, int] | None, now_us: int) -> Refusal | None:
        """Count a payment from an address."""
        return _refusal(self._addresses.wait_s(address_of(client), now_us), "limits.per_address")

    def of_buyer(self, payer: bytes, endpoint: Endpoint, now_us: int) -> Refusal | None:
        """Count a locally valid payment of a buyer for an endpoint."""
        refusal = _refusal(self._buyers.wait_s(payer, now_us), "limits.per_buyer")
        if refusal is None and endpoint.rate_limit is not None:
            fresh = Limiter(endpoint.rate_limit, processes=self._processes)
            limiter = self._routes.setdefault(endpoint.name, fresh)
            refusal = _refusal(limiter.wait_s(payer, now_us), "routes.rate_limit")
        return refusal

    def give_back(self, payer: bytes, endpoint: Endpoint) -> None:
        """Undo the count of a payment that only repeats one: once settled it is public, and anybody may."""
        self._buyers.give_back(payer)
        if endpoint.name in self._routes:
            self._routes[endpoint.name].give_back(payer)


def _refusal(wait_s: int, policy: str) -> Refusal | None:
    return Refusal(Code.RATE_LIMITED, policy=policy, retry_after_s=wait_s) if wait_s else None
