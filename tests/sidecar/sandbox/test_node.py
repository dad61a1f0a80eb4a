"""The node: what it takes, when it mines, and under which time calls run."""

import pytest

from sidecar.sandbox import keys, token
from sidecar.sandbox.evm import CALL_GAS_MAX, Call
from sidecar.sandbox.node import CallFailed, Node, TransactionRefused, call_gas
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.transactions import GWEI, STARTED_S, ManualClock, a_node, raw

USDC = bytes.fromhex(token.ADDRESS[2:])
SENDER = bytes.fromhex(keys.FACILITATOR.address[2:])


def a_settlement(**fields: int) -> Call:
    """Call transferWithAuthorization."""
    authorization = authorizations.signed(keys.BUYERS[0], value=5, salt=1, **fields)  # type: ignore[arg-type]  # ints only
    return Call(SENDER, USDC, bytes.fromhex(authorization.calldata()[2:]), wei=0, gas=500_000)


def blocks(node: Node) -> int:
    """Count the blocks after genesis."""
    return int(node.head.header.block_number)


def test_each_transaction_gets_its_block() -> None:
    """With automine the receipt is there when submit returns."""
    node = a_node()
    for nonce in range(3):
        place = node.history.place(node.submit(raw(nonce)))
        assert place is not None
        assert place.block is node.head
    assert blocks(node) == 3


def test_a_gap_waits_and_shares_a_block() -> None:
    """What cannot run yet makes no block; what fills the gap brings the others along."""
    node = a_node()
    node.submit(raw(1))
    assert (blocks(node), len(node.pool)) == (0, 1)
    node.submit(raw(0))
    assert (blocks(node), len(node.pool), len(node.head.mined)) == (1, 0, 2)


def test_without_automine_transactions_wait_for_the_beat() -> None:
    """Only mining makes blocks, with everything that waited."""
    node = a_node(automine=False)
    for nonce in range(2):
        node.submit(raw(nonce))
    assert blocks(node) == 0
    assert len(node.mine().mined) == 2


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "invalid transaction"),
        (b"\x02\xc0", "invalid transaction"),
        (b"\x03\xc0", "invalid transaction"),
        (raw(0)[:-1] + b"\x00", "(invalid transaction|insufficient funds)"),
        (raw(0, chainId=1), "invalid chain id for signer"),
        (raw(0, gas=20_999), "intrinsic gas too low"),
        (raw(0, gas=30_000_001), "exceeds block gas limit"),
        (raw(0, gasPrice=1), "max fee per gas less than block base fee"),
        (raw(0, sender=keys.PENNILESS), "insufficient funds"),
        (raw(0, value=10**30), "insufficient funds"),
        (
            raw(
                0,
                maxFeePerGas=2 * GWEI,
                maxPriorityFeePerGas=1,
                maxFeePerBlobGas=1,
                blobVersionedHashes=["0x01" + "00" * 31],
            ),
            "transaction type not supported",
        ),
    ],
)
def test_refused_at_the_door(sent: bytes, reason: str) -> None:
    """What can never run is refused with a node's usual words, and does not wait."""
    node = a_node()
    with pytest.raises(TransactionRefused, match=reason):
        node.submit(sent)
    assert (len(node.pool), blocks(node)) == (0, 0)


def test_a_call_runs_now_and_a_past_block_runs_then() -> None:
    """On an idle chain the clock decides over an authorization; under a block's number that block does."""
    clock = ManualClock()
    node = a_node(clock)
    call = a_settlement(valid_after=STARTED_S, valid_before=STARTED_S + 10)
    with pytest.raises(CallFailed):
        node.call(call, None)
    clock.now_s += 5
    assert node.call(call, None) == b""
    with pytest.raises(CallFailed):
        node.call(call, node.head)
    clock.now_s += 5
    with pytest.raises(CallFailed):
        node.call(call, None)


def test_an_estimate_suffices() -> None:
    """A transaction with the estimated gas succeeds; without enough to try, the estimate fails."""
    node = a_node()
    call = a_settlement()
    estimated = node.estimate(call, None)
    sent = raw(0, to=token.ADDRESS, data=call.data, gas=estimated, value=0)
    place = node.history.place(node.submit(sent))
    assert place is not None
    assert place.mined.succeeded
    assert place.mined.gas_used <= estimated < place.mined.gas_used * 1.2
    with pytest.raises(CallFailed):
        node.estimate(call, None)  # the authorization is used now


def test_a_call_s_gas_is_bounded() -> None:
    """Nobody gets more gas than the limit, and what is asked below it is kept."""
    assert call_gas(None) == call_gas(2**60) == CALL_GAS_MAX
    assert call_gas(50_000) == 50_000


def test_the_suggested_fee_follows_the_chain() -> None:
    """The base fee falls on an idle chain, and a transaction at it is still taken."""
    node = a_node()
    started = node.base_fee()
    for _ in range(5):
        node.mine()
    assert node.base_fee() < started
    node.submit(raw(0, gasPrice=node.base_fee()))
