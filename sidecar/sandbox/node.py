"""The sandbox's node: one chain, its waiting transactions, its clock and its mode. Knows no JSON and no HTTP.

Everything here runs on one thread, the event loop of the chain's process: py-evm does not survive two
writers, and one thread needs no lock.
"""

from collections.abc import Callable, Sequence
from typing import Final

from eth.abc import BlockHeaderAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import PyEVMError
from eth_typing import Address
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from sidecar.sandbox import gas, rival, token
from sidecar.sandbox.chain_modes import HONEST, MODES, ChainMode
from sidecar.sandbox.clock import Clock
from sidecar.sandbox.evm import BLOCK_GAS_MAX, CALL_GAS_MAX, Block, Call, Machine, Ran, Write
from sidecar.sandbox.history import History
from sidecar.sandbox.mempool import Mempool, PoolRefused

TIP_WEI: Final = 1_000_000
_TYPES_TAKEN: Final = {None, 1, 2}  # legacy, access list, dynamic fee; neither blobs nor set-code
_TOKEN: Final = Address(bytes.fromhex(token.ADDRESS.removeprefix("0x")))


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
        self.clock = Clock(now_s)
        self.chain_id = machine.chain_id
        self._machine = machine
        self._automine = automine
        self._mode = MODES[HONEST]
        self._at_stake: set[bytes] = set()  # taken while the mode undoes, and not undone yet

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.history.head

    def base_fee(self) -> int:
        """Return the next block's base fee, in wei per gas."""
        return self._machine.following(self.head.header, self.clock.now_s()).base_fee_per_gas or 0

    def behave(self, mode: ChainMode) -> None:
        """Go on as *mode* says; what waits already is not affected."""
        self._mode = mode
        forgiving = self._machine.state(self.head.header).get_storage(_TOKEN, token.FORGIVING_SLOT)
        if bool(forgiving) != mode.forgiving:
            self._seal((), (Write(_TOKEN, token.FORGIVING_SLOT, int(mode.forgiving)),))

    def mine(self) -> Block:
        """Seal what is waiting, or nothing, into the next block."""
        self._undo()
        state = self._machine.state(self.head.header)
        ready = self.pool.take(
            lambda sender: _nonce(state, sender), block=self._next_number(), gas_max=BLOCK_GAS_MAX
        )
        return self._seal(ready)

    def submit(self, raw: bytes, *, wait: int = 0) -> bytes:
        """Take a signed transaction and return its hash; raises TransactionRefused.

        It waits for so many blocks before its own, or for as many as the mode says.
        """
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
        wait = max(wait, self._mode.wait)
        first_block = self._next_number() + wait if wait else 0
        try:
            if self._mode.rival:
                self._let_rival_be_first(transaction, state)
            self.pool.add(transaction, state_nonce=_nonce(state, sender), first_block=first_block)
        except PoolRefused as refused:
            raise TransactionRefused(str(refused)) from refused
        if self._mode.undo:
            self._at_stake.add(bytes(transaction.hash))

        # A transaction behind a nonce gap waits, and mines together with the one that fills the gap.
        runnable = self.pool.next_nonce(sender, state_nonce=_nonce(state, sender)) > transaction.nonce
        if self._automine and runnable and not wait:
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
        return header.copy(timestamp=max(header.timestamp, self.clock.now_s()))

    def _seal(self, transactions: Sequence[SignedTransactionAPI], writes: Sequence[Write] = ()) -> Block:
        at_s = self.clock.block_s()
        block = self._machine.seal(self.head.header, at_s, transactions, writes).block
        self.history.append(block)
        return block

    def _next_number(self) -> int:
        return int(self.head.header.block_number) + 1

    def _undo(self) -> None:
        """Replace the last blocks, if the mode says so and the first of them has a transaction at stake.

        What is not at stake and stood in the others comes back at once.
        """
        first = self._next_number() - self._mode.undo
        block = self.history.at(first) if self._mode.undo else None
        if block is None or not _hashes(block) & self._at_stake:
            return
        back = None if self._mode.back is None else self._next_number() + self._mode.back
        forgotten = self.history.rewind(first - 1)
        state = self._machine.state(self.head.header)
        for each in (mined.transaction for block in forgotten for mined in block.mined):
            first_block = back if bytes(each.hash) in self._at_stake else 0
            self._at_stake.discard(bytes(each.hash))
            if first_block is not None:
                self.pool.add(each, state_nonce=_nonce(state, each.sender), first_block=first_block)
        for _ in forgotten:
            self._seal(())

    def _let_rival_be_first(self, transaction: SignedTransactionAPI, state: StateAPI) -> None:
        nonce = _nonce(state, rival.ADDRESS)
        copy = rival.copied(
            transaction, nonce=self.pool.next_nonce(rival.ADDRESS, state_nonce=nonce), chain_id=self.chain_id
        )
        if copy is not None:
            self.pool.add(copy, state_nonce=nonce)

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


def _hashes(block: Block) -> set[bytes]:
    return {bytes(mined.transaction.hash) for mined in block.mined}


def _nonce(state: StateAPI, sender: bytes) -> int:
    return int(state.get_nonce(sender))  # type: ignore[arg-type]  # the pool keeps plain bytes
