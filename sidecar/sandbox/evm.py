"""The EVM of the sandbox: seal transactions into blocks, run calls. Knows no mempool, clock or JSON.

Built directly on py-evm. Blocks are sealed here and not by its miner, because that one insists on a
timestamp later than the parent's: many transactions in one second would drive the chain's clock into
the future and expire honest authorizations.
"""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth.abc import BlockHeaderAPI, ComputationAPI, ReceiptAPI, SignedTransactionAPI, StateAPI
from eth.chains.base import MiningChain
from eth.constants import CREATE_CONTRACT_ADDRESS, GENESIS_BLOCK_NUMBER
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.message import Message
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from sidecar.sandbox import gas

BLOCK_GAS_MAX: Final = 30_000_000
CALL_GAS_MAX: Final = 5_000_000  # ten million gas in a tight loop would hold the process for two seconds
BASE_FEE_AT_START: Final = 10**9  # wei
RECURSION_MAX: Final = 1_000

# Importing py-evm raises the interpreter's limit to 100,000, for a depth of contract calls that nobody needs
# here. With it, deeply nested JSON is no exception any more but the end of the process.
sys.setrecursionlimit(RECURSION_MAX)

# py-evm writes a line per opcode at debug level, and checks for it in its inner loop.
logging.getLogger("eth").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Allocation:
    """One account at genesis: native balance in wei, code, storage by slot."""

    wei: int = 0
    code: bytes = b""
    storage: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a transaction; topics are 32 bytes each."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in its block, with what became of it. Gas fees in wei per gas."""

    transaction: SignedTransactionAPI
    succeeded: bool
    gas_used: int
    gas_used_so_far: int
    gas_price: int
    bloom: int
    logs: tuple[Log, ...]
    created: bytes | None


@dataclass(frozen=True, slots=True)
class Block:
    """A sealed block."""

    header: BlockHeaderAPI
    mined: tuple[Mined, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing gave: the block, and the transactions that can never run in this order."""

    block: Block
    refused: tuple[SignedTransactionAPI, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A message to run without a transaction; an empty *to* creates a contract."""

    sender: bytes
    to: bytes
    data: bytes
    wei: int
    gas: int


@dataclass(frozen=True, slots=True)
class Write:
    """A value put into a contract's storage by nobody's transaction."""

    address: bytes
    slot: int
    value: int


@dataclass(frozen=True, slots=True)
class Ran:
    """What a call gave; *failure* is None, or why it did not succeed."""

    output: bytes
    gas_used: int
    failure: Exception | None

    @property
    def reverted(self) -> bool:
        """Did the code itself refuse, with a reason in the output?"""
        return isinstance(self.failure, Revert)


class Machine:
    """Blocks and states, addressed by header. The caller keeps the chain of headers and is one thread."""

    def __init__(self, chain_id: int, accounts: Mapping[bytes, Allocation], started_s: int) -> None:
        configured: Any = MiningChain.configure(
            "SandboxChain", vm_configuration=((GENESIS_BLOCK_NUMBER, PragueVM),), chain_id=chain_id
        )
        state = {
            Address(address): {
                "balance": account.wei,
                "nonce": 1 if account.code else 0,
                "code": account.code,
                "storage": dict(account.storage or {}),
            }
            for address, account in accounts.items()
        }
        params = {
            "difficulty": 0,
            "gas_limit": BLOCK_GAS_MAX,
            "timestamp": started_s,
            "base_fee_per_gas": BASE_FEE_AT_START,
        }
        self._chain: MiningChain = configured.from_genesis(AtomicDB(), params, state)
        self._context = ChainContext(chain_id)
        self.genesis = Block(self._chain.chaindb.get_canonical_head(), ())
        self.chain_id = chain_id

    def following(self, parent: BlockHeaderAPI, at_s: int) -> BlockHeaderAPI:
        """Make the header of the block after *parent*, never earlier than it."""
        return self._chain.create_header_from_parent(
            parent, timestamp=max(parent.timestamp, at_s), gas_limit=BLOCK_GAS_MAX
        )

    def decoded(self, raw: bytes) -> SignedTransactionAPI:
        """Read a signed transaction; raises whatever py-evm and rlp raise on nonsense."""
        return PragueVM.get_transaction_builder().decode(raw)

    def seal(
        self,
        parent: BlockHeaderAPI,
        at_s: int,
        transactions: Sequence[SignedTransactionAPI],
        writes: Sequence[Write] = (),
    ) -> Sealed:
        """Run *transactions* in order on top of *parent* and seal them into a block.

        Nothing is visible before the caller takes the new header: an exception leaves the chain as it was.
        The caller sees to it that they fit under the block's gas limit. *writes* come first, and are
        something that no real chain knows.
        """
        vm = self._chain.get_vm(self.following(parent, at_s))
        for write in writes:
            vm.state.set_storage(Address(write.address), write.slot, write.value)
        vm.state.lock_changes()
        header = vm.get_header()
        receipts: list[ReceiptAPI] = []
        mined: list[Mined] = []
        refused: list[SignedTransactionAPI] = []
        for transaction in transactions:
            try:
                receipt, computation = vm.apply_transaction(header, transaction)
            except ValidationError:
                refused.append(transaction)
                continue
            mined.append(_mined(transaction, receipt, computation, header))
            receipts.append(receipt)
            header = vm.add_receipt_to_header(header, receipt)

        included = [each.transaction for each in mined]
        filled = vm.set_block_transactions_and_withdrawals(vm.get_block(), header, included, receipts)
        block = vm.finalize_block(filled).block
        self._chain.chaindb.persist_block(block)
        return Sealed(Block(block.header, tuple(mined)), tuple(refused))

    def state(self, header: BlockHeaderAPI) -> StateAPI:
        """Open the state after the block of *header*; what is written to it is forgotten with it."""
        return PragueVM.build_state(
            self._chain.chaindb.db, header, self._context, self._previous_hashes(header)
        )

    def run(self, header: BlockHeaderAPI, call: Call) -> Ran:
        """Run *call* on the state after *header*, with that header's time; no balance pays for the gas."""
        state = self.state(header)
        sender, to = Address(call.sender), Address(call.to)
        state.mark_address_warm(sender)
        context = state.get_transaction_context_class()(gas_price=0, origin=sender)
        if call.to == CREATE_CONTRACT_ADDRESS:
            created = Address(gas.created_address(call.sender, state.get_nonce(sender)))
            message = Message(call.gas, to, sender, call.wei, b"", call.data, create_address=created)
            done = state.computation_class.apply_create_message(state, message, context)
        else:
            state.mark_address_warm(to)
            message = Message(call.gas, to, sender, call.wei, call.data, state.get_code(to))
            done = state.computation_class.apply_message(state, message, context)

        spent = done.get_gas_used()
        refund = 0 if done.is_error else min(done.get_gas_refund(), spent // 5)  # EIP-3529
        return Ran(output=done.output, gas_used=spent - refund, failure=done.error if done.is_error else None)

    def _previous_hashes(self, header: BlockHeaderAPI) -> Iterable[Any]:
        return PragueVM.get_prev_hashes(header.parent_hash, self._chain.chaindb) or ()


def _mined(
    transaction: SignedTransactionAPI, receipt: ReceiptAPI, done: ComputationAPI, header: BlockHeaderAPI
) -> Mined:
    base_fee = header.base_fee_per_gas or 0
    tip_price = transaction.max_priority_fee_per_gas + base_fee
    logs = tuple(
        Log(log.address, tuple(topic.to_bytes(32, "big") for topic in log.topics), log.data)
        for log in receipt.logs
    )
    return Mined(
        transaction=transaction,
        succeeded=receipt.state_root == b"\x01",
        gas_used=receipt.gas_used - header.gas_used,  # py-evm counts from the block's start
        gas_used_so_far=receipt.gas_used,
        gas_price=min(transaction.max_fee_per_gas, tip_price),
        bloom=receipt.bloom,
        logs=logs,
        created=done.msg.storage_address if transaction.to == CREATE_CONTRACT_ADDRESS else None,
    )
