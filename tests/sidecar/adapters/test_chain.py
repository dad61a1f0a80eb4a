"""The chain's word, read from a real EVM; and nothing that a node may say instead breaks the reader."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters import chain as abi
from sidecar.adapters.chain import RpcChain
from sidecar.adapters.facilitator import HttpFacilitator
from sidecar.adapters.rpc import OddAnswer, Question, Rpc
from sidecar.domain.transfers import TransferLog
from sidecar.ports import AnswerLost, Fault, Funds, Head, TokenFacts
from sidecar.sandbox import buyer
from sidecar.sandbox.keys import BUYERS, PAY_TO
from sidecar.sandbox.process import Sandbox
from sidecar.x402.eip712 import domain_separator, keccak

T = TypeVar("T")

UNITS = 12_345
PAYER = bytes.fromhex(BUYERS[3].address[2:])
SELLER = bytes.fromhex(PAY_TO.address[2:])
STRANGER = b"\x99" * 20
NONCE = b"\x5a" * 32


@dataclass(frozen=True)
class Paid:
    """A settled payment on the sandbox's chain, and the heads before and after it."""

    asset: bytes
    nonce: bytes
    transaction: str
    before: Head
    after: Head


@pytest_asyncio.fixture
async def chain(sandbox: Sandbox) -> RpcChain:
    """Read the sandbox's chain."""
    return RpcChain([sandbox.rpc_url])


@pytest_asyncio.fixture
async def paid(sandbox: Sandbox, chain: RpcChain) -> Paid:
    """Settle one payment through the sandbox's facilitator, with our own client."""
    terms = buyer.exact(network=sandbox.network, asset=sandbox.asset, pay_to=sandbox.pay_to, units=UNITS)
    payment = buyer.sign(BUYERS[3].private_key, buyer.offer(terms))
    body = json.dumps({"x402Version": 2, "paymentPayload": payment, "paymentRequirements": terms}).encode()
    facilitator = HttpFacilitator(sandbox.facilitator_url)
    before = await chain.head()
    assert (await facilitator.verify(body)).valid
    reply = await facilitator.settle(body)
    assert reply.success
    return Paid(
        asset=bytes.fromhex(sandbox.asset[2:]),
        nonce=bytes.fromhex(payment["payload"]["authorization"]["nonce"][2:]),
        transaction=reply.transaction,
        before=before,
        after=await chain.head(),
    )


async def test_the_facilitator_lists_what_it_settles(sandbox: Sandbox) -> None:
    """Our client reads a real facilitator's kinds."""
    kinds = await HttpFacilitator(sandbox.facilitator_url).supported()
    assert ("exact", sandbox.network) in [(kind.scheme, kind.network) for kind in kinds]


async def test_the_node_says_which_chain_it_serves(chain: RpcChain, sandbox: Sandbox) -> None:
    """`check --online` compares this with the config."""
    assert await chain.chain_id() == sandbox.chain_id


async def test_a_token_says_its_decimals_and_its_domain(chain: RpcChain, sandbox: Sandbox) -> None:
    """The separator is the one our own hashing makes of name, version, chain and address."""
    asset = bytes.fromhex(sandbox.asset[2:])
    assert await chain.token(asset) == TokenFacts(6, domain_separator("USDC", "2", sandbox.chain_id, asset))


async def test_a_payment_moves_money_and_spends_its_nonce(
    chain: RpcChain, paid: Paid, sandbox: Sandbox
) -> None:
    """Balance and nonce state agree with what another client reads, now and as of a block."""
    funds = await chain.funds(paid.asset, PAYER, paid.nonce)
    assert funds == Funds(sandbox.balance_of(BUYERS[3].address), nonce_used=True)
    assert await chain.balance(paid.asset, SELLER) == sandbox.balance_of(sandbox.pay_to)
    signed = (PAYER, paid.nonce)
    asked = [(PAYER, b"\x01" * 32), signed]
    assert await chain.nonces_used(paid.asset, asked, paid.before.number) == set()
    assert await chain.nonces_used(paid.asset, asked, paid.after.number) == {signed}
    assert not (await chain.funds(paid.asset, PAYER, b"\x01" * 32)).nonce_used
    assert paid.after.number > paid.before.number
    assert paid.after.timestamp_s >= paid.before.timestamp_s


@pytest.mark.parametrize("piece_blocks_max", [10_000, 1])
async def test_the_transfer_behind_an_authorization_is_found(
    piece_blocks_max: int, sandbox: Sandbox, paid: Paid
) -> None:
    """By its nonce, whoever sent it, however the range is cut."""
    chain = RpcChain([sandbox.rpc_url], piece_blocks_max=piece_blocks_max)
    asked = [(PAYER, b"\x01" * 32), (PAYER, paid.nonce), (STRANGER, paid.nonce)]
    found = await chain.transfers_of(
        paid.asset, asked, from_block=paid.before.number, to_block=paid.after.number
    )
    assert found.keys() == {(PAYER, paid.nonce)}
    (transfer,) = found[PAYER, paid.nonce]
    assert transfer == TransferLog(
        transaction=paid.transaction,
        log_index=transfer.log_index,
        block=transfer.block,
        payer=PAYER,
        pay_to=SELLER,
        value=UNITS,
    )
    assert paid.before.number < transfer.block <= paid.after.number


async def test_what_is_not_there_is_not_found(chain: RpcChain, paid: Paid) -> None:
    """Other blocks, another nonce, another payer, an empty range: nothing."""
    blocks = {"from_block": paid.before.number, "to_block": paid.after.number}
    used = [(PAYER, paid.nonce)]
    assert await chain.transfers_of(paid.asset, [(PAYER, b"\x01" * 32)], **blocks) == {}
    assert await chain.transfers_of(paid.asset, [(STRANGER, paid.nonce)], **blocks) == {}
    assert await chain.transfers_of(paid.asset, [], **blocks) == {}
    before = {"from_block": 0, "to_block": paid.before.number}
    assert await chain.transfers_of(paid.asset, used, **before) == {}
    assert await chain.transfers_of(paid.asset, used, from_block=9, to_block=8) == {}


async def test_a_block_the_node_has_not_seen_is_a_fault(chain: RpcChain, paid: Paid) -> None:
    """'Nothing up to block N' from a node that stands before N would be no evidence."""
    ahead = paid.after.number + 1_000
    with pytest.raises(Fault, match="not seen"):
        await chain.transfers_of(paid.asset, [(PAYER, paid.nonce)], from_block=ahead, to_block=ahead)
    with pytest.raises(Fault):
        await chain.nonces_used(paid.asset, [(PAYER, paid.nonce)], ahead)


async def test_an_address_without_a_contract_is_a_fault(chain: RpcChain) -> None:
    """Nobody's balance is not zero: it is no answer."""
    with pytest.raises(Fault, match="deployed"):
        await chain.balance(STRANGER, PAYER)
    with pytest.raises(Fault):
        await chain.token(STRANGER)


async def test_the_next_node_is_asked_when_the_first_is_down(sandbox: Sandbox, nobody: str) -> None:
    """Evidence does not hang on one provider."""
    chain = RpcChain([nobody, sandbox.rpc_url])
    assert await chain.chain_id() == sandbox.chain_id
    await chain.close()
    with pytest.raises(Fault):
        await chain.chain_id()


async def test_a_range_beyond_the_limit_is_refused_before_it_is_asked(nobody: str) -> None:
    """A thousand requests for one answer is too many."""
    chain = RpcChain([nobody], piece_blocks_max=10, pieces_max=3)
    with pytest.raises(Fault, match="too long"):
        await chain.transfers_of(STRANGER, [(PAYER, NONCE)], from_block=0, to_block=30)
    with pytest.raises(Fault, match="rpc"):
        await chain.transfers_of(STRANGER, [(PAYER, NONCE)], from_block=0, to_block=29)


@pytest.mark.parametrize(
    ("written", "signature"),
    [
        (abi.BALANCE_OF, "balanceOf(address)"),
        (abi.DECIMALS, "decimals()"),
        (abi.DOMAIN_SEPARATOR, "DOMAIN_SEPARATOR()"),
        (abi.AUTHORIZATION_STATE, "authorizationState(address,bytes32)"),
        (abi.TRANSFER, "Transfer(address,address,uint256)"),
        (abi.AUTHORIZATION_USED, "AuthorizationUsed(address,bytes32)"),
    ],
)
def test_selectors_and_topics_are_the_hashes_they_claim_to_be(written: str, signature: str) -> None:
    """What is written by hand is checked by machine."""
    assert bytes.fromhex(written[2:]) == keccak(signature.encode())[: len(written) // 2 - 1]


class ScriptedRpc(Rpc):
    """A node whose results are given, method by method."""

    def __init__(self, by_method: dict[str, object]) -> None:
        super().__init__(["http://127.0.0.1:1"])
        self._by_method = by_method

    async def ask(self, questions: Sequence[Question], read: Callable[[Sequence[object]], T]) -> T:
        """Answer from the script; odd results become the fault that the real one raises."""
        try:
            return read([self._by_method.get(method) for method, _ in questions])
        except OddAnswer as odd:
            raise AnswerLost(str(odd)) from None


def a_chain(**by_method: object) -> RpcChain:
    """A chain that answers from a script."""
    chain = RpcChain(["http://127.0.0.1:1"])
    chain._rpc = ScriptedRpc(by_method)
    return chain


ASSET = b"\x03" * 20
HASH = "0x" + "cd" * 32
USED: dict[str, Any] = {
    "address": "0x" + ASSET.hex(),
    "topics": [abi.AUTHORIZATION_USED, "0x" + PAYER.hex().rjust(64, "0"), "0x" + NONCE.hex()],
    "transactionHash": HASH,
    "blockNumber": "0x5",
    "removed": False,
}
TRANSFERRED: dict[str, Any] = {
    "address": "0x" + ASSET.hex(),
    "topics": [abi.TRANSFER, "0x" + PAYER.hex().rjust(64, "0"), "0x" + SELLER.hex().rjust(64, "0")],
    "data": "0x" + "00" * 31 + "07",
    "logIndex": "0x2",
}
RECEIPT: dict[str, Any] = {
    "transactionHash": HASH,
    "blockNumber": "0x5",
    "status": "0x1",
    "logs": [TRANSFERRED],
}


class StingyRpc(ScriptedRpc):
    """A node that accepts ranges of so many blocks, and notes those it is asked for."""

    def __init__(self, blocks_max: int) -> None:
        super().__init__(
            {"eth_blockNumber": "0xffff", "eth_getLogs": [], "eth_getTransactionReceipt": RECEIPT}
        )
        self.blocks_max = blocks_max
        self.asked: list[tuple[int, int]] = []

    async def ask(self, questions: Sequence[Question], read: Callable[[Sequence[object]], T]) -> T:
        """Answer with the log of block 5 where it is asked for."""
        method, (wanted, *_) = questions[-1]
        if method == "eth_getLogs":
            assert isinstance(wanted, dict)
            first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
            self.asked.append((first, last))
            if last - first >= self.blocks_max:
                raise AnswerLost("the node refused with code -32005")
            self._by_method["eth_getLogs"] = [USED] if first <= 5 <= last else []
        return await super().ask(questions, read)


@pytest.mark.parametrize("blocks_max", [1, 7, 500, 999])
async def test_a_range_is_cut_into_what_the_node_accepts(blocks_max: int) -> None:
    """Whatever its limit is, everything is searched, once; and it is found again with few refusals."""
    chain, node = RpcChain(["http://127.0.0.1:1"], piece_blocks_max=1_000), StingyRpc(blocks_max)
    chain._rpc = node
    for _ in range(2):
        found = await chain.transfers_of(
            ASSET, [(PAYER, NONCE), (STRANGER, NONCE)], from_block=1, to_block=300
        )
        assert found.keys() == {(PAYER, NONCE)}
        accepted = [(first, last) for first, last in node.asked if last - first < blocks_max]
        assert [block for first, last in accepted for block in range(first, last + 1)] == [*range(1, 301)]
        assert len(node.asked) <= 2 * len(accepted) + 10
        node.asked.clear()


async def test_a_node_that_refuses_everything_is_not_asked_for_ever() -> None:
    """One block is the least that can be asked for; and the pieces of one search are counted."""
    chain, node = RpcChain(["http://127.0.0.1:1"], pieces_max=50), StingyRpc(0)
    chain._rpc = node
    with pytest.raises(AnswerLost, match="-32005"):
        await chain.transfers_of(ASSET, [(PAYER, NONCE)], from_block=1, to_block=300)
    node.blocks_max = 1
    with pytest.raises(Fault, match="too long"):
        await chain.transfers_of(ASSET, [(PAYER, NONCE), (STRANGER, NONCE)], from_block=1, to_block=300)
    assert len(node.asked) < 100


async def found_in(head: object, logs: object, receipt: object) -> tuple[TransferLog, ...]:
    """What is found in blocks 1 to 9 when a node says this."""
    chain = a_chain(eth_blockNumber=head, eth_getLogs=logs, eth_getTransactionReceipt=receipt)
    found = await chain.transfers_of(ASSET, [(PAYER, NONCE)], from_block=1, to_block=9)
    return found.get((PAYER, NONCE), ())


async def test_other_logs_of_the_transaction_are_passed_over() -> None:
    """Another token's Transfer and another event are no evidence; every Transfer of this token is."""
    other = TRANSFERRED | {"address": "0x" + "04" * 20}
    event = TRANSFERRED | {"topics": [abi.AUTHORIZATION_USED]}
    first = TRANSFERRED | {"logIndex": "0x1", "data": "0x" + "00" * 31 + "08"}
    receipt = RECEIPT | {"logs": [other, TRANSFERRED, event, first, TRANSFERRED | {"topics": []}]}
    found = await found_in("0x9", [USED], receipt)
    assert [(transfer.log_index, transfer.value) for transfer in found] == [(1, 8), (2, 7)]


def topic(value: bytes) -> str:
    return "0x" + value.hex().rjust(64, "0")


async def test_each_payer_is_told_of_its_own_nonces_only() -> None:
    """Two that used each other's numbers are told apart, and one transaction may have used several."""
    asked = [(PAYER, NONCE), (STRANGER, bytes(31) + b"\1")]
    logs = [
        USED | {"topics": [abi.AUTHORIZATION_USED, topic(payer), topic(nonce)]}
        for payer, nonce in (*asked, (PAYER, asked[1][1]), (STRANGER, NONCE))
    ]
    chain = a_chain(eth_blockNumber="0x9", eth_getLogs=logs, eth_getTransactionReceipt=RECEIPT)
    found = await chain.transfers_of(ASSET, asked, from_block=1, to_block=9)

    assert found.keys() == set(asked)
    assert {len(transfers) for transfers in found.values()} == {1}


ODD_LOGS: dict[str, object] = {
    "no list": None,
    "no object": ["x"],
    "another contract": [USED | {"address": "0x" + "04" * 20}],
    "no contract": [USED | {"address": None}],
    "another nonce": [USED | {"topics": [*USED["topics"][:2], "0x" + "00" * 32]}],
    "another payer": [USED | {"topics": [USED["topics"][0], topic(STRANGER), USED["topics"][2]]}],
    "another event": [USED | {"topics": [abi.TRANSFER, *USED["topics"][1:]]}],
    "no topics": [USED | {"topics": None}],
    "two topics": [USED | {"topics": USED["topics"][:2]}],
    "removed by a reorganisation": [USED | {"removed": True}],
    "no block yet": [USED | {"blockNumber": None}],
    "a block outside the range": [USED | {"blockNumber": "0x10"}],
    "no transaction": [USED | {"transactionHash": "0x12"}],
    "two transactions": [USED, USED | {"transactionHash": "0x" + "ee" * 32}],
}


@pytest.mark.parametrize("logs", ODD_LOGS.values(), ids=ODD_LOGS)
async def test_odd_logs_are_a_fault(logs: object) -> None:
    """A log counts only if it is precisely the one asked for."""
    with pytest.raises(Fault):
        await found_in("0x9", logs, RECEIPT)


ODD_RECEIPTS: dict[str, object] = {
    "none": None,
    "failed": RECEIPT | {"status": "0x0"},
    "no status": RECEIPT | {"status": None},
    "another transaction": RECEIPT | {"transactionHash": "0x" + "ee" * 32},
    "another block": RECEIPT | {"blockNumber": "0x6"},
    "no logs": RECEIPT | {"logs": None},
    "a log without topics": RECEIPT | {"logs": [TRANSFERRED | {"topics": None}]},
    "a Transfer with two topics": RECEIPT | {"logs": [TRANSFERRED | {"topics": TRANSFERRED["topics"][:2]}]},
    "a payer of 32 bytes": RECEIPT
    | {"logs": [TRANSFERRED | {"topics": [abi.TRANSFER, "0x" + "ff" * 32, TRANSFERRED["topics"][2]]}]},
    "no value": RECEIPT | {"logs": [TRANSFERRED | {"data": "0x"}]},
    "no index": RECEIPT | {"logs": [TRANSFERRED | {"logIndex": 2}]},
}


@pytest.mark.parametrize("receipt", ODD_RECEIPTS.values(), ids=ODD_RECEIPTS)
async def test_odd_receipts_are_a_fault(receipt: object) -> None:
    """A transfer counts only out of the successful receipt of that very transaction."""
    with pytest.raises(Fault):
        await found_in("0x9", [USED], receipt)


ODD: list[object] = [None, "", "0x", "0xzz", "1", 1, True, [], {}, "0x" + "0" * 65, "0x" + "00" * 33]


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_an_odd_result_is_a_fault_for_every_question(odd: object) -> None:
    """No answer of a node is guessed at."""
    chain = a_chain(
        eth_call=odd, eth_getBlockByNumber={"number": odd, "timestamp": "0x1"}, eth_blockNumber=odd
    )
    with pytest.raises(Fault):
        await chain.balance(ASSET, PAYER)
    with pytest.raises(Fault):
        await chain.funds(ASSET, PAYER, NONCE)
    with pytest.raises(Fault):
        await chain.token(ASSET)
    with pytest.raises(Fault):
        await chain.head()


async def test_half_a_word_is_no_word() -> None:
    """31 bytes are no answer of a contract."""
    with pytest.raises(Fault):
        await a_chain(eth_call="0x" + "00" * 31).balance(ASSET, PAYER)


@pytest.mark.parametrize("word", ["0x" + "00" * 31 + "02", "0x" + "ff" * 32])
async def test_a_truth_value_is_0_or_1(word: str) -> None:
    """Anything else is not read as true."""
    with pytest.raises(Fault):
        await a_chain(eth_call=word).nonces_used(ASSET, [(PAYER, NONCE)], 1)


async def test_decimals_are_a_small_number() -> None:
    """A token with more than 255 is none."""
    with pytest.raises(Fault):
        await a_chain(eth_call="0x" + "00" * 30 + "0100").token(ASSET)


VALUES = st.none() | st.booleans() | st.integers() | st.sampled_from([HASH, "0x5", "0x", abi.TRANSFER, "x"])
THINGS = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*USED, *TRANSFERRED, *RECEIPT]), inner, max_size=5)
    ),
    max_leaves=15,
)


@given(head=VALUES, logs=THINGS | st.just([USED]), receipt=THINGS | st.just(RECEIPT))
async def test_nothing_a_node_says_is_more_than_a_fault(head: object, logs: object, receipt: object) -> None:
    """Any JSON is either evidence or a fault, never a crash."""
    try:
        found = await found_in(head, logs, receipt)
    except Fault:
        return
    assert all(isinstance(transfer, TransferLog) for transfer in found)
