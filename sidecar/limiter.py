"""Rates held per caller, in memory. Bounded: callers that pace themselves need no memory."""

from collections.abc import Callable, Hashable
from ipaddress import IPv6Address, ip_address
from typing import Final

from sidecar.domain.pacing import Pass, Rate, pace, shared

CALLERS_MAX: Final = 100_000
US_PER_S: Final = 1_000_000
_IPV6_PREFIX: Final = 64


def alone() -> int:
    """Return how many processes sell from books that are this one's alone."""
    return 1


class Limiter:
    """One rate for each of any number of callers, of which this process has its part.

    So many `processes` as sell from the same books now hold to the rate together.
    """

    def __init__(
        self, rate: Rate, callers_max: int = CALLERS_MAX, processes: Callable[[], int] = alone
    ) -> None:
        self._rate = rate
        self._callers_max = callers_max
        self._processes = processes
        self._due_us: dict[Hashable, int] = {}

    def wait_s(self, caller: Hashable, now_us: int) -> int:
        """Count a call; return 0 if it may go on, else after how many whole seconds to come again."""
        verdict = pace(self._due_us.get(caller, 0), now_us, self._own_rate())
        if not isinstance(verdict, Pass):
            return -(-verdict.wait_us // US_PER_S)
        self._due_us[caller] = verdict.due_us
        if len(self._due_us) > self._callers_max:
            self._forget(now_us)
        return 0

    def give_back(self, caller: Hashable) -> None:
        """Undo the count of a call that turned out to be none."""
        if caller in self._due_us:
            self._due_us[caller] -= self._own_rate().interval_us

    def _own_rate(self) -> Rate:
        processes = self._processes()
        return self._rate if processes == 1 else shared(self._rate, processes)

    def _forget(self, now_us: int) -> None:
        """Drop who is not early any more; if that makes no room, the longest known go first.

        An eighth at a time: what costs as much as all callers together is not done for each new one.
        """
        self._due_us = {caller: due for caller, due in self._due_us.items() if due > now_us}
        if len(self._due_us) > self._callers_max:
            for caller in list(self._due_us)[: 1 + self._callers_max // 8]:
                del self._due_us[caller]


def address_of(client: tuple[str, int] | None) -> str:
    """Return what counts as one address: an IPv6 network of 64 bits is one household."""
    host = client[0] if client else ""
    if ":" not in host:
        return host
    address = ip_address(host.partition("%")[0])
    assert isinstance(address, IPv6Address), "an address with a colon is of version 6"
    return str(address.ipv4_mapped or IPv6Address(int(address) >> _IPV6_PREFIX << _IPV6_PREFIX))
