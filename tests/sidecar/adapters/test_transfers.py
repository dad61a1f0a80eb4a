"""What moved to and from an address, read from a real EVM; and nothing a node may say instead is believed."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import pytest
import pytest_asyncio

from sidecar.adapters.chain import TRANSFER
from sidecar.adapters.rpc import OddAnswer, Question, Rpc
from sidecar.adapters.transfers import BATCH, RpcTransfers
from sidecar.domain.transfers import TransferLog
from sidecar.ports import AnswerLost, Fault, TimedOut
from sidecar.sandbox import keys, token
from sidecar.sandbox.process import Sandbox
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.live_chain import SENDER, Chain

T = TypeVar("T")

USDC = bytes.fromhex(token.ADDRESS[2:])
PAYER = keys.BUYERS[3]


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def word(number: int) -> str:
    return f"{number:064x}"


@pytest_asyncio.fixture
async def transfers(sandbox: Sandbox) -> AsyncIterator[RpcTransfers]:
    reader = RpcTransfers([sandbox.rpc_url])
    yield reader
    await reader.close()


def height(chain: Chain) -> int:
    return int(chain.get("eth_blockNumber"), 16)


# Not the address that other tests count on having nothing.
STRANGER = "0x" + "00" * 19 + "98"


@pytest.mark.parametrize("piece_blocks_max", [10_000, 1])
async def test_both_directions_are_found(sandbox: Sandbox, piece_blocks_max: int) -> None:
    """What came, what left and what went round are found once each, in order; what others moved is not."""
    chain, own, seller = Chain(sandbox.rpc_url), keys.BUYERS[2], raw(keys.BUYERS[2].address)
    before = height(chain)
    chain.give(PAYER, own.address, 11)
    chain.give(own, own.address, 12)
    chain.give(own, STRANGER, 13)
    chain.give(PAYER, STRANGER, 14)
    after = height(chain)
    transfers = RpcTransfers([sandbox.rpc_url], piece_blocks_max=piece_blocks_max)
    passed: list[int] = []
    found = await transfers.moved(USDC, seller, from_block=before + 1, to_block=after, passed=passed.append)
    assert passed == sorted(passed)
    assert (passed[-1], len(passed)) == (after, -((before - after) // piece_blocks_max))
    assert [(log.payer, log.pay_to, log.value) for log in found] == [
        (raw(PAYER.address), seller, 11),
        (seller, seller, 12),
        (seller, raw(STRANGER), 13),
    ]
    assert await transfers.moved(USDC, seller, from_block=after + 1, to_block=after) == ()
    balances = [await transfers.balance(USDC, seller, block) for block in (before, after)]
    assert balances[1] - balances[0] == 11 - 13
    times = await transfers.times_s(log.block for log in found)
    assert set(times) == {log.block for log in found}
    assert sorted(times.values()) == [times[block] for block in sorted(times)]
    await transfers.close()


async def test_an_authorization_is_a_transfer_like_any_other(
    sandbox: Sandbox, transfers: RpcTransfers
) -> None:
    """A settlement is found by its recipient alone."""
    chain = Chain(sandbox.rpc_url)
    authorization = authorizations.signed(PAYER, value=17, salt=808)
    receipt = chain.mined(chain.send(SENDER, to=token.ADDRESS, data=authorization.calldata()))
    block = receipt["blockNumber"]
    (log,) = await transfers.moved(USDC, raw(sandbox.pay_to), from_block=block, to_block=block)
    assert log == TransferLog(
        transaction=receipt["transactionHash"].to_0x_hex(),
        log_index=log.log_index,
        block=block,
        payer=raw(PAYER.address),
        pay_to=raw(sandbox.pay_to),
        value=17,
    )


async def test_times_of_many_blocks(sandbox: Sandbox, transfers: RpcTransfers) -> None:
    """More blocks than fit one batch are asked for in several; a block that is not there is a fault."""
    chain = Chain(sandbox.rpc_url)
    while height(chain) <= BATCH:
        chain.get("evm_mine")
    assert len(await transfers.times_s(range(BATCH + 1))) == BATCH + 1
    assert await transfers.times_s([]) == {}
    with pytest.raises(Fault):
        await transfers.times_s([10**9])


async def test_a_block_the_node_has_not_seen_is_a_fault(sandbox: Sandbox, transfers: RpcTransfers) -> None:
    """'Nothing up to block N' from a node that stands before N would be no evidence."""
    with pytest.raises(Fault, match="not seen"):
        await transfers.moved(USDC, raw(sandbox.pay_to), from_block=10**9, to_block=10**9 + 5)
    with pytest.raises(Fault):
        await transfers.balance(USDC, raw(sandbox.pay_to), 10**9)


async def test_a_range_beyond_the_limit_is_refused_before_it_is_asked(nobody: str) -> None:
    """The sentence says what to do."""
    transfers = RpcTransfers([nobody], piece_blocks_max=10, pieces_max=3)
    with pytest.raises(Fault, match="later first block"):
        await transfers.moved(USDC, bytes(20), from_block=0, to_block=30)
    with pytest.raises(Fault, match="rpc"):
        await transfers.moved(USDC, bytes(20), from_block=0, to_block=29)


class CrowdedRpc:
    """A node that refuses any range with more than so many blocks, or is silent."""

    def __init__(self, inner: Rpc, blocks_max: int, fault: type[Fault] = AnswerLost) -> None:
        self._inner = inner
        self._blocks_max = blocks_max
        self._fault = fault
        self.asked = 0

    async def ask(self, questions: Sequence[Question], read: Callable[[Sequence[object]], T]) -> T:
        self.asked += 1
        wanted = cast("dict[str, str]", questions[1][1][0])
        if int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) >= self._blocks_max:
            raise self._fault("the node refused with code -32005")
        return await self._inner.ask(questions, read)

    async def close(self) -> None:
        await self._inner.close()


@pytest.mark.parametrize("blocks_max", [1, 3])
async def test_a_piece_that_is_refused_is_halved(
    sandbox: Sandbox, transfers: RpcTransfers, blocks_max: int
) -> None:
    """A node that will not give so much at once gives it in parts; one that will not at all is a fault."""
    chain, seller = Chain(sandbox.rpc_url), raw(keys.BUYERS[2].address)
    before = height(chain)
    for units in range(1, 8):
        chain.give(PAYER, keys.BUYERS[2].address, units)
    after = height(chain)
    transfers._rpc = cast("Rpc", CrowdedRpc(transfers._rpc, blocks_max))
    found = await transfers.moved(USDC, seller, from_block=before + 1, to_block=after)
    assert [log.value for log in found] == [*range(1, 8)]

    never = CrowdedRpc(transfers._rpc, 0)
    transfers._rpc = cast("Rpc", never)
    with pytest.raises(AnswerLost):
        await transfers.moved(USDC, seller, from_block=before + 1, to_block=after)
    silent = CrowdedRpc(transfers._rpc, 0, TimedOut)
    transfers._rpc = cast("Rpc", silent)
    with pytest.raises(TimedOut):
        await transfers.moved(USDC, seller, from_block=before + 1, to_block=after)
    assert silent.asked == 1


class ScriptedRpc:
    """A node whose results are given."""

    def __init__(self, results: Sequence[object]) -> None:
        self._results = results

    async def ask(self, questions: Sequence[Question], read: Callable[[Sequence[object]], T]) -> T:
        try:
            return read(self._results)
        except OddAnswer as odd:
            raise AnswerLost(str(odd)) from None


ASSET, OWNER, OTHER = (bytes([n]) * 20 for n in (3, 4, 5))
LOG: dict[str, Any] = {
    "address": "0x" + ASSET.hex(),
    "topics": [TRANSFER, "0x" + OTHER.hex().rjust(64, "0"), "0x" + OWNER.hex().rjust(64, "0")],
    "data": "0x" + word(7),
    "transactionHash": "0x" + "cd" * 32,
    "blockNumber": "0x5",
    "logIndex": "0x2",
}
EXPECTED = TransferLog("0x" + "cd" * 32, 2, 5, OTHER, OWNER, 7)


async def read_by(*results: object) -> tuple[TransferLog, ...]:
    transfers = RpcTransfers(["http://127.0.0.1:1"])
    transfers._rpc = cast("Rpc", ScriptedRpc(results))
    return await transfers.moved(ASSET, OWNER, from_block=5, to_block=5)


async def test_logs_are_read_in_any_order_and_counted_once() -> None:
    """What both questions answer is one movement; upper case and `removed: false` are as good."""
    earlier = LOG | {"logIndex": "0x1", "removed": False, "address": "0x" + ASSET.hex().upper()}
    assert await read_by("0x5", [LOG, earlier], [LOG]) == (replace(EXPECTED, log_index=1), EXPECTED)


@pytest.mark.parametrize(
    "change",
    [
        {"address": "0x" + OTHER.hex()},
        {"address": None},
        {"topics": LOG["topics"][:2]},
        {"topics": None},
        {"topics": ["0x" + "00" * 32, *LOG["topics"][1:]]},
        {"topics": [TRANSFER, LOG["topics"][1], LOG["topics"][1]]},
        {"topics": [TRANSFER, "0x" + "01" * 32, LOG["topics"][2]]},
        {"data": "0x07"},
        {"transactionHash": None},
        {"blockNumber": "0x6"},
        {"blockNumber": 5},
        {"logIndex": "2"},
        {"removed": True},
    ],
)
async def test_an_odd_log_is_a_fault(change: dict[str, Any]) -> None:
    """A log that is not one of those asked for makes the whole answer worthless."""
    with pytest.raises(AnswerLost):
        await read_by("0x5", [LOG | change], [])


@pytest.mark.parametrize("results", [("0x5", None, []), ("0x5", ["x"], []), ("0x4", [], []), (None, [], [])])
async def test_an_odd_answer_is_a_fault(results: Sequence[object]) -> None:
    """No list, no object, and a node that lags behind."""
    with pytest.raises(AnswerLost):
        await read_by(*results)
