"""The pool hands out transactions in nonce order, whatever order they came in."""

import pytest
from eth.abc import SignedTransactionAPI
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sandbox import keys
from sidecar.sandbox.mempool import Mempool, PoolRefused
from tests.sidecar.sandbox.transactions import GWEI, signed

FIVE = [signed(nonce) for nonce in range(5)]
SENDER = FIVE[0].sender


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)))
def test_only_an_unbroken_run_is_taken(order: list[int], missing: set[int]) -> None:
    """From any arrival order comes the run up to the first gap; the rest goes on waiting."""
    pool = Mempool()
    for nonce in order:
        if nonce not in missing:
            pool.add(FIVE[nonce], state_nonce=0)
    run = min(missing, default=5)

    assert pool.next_nonce(SENDER, state_nonce=0) == run
    assert pool.take(lambda _: 0, block=1, gas_max=10**9) == FIVE[:run]
    assert len(pool) == 5 - run - len({nonce for nonce in missing if nonce > run}) - (run < 5)


def test_a_block_s_gas_bounds_what_is_taken() -> None:
    """What does not fit waits for the next block, in order."""
    pool = Mempool()
    for each in FIVE:
        pool.add(each, state_nonce=0)
    assert pool.take(lambda _: 0, block=1, gas_max=2 * 21_000) == FIVE[:2]
    assert pool.take(lambda _: 2, block=1, gas_max=10**9) == FIVE[2:]


def test_what_waits_for_a_block_holds_up_what_follows_it() -> None:
    """A transaction is taken for its first block and none before, and neither are the sender's later ones."""
    pool = Mempool()
    pool.add(FIVE[0], state_nonce=0, first_block=7)
    pool.add(FIVE[1], state_nonce=0)
    assert pool.take(lambda _: 0, block=6, gas_max=10**9) == []
    assert pool.next_nonce(SENDER, state_nonce=0) == 2
    assert pool.take(lambda _: 0, block=7, gas_max=10**9) == FIVE[:2]


@pytest.mark.parametrize(
    ("late", "state_nonce", "reason"),
    [
        (signed(1), 1, "already known"),
        (signed(0), 1, "nonce too low: next nonce 1, tx nonce 0"),
        (signed(1, value=2), 1, "replacement transaction underpriced"),
        (signed(1, gasPrice=2 * GWEI * 109 // 100), 1, "replacement transaction underpriced"),
    ],
)
def test_refusals(late: SignedTransactionAPI, state_nonce: int, reason: str) -> None:
    """Known, old and hardly better paid transactions are refused, and nothing changes."""
    pool = Mempool()
    pool.add(FIVE[1], state_nonce=1)
    with pytest.raises(PoolRefused, match=reason):
        pool.add(late, state_nonce=state_nonce)
    assert pool.take(lambda _: 1, block=1, gas_max=10**9) == [FIVE[1]]


def test_a_clearly_better_price_replaces() -> None:
    """A tenth more pays for taking the place of a waiting transaction."""
    pool = Mempool()
    better = signed(0, gasPrice=2 * GWEI * 110 // 100)
    pool.add(FIVE[0], state_nonce=0)
    pool.add(better, state_nonce=0)
    assert pool.find(FIVE[0].hash) is None
    assert pool.take(lambda _: 0, block=1, gas_max=10**9) == [better]


def test_the_pool_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit nothing more is taken, except in place of another."""
    monkeypatch.setattr("sidecar.sandbox.mempool.WAITING_MAX", 1)
    pool = Mempool()
    pool.add(FIVE[0], state_nonce=0)
    with pytest.raises(PoolRefused, match="txpool is full"):
        pool.add(signed(0, sender=keys.BUYERS[0]), state_nonce=0)
    pool.add(signed(0, gasPrice=3 * GWEI), state_nonce=0)
    assert len(pool) == 1
