"""A lease that ran out is taken over once its writer is not in the midst of writing, and never before."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.direct import Direct
from ledger.stores.postgres.leases import Begun, Fenced, Lease, fence_expired, living
from ledger.stores.postgres.schema import migrate

Connections = tuple["psycopg.Connection[Any]", "psycopg.Connection[Any]"]


@pytest.fixture
def pair(postgres: str) -> Iterator[Connections]:
    with connect(postgres) as first, connect(postgres) as second:
        migrate(first, "here", ())
        yield first, second


def test_a_living_writer_is_left_alone(pair: Connections) -> None:
    """While its lease runs nobody fences it."""
    Lease("a", 60).enter(pair[0])

    assert fence_expired(pair[1], "b") == []
    assert living(pair[1]) == ["a"]


def begun(lease: Lease, connection: "psycopg.Connection[Any]") -> Begun:
    """Begin a group, and send it."""
    learned: list[Begun] = []
    direct = Direct(connection)
    lease.begin_group(direct, learned.append, 7)
    direct.flush()
    return learned[0]


def test_an_expired_writer_is_fenced(pair: Connections) -> None:
    """After that it can neither renew nor begin to write."""
    lease = Lease("a", -1)
    lease.enter(pair[0])

    assert fence_expired(pair[1], "b") == ["a"]
    assert living(pair[1]) == []
    with pytest.raises(Fenced, match="the lease of a ran out"):
        lease.renew(pair[0])
    with pytest.raises(Fenced):
        begun(lease, pair[0])


def test_an_expired_writer_that_nobody_fenced_goes_on(pair: Connections) -> None:
    """Time alone takes nothing away."""
    lease = Lease("a", -1)
    lease.enter(pair[0])

    assert not lease.renew(pair[0])
    begun(lease, pair[0])


def test_who_renews_hears_whether_it_was_late(pair: Connections) -> None:
    """A lease that had run out was nobody's protection."""
    lease = Lease("a", 60)
    lease.enter(pair[0])
    assert lease.renew(pair[0])

    pair[1].execute("UPDATE writers SET until = clock_timestamp()")

    assert not lease.renew(pair[0])
    assert lease.renew(pair[0])


def test_who_is_in_the_midst_of_writing_is_not_fenced(pair: Connections) -> None:
    """A group that has begun is committed before its writer can be fenced."""
    lease = Lease("a", -1)
    lease.enter(pair[0])
    number = begun(lease, pair[0]).number

    assert fence_expired(pair[1], "b") == []
    assert lease.is_committed(pair[1], 7, number) is None
    pair[0].execute("COMMIT")
    assert lease.is_committed(pair[1], 7, number) is True
    assert fence_expired(pair[1], "b") == ["a"]


def test_nobody_fences_itself(pair: Connections) -> None:
    """A writer that was slow to renew does not end itself."""
    Lease("a", -1).enter(pair[0])

    assert fence_expired(pair[0], "a") == []


def test_who_leaves_is_taken_over_at_once(pair: Connections) -> None:
    """An orderly end leaves what is open to others."""
    lease = Lease("a", 60)
    lease.enter(pair[0])
    lease.leave(pair[0])

    assert living(pair[1]) == []
    with pytest.raises(Fenced):
        begun(lease, pair[0])
