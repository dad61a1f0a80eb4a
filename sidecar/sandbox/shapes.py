"""Blocks, transactions, receipts and logs as the hex JSON of Ethereum's RPC. Pure; reads no parameters.

Quantities are minimal hex without leading zeros, data is hex of whole bytes, hashes and topics have
32 bytes.
"""

from typing import Any, Final

from eth.abc import BlockHeaderAPI, SignedTransactionAPI

from sidecar.sandbox.evm import Block
from sidecar.sandbox.history import FoundLog, Place

Json = dict[str, Any]

_BLOOM_BYTES: Final = 256


def quantity(number: int) -> str:
    """Write a whole number as minimal hex."""
    return hex(number)


def blob(content: bytes) -> str:
    """Write bytes as hex."""
    return "0x" + content.hex()


def word(number: int) -> str:
    """Write a number as 32 bytes of hex."""
    return blob(number.to_bytes(32, "big"))


def block(sealed: Block, *, full: bool, places: list[Place]) -> Json:
    """Write a block with its transactions, as objects if *full*, else as hashes."""
    header = sealed.header
    hashes = [blob(place.mined.transaction.hash) for place in places]
    return _header(header) | {
        "uncles": [],
        "withdrawals": [],
        "totalDifficulty": "0x0",
        "size": quantity(_BLOOM_BYTES + sum(len(each.transaction.data) for each in sealed.mined)),
        "transactions": [transaction(place) for place in places] if full else hashes,
    }


def _header(header: BlockHeaderAPI) -> Json:
    fields: Any = header  # the fields of later forks are not part of py-evm's header interface
    return {
        "number": quantity(header.block_number),
        "hash": blob(header.hash),
        "parentHash": blob(header.parent_hash),
        "sha3Uncles": blob(header.uncles_hash),
        "miner": blob(header.coinbase),
        "stateRoot": blob(header.state_root),
        "transactionsRoot": blob(header.transaction_root),
        "receiptsRoot": blob(header.receipt_root),
        "logsBloom": blob(header.bloom.to_bytes(_BLOOM_BYTES, "big")),
        "difficulty": quantity(header.difficulty),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": blob(header.extra_data),
        "mixHash": blob(header.mix_hash),
        "nonce": blob(header.nonce),
        "baseFeePerGas": quantity(header.base_fee_per_gas or 0),
        "withdrawalsRoot": blob(fields.withdrawals_root),
        "blobGasUsed": quantity(fields.blob_gas_used),
        "excessBlobGas": quantity(fields.excess_blob_gas),
        "parentBeaconBlockRoot": blob(fields.parent_beacon_block_root),
        "requestsHash": blob(fields.requests_hash),
    }


def transaction(place: Place) -> Json:
    """Write a mined transaction."""
    header = place.block.header
    return waiting(place.mined.transaction) | {
        "blockHash": blob(header.hash),
        "blockNumber": quantity(header.block_number),
        "transactionIndex": quantity(place.index),
        "gasPrice": quantity(place.mined.gas_price),
    }


def waiting(signed: SignedTransactionAPI) -> Json:
    """Write a transaction that has no block yet."""
    shown: Json = {
        "hash": blob(signed.hash),
        "type": quantity(signed.type_id or 0),
        "nonce": quantity(signed.nonce),
        "from": blob(signed.sender),
        "to": blob(signed.to) if signed.to else None,
        "value": quantity(signed.value),
        "gas": quantity(signed.gas),
        "gasPrice": quantity(signed.max_fee_per_gas),
        "input": blob(signed.data),
        "chainId": quantity(signed.chain_id or 0),
        "r": quantity(signed.r),
        "s": quantity(signed.s),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
    }
    if signed.type_id is None:
        v: int = signed.v  # type: ignore[attr-defined]  # only legacy transactions have it
        return shown | {"v": quantity(v)}
    access = [{"address": blob(a), "storageKeys": [word(k) for k in keys]} for a, keys in signed.access_list]
    shown |= {"v": quantity(signed.y_parity), "yParity": quantity(signed.y_parity), "accessList": access}
    if signed.type_id == 2:
        shown["maxFeePerGas"] = quantity(signed.max_fee_per_gas)
        shown["maxPriorityFeePerGas"] = quantity(signed.max_priority_fee_per_gas)
    return shown


def receipt(place: Place) -> Json:
    """Write a transaction's receipt with its logs."""
    mined, header = place.mined, place.block.header
    signed = mined.transaction
    found = [FoundLog(each, place, place.first_log + n) for n, each in enumerate(mined.logs)]
    return {
        "transactionHash": blob(signed.hash),
        "transactionIndex": quantity(place.index),
        "blockHash": blob(header.hash),
        "blockNumber": quantity(header.block_number),
        "from": blob(signed.sender),
        "to": blob(signed.to) if signed.to else None,
        "contractAddress": blob(mined.created) if mined.created else None,
        "status": quantity(int(mined.succeeded)),
        "type": quantity(signed.type_id or 0),
        "gasUsed": quantity(mined.gas_used),
        "cumulativeGasUsed": quantity(mined.gas_used_so_far),
        "effectiveGasPrice": quantity(mined.gas_price),
        "logsBloom": blob(mined.bloom.to_bytes(_BLOOM_BYTES, "big")),
        "logs": [log(each) for each in found],
    }


def log(found: FoundLog) -> Json:
    """Write one log with its place; its number counts within the block."""
    header = found.place.block.header
    return {
        "address": blob(found.log.address),
        "topics": [blob(topic) for topic in found.log.topics],
        "data": blob(found.log.data),
        "blockNumber": quantity(header.block_number),
        "blockHash": blob(header.hash),
        "blockTimestamp": quantity(header.timestamp),
        "transactionHash": blob(found.place.mined.transaction.hash),
        "transactionIndex": quantity(found.place.index),
        "logIndex": quantity(found.number),
        "removed": False,
    }
