"""Each mode does what it says, on a node of its own."""

import pytest

from sidecar.sandbox import keys, token
from sidecar.sandbox.chain_modes import HONEST, MODES
from sidecar.sandbox.history import FoundLog, LogFilter
from sidecar.sandbox.node import Node
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.transactions import ManualClock, a_node, raw

TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
USED = bytes.fromhex("98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5")
FACILITATOR = bytes.fromhex(keys.FACILITATOR.address[2:])


def a_node_that(mode: str) -> Node:
    node = a_node(ManualClock())
    node.behave(MODES[mode])
    return node


def settlement(nonce: int, salt: int = 1) -> bytes:
    authorization = authorizations.signed(keys.BUYERS[0], value=5, salt=salt)
    return raw(nonce, to=token.ADDRESS, data=authorization.calldata(), gas=500_000, value=0)


def found(node: Node, topic: bytes) -> list[FoundLog]:
    everything = LogFilter(0, 10**6, frozenset(), (frozenset({topic}),))
    return list(node.history.logs(everything))


def height(node: Node) -> int:
    return int(node.head.header.block_number)


def test_the_default_mines_at_once() -> None:
    """An honest chain has the receipt when the transaction is taken, and keeps it."""
    node = a_node_that(HONEST)
    sent = node.submit(settlement(0))
    for _ in range(5):
        node.mine()
    place = node.history.place(sent)
    assert place is not None
    assert place.block.header.block_number == 1


def test_delay() -> None:
    """The transaction waits for three blocks, and what its sender sends after it shares its block."""
    node = a_node_that("delay")
    first = node.submit(settlement(0))
    node.mine()
    second = node.submit(settlement(1, salt=2))
    for _ in range(2):
        node.mine()
        assert node.history.place(first) is None
    assert node.pool.next_nonce(FACILITATOR, state_nonce=0) == 2
    node.mine()
    assert node.history.place(first) is not None
    assert node.history.place(second) is None
    node.mine()
    assert node.history.place(second) is not None


@pytest.mark.parametrize(("mode", "comes_back"), [("reorg", True), ("reorg-lost", False)])
def test_reorganisations(mode: str, comes_back: bool) -> None:
    """Two blocks are replaced, once; the chain only ever grows, and the transaction comes back or never."""
    node = a_node_that(mode)
    sent = node.submit(settlement(0))
    held = node.head
    node.mine()
    assert node.history.place(sent) is not None
    node.mine()
    assert node.history.place(sent) is None
    assert node.history.at(1) is not held
    assert node.history.by_hash(held.header.hash) is None
    assert height(node) == 3
    assert (node.pool.find(sent) is not None) is comes_back
    for _ in range(6):
        node.mine()
    assert (node.history.place(sent) is not None) is comes_back
    assert len(found(node, TRANSFER)) == comes_back
    assert height(node) == 9


def test_only_what_was_sent_in_the_mode_is_at_stake() -> None:
    """A transaction from before stays, and one that stood above what was undone comes back at once."""
    node = a_node()
    before = node.submit(settlement(0))
    node.behave(MODES["reorg-lost"])
    for _ in range(3):
        node.mine()
    assert node.history.place(before) is not None

    lost = node.submit(settlement(1, salt=2))
    node.behave(MODES[HONEST])
    above = node.submit(raw(0, sender=keys.BUYERS[1]))
    node.behave(MODES["reorg-lost"])
    node.mine()
    assert node.history.place(lost) is None
    assert node.history.place(before) is not None
    assert node.history.place(above) is not None


def test_the_sender_of_a_lost_transaction_can_go_on() -> None:
    """Its nonce is free again, and the next settlement is not undone a second time for it."""
    node = a_node_that("reorg-lost")
    node.submit(settlement(0))
    for _ in range(2):
        node.mine()
    node.behave(MODES[HONEST])
    assert node.history.place(node.submit(settlement(0, salt=2))) is not None


def test_frontrun() -> None:
    """The money moves in the rival's transaction, and the facilitator's reverts behind it."""
    node = a_node_that("frontrun")
    sent = node.submit(settlement(0))
    rivals, facilitators = node.head.mined
    assert bytes(facilitators.transaction.hash) == sent
    assert (rivals.succeeded, facilitators.succeeded) == (True, False)
    (moved,) = found(node, TRANSFER)
    assert moved.place.mined is rivals
    assert node.submit(raw(1)) is not None
    assert len(node.head.mined) == 1


def test_silent_nonce() -> None:
    """The facilitator's transaction succeeds and moves nothing; back in honest mode it would revert."""
    node = a_node_that("silent-nonce")
    node.submit(settlement(0))
    rivals, facilitators = node.head.mined
    assert rivals.succeeded
    assert facilitators.succeeded
    assert len(found(node, TRANSFER)) == len(found(node, USED)) == 1
    assert len(facilitators.logs) == 1
    assert facilitators.logs[0].topics[0] not in {TRANSFER, USED}

    node.behave(MODES[HONEST])
    again = node.history.place(node.submit(settlement(1)))
    assert again is not None
    assert not again.mined.succeeded
