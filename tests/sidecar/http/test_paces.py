"""Paces: whom a rate is held against, and what a refusal says."""

import pytest

from sidecar.domain.pacing import Rate
from sidecar.domain.refusals import Code, Refusal
from sidecar.http.paces import Paces
from tests.sidecar.builders import an_endpoint

SECOND = 1_000_000
WIDE = Rate(1_000, SECOND)
ALICE, BOB = b"a" * 20, b"b" * 20


def limited(policy: str, wait_s: int) -> Refusal:
    return Refusal(Code.RATE_LIMITED, policy=policy, retry_after_s=wait_s)


def test_an_address_is_held_to_its_rate_before_any_work() -> None:
    """The third payment of a second from one address waits; another address does not."""
    paces = Paces(per_address=Rate(2, SECOND), per_buyer=WIDE)

    answers = [paces.of_address(("192.0.2.1", port), 1) for port in (1, 2, 3)]

    assert answers == [None, None, limited("limits.per_address", 1)]
    assert paces.of_address(("192.0.2.2", 1), 1) is None


def test_a_buyer_is_held_to_its_rate_on_all_endpoints_together() -> None:
    """The base cap counts a wallet's payments wherever they go."""
    paces = Paces(per_address=WIDE, per_buyer=Rate(2, 60 * SECOND))
    endpoints = [an_endpoint(name=name) for name in ("GET /a", "GET /b", "GET /c")]

    answers = [paces.of_buyer(ALICE, endpoint, 1) for endpoint in endpoints]

    assert answers == [None, None, limited("limits.per_buyer", 30)]
    assert paces.of_buyer(BOB, endpoints[0], 1) is None


@pytest.mark.parametrize(("route", "allowed"), [(Rate(1, SECOND), 1), (Rate(3, SECOND), 3)])
def test_a_route_may_have_a_rate_of_its_own(route: Rate, allowed: int) -> None:
    """It counts per buyer and only this route."""
    paces = Paces(per_address=WIDE, per_buyer=WIDE)
    narrow, wide = an_endpoint(name="GET /narrow", rate_limit=route), an_endpoint(name="GET /wide")

    answers = [paces.of_buyer(ALICE, narrow, 1) for _ in range(allowed + 1)]

    assert answers == [None] * allowed + [limited("routes.rate_limit", 1)]
    assert paces.of_buyer(ALICE, wide, 1) is None
    assert paces.of_buyer(BOB, narrow, 1) is None
