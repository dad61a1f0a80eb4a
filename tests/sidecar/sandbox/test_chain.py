"""The embedded chain's process: the chain contract over HTTP, and what only this chain promises."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sidecar.sandbox import keys, token
from sidecar.sandbox.chain import BODY_MAX, Ticker, allocations
from sidecar.sandbox.evm import Machine
from sidecar.sandbox.node import Node
from sidecar.sandbox.process import Child, Sandbox
from tests.plainly import PLAINLY
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.live_chain import NOBODY, PAYER, SENDER, Chain
from tests.sidecar.sandbox.rpc_contract import RpcContract
from tests.sidecar.sandbox.time_contract import TimeContract
from tests.sidecar.sandbox.token_contract import TokenContract

# JUMPDEST PUSH1 0 JUMP: runs until its gas is gone.
LOOPS = "0x5b600056"


@pytest.fixture(scope="module")
def chain(sandbox: Sandbox) -> Chain:
    return Chain(sandbox.rpc_url)


class TestRpc(RpcContract):
    """The same claims that anvil answers in tests/accept."""


class TestToken(TokenContract):
    """The same claims that anvil answers in tests/accept."""


class TestTime(TimeContract):
    """The same claims that anvil answers in tests/accept, on a chain of their own."""

    @pytest.fixture(scope="class")
    @classmethod
    def chain(cls) -> Iterator[Chain]:
        alone = Child("chain")
        yield Chain(alone.url)
        alone.stop()


def test_a_chain_starts_and_goes_on_in_a_mode() -> None:
    """The mode it was started in holds until another one is set; one that is not known is refused."""
    delayed = Child("chain", "--mode", "delay")
    try:
        chain = Chain(delayed.url)
        late = chain.send(SENDER, to=NOBODY)
        assert chain.get("eth_getTransactionReceipt", late) is None
        assert chain.get("sandbox_setMode", "honest") is None
        assert chain.mined(late)["status"] == 1
        later = chain.get("sandbox_sendLater", chain.signed(SENDER, to=NOBODY), 2)
        assert chain.get("eth_getTransactionReceipt", later) is None
        assert chain.mined(later)["status"] == 1
        assert "one of honest, delay" in chain.error("sandbox_setMode", "nice")["message"]
    finally:
        delayed.stop()


def test_blocks_keep_the_clock(chain: Chain) -> None:
    """However many blocks one second gets, none is ahead of the clock and none before its parent."""
    hashes = [chain.send(SENDER, to=NOBODY, gas=21_000) for _ in range(30)]
    numbers = [chain.mined(each)["blockNumber"] for each in hashes]
    times = [chain.web3.eth.get_block(number)["timestamp"] for number in numbers]
    assert len(set(numbers)) == len(numbers)
    assert times == sorted(times)
    assert times[-1] <= time.time()


def test_expiry_follows_the_clock_of_an_idle_chain(chain: Chain) -> None:
    """An authorization that expires this second is refused although the last block is older."""
    expired = authorizations.signed(PAYER, value=1, salt=10_001, valid_before=int(time.time()))
    call = {"to": token.ADDRESS, "data": expired.calldata()}
    assert "authorization is expired" in chain.error("eth_call", call, "latest")["message"]


def test_an_endless_loop_ends(chain: Chain) -> None:
    """A call's gas is bounded whatever it asks for, and the chain lives on."""
    for asked in ({}, {"gas": "0x1c9c380"}):
        error = chain.error("eth_call", {"data": LOOPS} | asked, "latest")
        assert error["code"] == -32000
    assert chain.get("eth_chainId") == "0x14a34"


def test_a_foreign_chain_s_transaction_is_refused(chain: Chain) -> None:
    """A transaction signed for another chain, or for any, does not get in."""
    foreign = chain.signed(SENDER, to=NOBODY, chainId=1)
    assert chain.error("eth_sendRawTransaction", foreign)["message"] == "invalid chain id for signer"


def test_many_clients_at_once(chain: Chain) -> None:
    """Writers and readers side by side all get consistent answers."""
    payers = keys.BUYERS[:3]
    batches = [
        [chain.signed(each, to=NOBODY, gas=21_000, nonce=chain.nonce(each) + n) for n in range(8)]
        for each in payers
    ]

    def sends(batch: list[str]) -> list[str]:
        return [str(chain.get("eth_sendRawTransaction", raw)) for raw in batch]

    def reads(_: int) -> int:
        return len(chain.get("eth_getLogs", {"fromBlock": "0x0"}))

    with ThreadPoolExecutor(6) as threads:
        sent = threads.map(sends, batches)
        read = threads.map(reads, range(12))
        assert all(count >= 0 for count in read)
        receipts = [chain.mined(each) for batch in sent for each in batch]
    assert {receipt["status"] for receipt in receipts} == {1}


def test_only_small_posts_are_answered(chain: Chain) -> None:
    """A GET is refused as such, and a body beyond the limit unread."""
    assert httpx.get(chain.url, **PLAINLY).status_code == 405
    assert httpx.post(chain.url, content=b" " * (BODY_MAX + 1), **PLAINLY).status_code == 413


def test_an_idle_chain_moves_on(chain: Chain) -> None:
    """Blocks come although nobody sends, so that confirmations do."""
    started = int(chain.get("eth_blockNumber"), 16)
    assert _within_s(10, lambda: int(chain.get("eth_blockNumber"), 16) >= started + 2)


def test_blocks_in_steady_beats() -> None:
    """With a block time a transaction waits for its block, and two of them share it."""
    chain = Child("chain", "--block-time", "1")
    try:
        beat = Chain(chain.url)
        nonce = beat.nonce(SENDER)
        hashes = [beat.send(SENDER, to=NOBODY, nonce=nonce + n) for n in range(2)]
        assert beat.nonce(SENDER) == nonce + 2
        assert len({beat.mined(each)["blockNumber"] for each in hashes}) <= 2
    finally:
        chain.stop()


async def test_a_beat_mines_only_when_nobody_else_did() -> None:
    """The idle clock leaves a chain alone on which transactions make blocks."""
    node = Node(Machine(84532, allocations(), started_s=1), now_s=lambda: 1, automine=True)
    ticker = Ticker(node, None)
    beat = asyncio.create_task(ticker.beat())
    await asyncio.sleep(0)
    node.mine()
    await beat
    assert node.head.header.block_number == 1
    await ticker.beat()
    assert node.head.header.block_number == 2


def _within_s(limit_s: float, happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.1)
    return False
