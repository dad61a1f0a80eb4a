"""What the chain answers: one table of JSON-RPC methods over a node. Knows no HTTP and no envelope.

The table is what web3, the official x402 SDK and a reader of settlement evidence call, what moves time
(under anvil's names), and what makes the chain misbehave (`sandbox_`). What does not exist is null, never
an error.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sidecar.sandbox import params, shapes
from sidecar.sandbox.evm import Block
from sidecar.sandbox.node import TIP_WEI, Node

Method = Callable[[Node, Sequence[Any]], Any]

_FEE_BLOCKS_MAX: Final = 1_024


def _gas_price(node: Node, _: Sequence[Any]) -> str:
    # The base fee falls while the chain idles; a price with a tip on the next one is never too low.
    return shapes.quantity(node.base_fee() + TIP_WEI)


def _fee_history(node: Node, given: Sequence[Any]) -> Any:
    asked = params.quantity(params.at(given, 0))
    newest = params.block(params.at(given, 1), node.history) or node.head
    rewards = params.percentiles(params.at(given, 2))
    last = newest.header.block_number
    first = max(last - min(asked, _FEE_BLOCKS_MAX) + 1, 0)
    blocks = [node.history.at(number) for number in range(first, last + 1)]
    headers = [block.header for block in blocks if block is not None]
    following = node.history.at(last + 1)
    next_fee = following.header.base_fee_per_gas or 0 if following else node.base_fee()
    answer = {
        "oldestBlock": shapes.quantity(first),
        "baseFeePerGas": [shapes.quantity(h.base_fee_per_gas or 0) for h in headers]
        + [shapes.quantity(next_fee)],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
    }
    if rewards is not None:
        answer["reward"] = [[shapes.quantity(TIP_WEI)] * len(rewards) for _ in headers]
    return answer


def _balance(node: Node, given: Sequence[Any]) -> str:
    return shapes.quantity(_state(node, given, 1).get_balance(params.address(params.at(given, 0))))


def _code(node: Node, given: Sequence[Any]) -> str:
    return shapes.blob(_state(node, given, 1).get_code(params.address(params.at(given, 0))))


def _storage(node: Node, given: Sequence[Any]) -> str:
    slot = params.slot(params.at(given, 1))
    return shapes.word(_state(node, given, 2).get_storage(params.address(params.at(given, 0)), slot))


def _nonce(node: Node, given: Sequence[Any]) -> str:
    account = params.address(params.at(given, 0))
    nonce = _state(node, given, 1).get_nonce(account)
    if params.at(given, 1) == "pending":
        nonce = node.pool.next_nonce(account, state_nonce=nonce)
    return shapes.quantity(nonce)


def _call(node: Node, given: Sequence[Any]) -> str:
    _no_overrides(given)
    block = params.block(params.at(given, 1), node.history)
    return shapes.blob(node.call(params.call(params.at(given, 0)), block))


def _estimate(node: Node, given: Sequence[Any]) -> str:
    _no_overrides(given)
    block = params.block(params.at(given, 1), node.history)
    return shapes.quantity(node.estimate(params.call(params.at(given, 0)), block))


def _send_raw(node: Node, given: Sequence[Any]) -> str:
    return shapes.blob(node.submit(params.blob(params.at(given, 0))))


def _transaction(node: Node, given: Sequence[Any]) -> Any:
    transaction_hash = params.word(params.at(given, 0))
    place = node.history.place(transaction_hash)
    if place is not None:
        return shapes.transaction(place)
    waiting = node.pool.find(transaction_hash)
    return None if waiting is None else shapes.waiting(waiting)


def _receipt(node: Node, given: Sequence[Any]) -> Any:
    place = node.history.place(params.word(params.at(given, 0)))
    return None if place is None else shapes.receipt(place)


def _block_by_number(node: Node, given: Sequence[Any]) -> Any:
    try:
        block = params.block(params.at(given, 0), node.history) or node.head
    except params.NoSuchBlock:
        return None
    return _shown(node, block, given)


def _block_by_hash(node: Node, given: Sequence[Any]) -> Any:
    block = node.history.by_hash(params.word(params.at(given, 0)))
    return None if block is None else _shown(node, block, given)


def _block_receipts(node: Node, given: Sequence[Any]) -> Any:
    try:
        block = params.block(params.at(given, 0), node.history) or node.head
    except params.NoSuchBlock:
        return None
    return [shapes.receipt(place) for place in node.history.places(block)]


def _logs(node: Node, given: Sequence[Any]) -> Any:
    wanted = params.log_filter(params.at(given, 0), node.history)
    return [shapes.log(found) for found in node.history.logs(wanted)]


def _mine(node: Node, _: Sequence[Any]) -> str:
    node.mine()
    return "0x0"


def _increase_time(node: Node, given: Sequence[Any]) -> int:
    return node.clock.forward(params.number(params.at(given, 0)))


def _set_next_block_time(node: Node, given: Sequence[Any]) -> None:
    at_s = params.number(params.at(given, 0))
    if at_s < node.head.header.timestamp:
        raise params.BadParams("the time is lower than the previous block's")
    node.clock.set_next_block(at_s)


def _set_mode(node: Node, given: Sequence[Any]) -> None:
    node.behave(params.mode(params.at(given, 0)))


def _send_later(node: Node, given: Sequence[Any]) -> str:
    wait = params.number(params.at(given, 1))
    return shapes.blob(node.submit(params.blob(params.at(given, 0)), wait=wait))


def _shown(node: Node, block: Block, given: Sequence[Any]) -> Any:
    places = list(node.history.places(block))
    return shapes.block(block, full=params.at(given, 1) is True, places=places)


def _state(node: Node, given: Sequence[Any], index: int) -> Any:
    return node.state(params.block(params.at(given, index), node.history) or node.head)


def _no_overrides(given: Sequence[Any]) -> None:
    if params.at(given, 2):
        raise params.BadParams("state overrides are not supported")


METHODS: Final[Mapping[str, Method]] = {
    "eth_accounts": lambda _node, _given: [],
    "eth_blockNumber": lambda node, _given: shapes.quantity(node.head.header.block_number),
    "eth_call": _call,
    "eth_chainId": lambda node, _given: shapes.quantity(node.chain_id),
    "eth_estimateGas": _estimate,
    "eth_feeHistory": _fee_history,
    "eth_gasPrice": _gas_price,
    "eth_getBalance": _balance,
    "eth_getBlockByHash": _block_by_hash,
    "eth_getBlockByNumber": _block_by_number,
    "eth_getBlockReceipts": _block_receipts,
    "eth_getCode": _code,
    "eth_getLogs": _logs,
    "eth_getStorageAt": _storage,
    "eth_getTransactionByHash": _transaction,
    "eth_getTransactionCount": _nonce,
    "eth_getTransactionReceipt": _receipt,
    "eth_maxPriorityFeePerGas": lambda _node, _given: shapes.quantity(TIP_WEI),
    "eth_sendRawTransaction": _send_raw,
    "eth_syncing": lambda _node, _given: False,
    "evm_increaseTime": _increase_time,
    "evm_mine": _mine,
    "evm_setNextBlockTimestamp": _set_next_block_time,
    "net_version": lambda node, _given: str(node.chain_id),
    "sandbox_sendLater": _send_later,
    "sandbox_setMode": _set_mode,
    "web3_clientVersion": lambda _node, _given: "x402-sidecar-sandbox/1",
}
