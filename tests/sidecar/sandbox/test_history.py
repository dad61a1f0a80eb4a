"""What was mined is found by each of its names, and logs by their filter."""

from dataclasses import replace

import pytest

from sidecar.sandbox import keys, token
from sidecar.sandbox.evm import Log
from sidecar.sandbox.history import History, LogFilter, TooManyLogs
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.transactions import STARTED_S, a_machine, raw, signed

A, B, C = (bytes([n]) * 32 for n in (1, 2, 3))
ANY = LogFilter(0, 0, frozenset(), ())


def a_history() -> History:
    """Give a chain of three blocks: genesis, two plain transfers, two settlements of one token."""
    machine = a_machine()
    history = History(machine.genesis)
    settlements = [
        machine.decoded(raw(2 + n, to=token.ADDRESS, data=each.calldata(), gas=500_000, value=0))
        for n, each in enumerate(
            authorizations.signed(keys.BUYERS[0], value=5, salt=salt) for salt in range(2)
        )
    ]
    for transactions in ([signed(0), signed(1)], settlements):
        history.append(machine.seal(history.head.header, STARTED_S, transactions).block)
    return history


def test_found_by_number_hash_and_transaction() -> None:
    """Blocks and transactions are found; what never was is not."""
    history = a_history()
    block = history.head
    assert history.at(2) is history.by_hash(block.header.hash) is block
    assert history.at(3) is history.at(-1) is history.by_hash(A) is None
    assert history.place(A) is None
    places = list(history.places(block))
    assert [place.index for place in places] == [0, 1]
    assert history.place(block.mined[1].transaction.hash) == places[1]
    assert places[1].mined is block.mined[1]


def test_logs_are_numbered_within_their_block() -> None:
    """The second transaction's logs go on where the first one's stop."""
    history = a_history()
    found = history.logs(replace(ANY, last_block=2))
    assert [each.number for each in found] == [0, 1, 2, 3]
    assert [each.place.index for each in found] == [0, 0, 1, 1]
    assert history.logs(replace(ANY, last_block=1)) == []


@pytest.mark.parametrize(
    ("topics", "wanted"),
    [
        ((), True),
        ((None,), True),
        ((frozenset({A}),), True),
        ((frozenset({B}),), False),
        ((frozenset({B, A}), None), True),
        ((None, frozenset({B})), True),
        ((None, None, None), False),
    ],
)
def test_topics_match_by_position(topics: tuple[frozenset[bytes] | None, ...], wanted: bool) -> None:
    """Each position is any, one, or one of several; a log with too few topics does not match."""
    assert replace(ANY, topics=topics).wants(Log(bytes(20), (A, B), b"")) is wanted


def test_addresses_are_alternatives() -> None:
    """No address is any address."""
    here, there = bytes(20), bytes([1]) * 20
    assert replace(ANY, addresses=frozenset({here, there})).wants(Log(here, (), b""))
    assert not replace(ANY, addresses=frozenset({there})).wants(Log(here, (), b""))


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More logs than the limit are an error, not a long answer."""
    monkeypatch.setattr("sidecar.sandbox.history.LOGS_MAX", 3)
    with pytest.raises(TooManyLogs):
        a_history().logs(replace(ANY, last_block=2))


def test_forgotten_blocks_are_found_by_nothing() -> None:
    """After a rewind neither block, transaction nor log is found, and the chain goes on from there."""
    history = a_history()
    first, last = history.at(1), history.head
    assert first is not None
    assert history.rewind(1) == [last]
    assert history.head is first
    assert history.at(2) is history.by_hash(last.header.hash) is None
    assert history.place(last.mined[0].transaction.hash) is None
    assert history.logs(replace(ANY, last_block=9)) == []
    history.append(last)
    assert len(history.logs(replace(ANY, last_block=9))) == 4
    assert history.rewind(2) == []


def test_a_block_must_follow_the_head() -> None:
    """A block of another parent is a programmer's error and changes nothing."""
    history = a_history()
    head, stranger = history.head, a_machine().seal(a_machine().genesis.header, STARTED_S, []).block
    with pytest.raises(AssertionError):
        history.append(stranger)
    assert history.head is head
