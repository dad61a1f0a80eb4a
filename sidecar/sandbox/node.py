"""The sandbox's node: one chain, its waiting transactions and its clock. Knows no JSON and no HTTP.

Everything here runs on one thread, the event loop of the chain's process: py-evm does not survive two
writers, and one thread needs no lock.
"""

from collections.abc import Callable
from typing import Final

from eth.abc import BlockHeaderAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import PyEVMError
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from sidecar.sandbox import gas
from sidecar.sandbox.evm import BLOCK_GAS_MAX, CALL_GAS_MAX, Block, Call, Machine, Ran
from sidecar.sandbox.history import History
from sidecar.sandbox.mempool import Mempool, PoolRefused

TIP_WEI: Final = 1_000_000
_TYPES_TAKEN: Final = {None, 1, 2}  # legacy, access list, dynamic fee; neither blobs nor set-code


class TransactionRefused(Exception):
    """The transaction is not taken; the text is the one nodes commonly answer with."""


class CallFailed(Exception):
    """A call did not succeed; `ran` tells how."""

    def __init__(self, ran: Ran) -> None:
        super().__init__(str(ran.failure))
        self.ran = ran


class Node:
    """With *automine* each transaction that can run gets its block before `submit` returns."""

    def __init__(self, machine: Machine, *, now_s: Callable[[], int], automine: bool) -> None:
        self.history = History(machine.genesis)
        self.pool = Mempool()
        self.chain_id = machine.chain_id
        self._machine = machine
        self._now_s = now_s
        self._automine = automine

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.history.head

    def base_fee(self) -> int:
        """Return the next block's base fee, in wei per gas."""
        return self._machine.following(self.head.header, self._now_s()).base_fee_per_gas or 0

    def mine(self) -> Block:
        """Seal what is waiting, or nothing, into the next block."""
        state = self._machine.state(self.head.header)
        ready = self.pool.take(lambda sender: _nonce(state, sender), gas_max=BLOCK_GAS_MAX)
        block = self._machine.seal(self.head.header, self._now_s(), ready).block
        self.history.append(block)
        return block

    def submit(self, raw: bytes) -> bytes:
        """Take a signed transaction and return its hash; raises TransactionRefused."""
        try:
            transaction = self._machine.decoded(raw)
            _check_gas(transaction)
            transaction.validate()
            transaction.check_signature_validity()
            sender = transaction.sender
        except (ValidationError, PyEVMError, RLPException, ValueError, TypeError, IndexError) as problem:
            raise TransactionRefused("invalid transaction") from problem

        state = self._machine.state(self.head.header)
        self._check(transaction, balance=state.get_balance(sender))
        try:
            self.pool.add(transaction, state_nonce=_nonce(state, sender))
        except PoolRefused as refused:
            raise TransactionRefused(str(refused)) from refused

        # A transaction behind a nonce gap waits, and mines together with the one that fills the gap.
        runnable = self.pool.next_nonce(sender, state_nonce=_nonce(state, sender)) > transaction.nonce
        if self._automine and runnable:
            self.mine()
        return bytes(transaction.hash)

    def state(self, block: Block) -> StateAPI:
        """Open the state after *block*, for reading."""
        return self._machine.state(block.header)

    def call(self, call: Call, block: Block | None) -> bytes:
        """Run *call* after *block*, or now when it is None; returns its output or raises CallFailed."""
        ran = self._machine.run(self._header(block), call)
        if ran.failure is not None:
            raise CallFailed(ran)
        return ran.output

    def estimate(self, call: Call, block: Block | None) -> int:
        """Find gas that suffices for *call* as a transaction; raises CallFailed if call.gas does not."""
        header = self._header(block)
        spent_before = gas.intrinsic(call.data, creates=not call.to)

        def attempt(limit: int) -> Ran:
            spendable = max(limit - spent_before, 0)
            return self._machine.run(header, Call(call.sender, call.to, call.data, call.wei, spendable))

        first = attempt(call.gas)
        if first.failure is not None:
            raise CallFailed(first)
        least = gas.least_sufficient(
            lambda limit: attempt(limit).failure is None,
            low=spent_before + first.gas_used - 1,
            high=call.gas,
        )
        return max(least, gas.floor(call.data))

    def _header(self, block: Block | None) -> BlockHeaderAPI:
        """Give the header a call runs under.

        "Now" has the clock's time when the chain idles: else an authorization signed a moment ago would
        not be valid yet, and an expired one still would be.
        """
        if block is not None:
            return block.header
        header = self.head.header
        return header.copy(timestamp=max(header.timestamp, self._now_s()))

    def _check(self, transaction: SignedTransactionAPI, *, balance: int) -> None:
        if transaction.type_id not in _TYPES_TAKEN:
            raise TransactionRefused("transaction type not supported")
        if transaction.chain_id is None:
            raise TransactionRefused("only replay-protected (EIP-155) transactions allowed over RPC")
        if transaction.chain_id != self.chain_id:
            raise TransactionRefused("invalid chain id for signer")
        if transaction.max_fee_per_gas < self.base_fee():
            raise TransactionRefused("max fee per gas less than block base fee")
        if balance < transaction.value + transaction.gas * transaction.max_fee_per_gas:
            raise TransactionRefused("insufficient funds for gas * price + value")


def call_gas(asked: int | None) -> int:
    """Bound the gas of a call: what was *asked* for, at most CALL_GAS_MAX."""
    return CALL_GAS_MAX if asked is None else min(asked, CALL_GAS_MAX)


def _check_gas(transaction: SignedTransactionAPI) -> None:
    if transaction.gas > BLOCK_GAS_MAX:
        raise TransactionRefused("exceeds block gas limit")
    least = max(transaction.intrinsic_gas, gas.floor(transaction.data))
    if transaction.gas < least:
        raise TransactionRefused(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {least}")


def _nonce(state: StateAPI, sender: bytes) -> int:
    return int(state.get_nonce(sender))  # type: ignore[arg-type]  # the pool keeps plain bytes
