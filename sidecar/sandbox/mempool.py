"""Transactions that wait for a block, in nonce order per sender. Knows no state, block or JSON.

Nonce gaps are held until they are filled: a sender that reserves nonces before it sends will often
arrive out of order.
"""

from collections.abc import Callable
from typing import Final

from eth.abc import SignedTransactionAPI

WAITING_MAX: Final = 4_096
PRICE_BUMP_PERCENT: Final = 10  # what a replacement must pay more, so that replacing is not free


class PoolRefused(Exception):
    """The pool does not take this transaction; the text is the one nodes commonly answer with."""


class Mempool:
    """At most WAITING_MAX transactions, one per sender and nonce."""

    def __init__(self) -> None:
        self._by_sender: dict[bytes, dict[int, SignedTransactionAPI]] = {}
        self._by_hash: dict[bytes, SignedTransactionAPI] = {}
        self._first_block: dict[bytes, int] = {}  # of those that must wait for one

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, transaction_hash: bytes) -> SignedTransactionAPI | None:
        """Return the waiting transaction of that hash."""
        return self._by_hash.get(transaction_hash)

    def add(self, transaction: SignedTransactionAPI, *, state_nonce: int, first_block: int = 0) -> None:
        """Let *transaction* wait, in place of one with the same nonce that pays clearly less.

        It will not be taken for a block before *first_block*.

        Raises PoolRefused and changes nothing when it is known, too old, underpriced, or one too many.
        """
        if transaction.hash in self._by_hash:
            raise PoolRefused("already known")
        if transaction.nonce < state_nonce:
            raise PoolRefused(f"nonce too low: next nonce {state_nonce}, tx nonce {transaction.nonce}")
        replaced = self._by_sender.get(transaction.sender, {}).get(transaction.nonce)
        if replaced is None and len(self) >= WAITING_MAX:
            raise PoolRefused("txpool is full")
        if replaced is not None:
            least = replaced.max_fee_per_gas * (100 + PRICE_BUMP_PERCENT)
            if transaction.max_fee_per_gas * 100 < least:
                raise PoolRefused("replacement transaction underpriced")
            self._forget(replaced)

        self._by_sender.setdefault(transaction.sender, {})[transaction.nonce] = transaction
        self._by_hash[transaction.hash] = transaction
        self._first_block[transaction.hash] = first_block

    def next_nonce(self, sender: bytes, *, state_nonce: int) -> int:
        """Return the nonce after the sender's unbroken run of waiting transactions."""
        waiting = self._by_sender.get(sender, {})
        nonce = state_nonce
        while nonce in waiting:
            nonce += 1
        return nonce

    def take(
        self, state_nonce: Callable[[bytes], int], *, block: int, gas_max: int
    ) -> list[SignedTransactionAPI]:
        """Remove and return what may run in *block*, senders by arrival, within *gas_max* in all."""
        taken: list[SignedTransactionAPI] = []
        left = gas_max
        for sender in list(self._by_sender):
            waiting = self._by_sender[sender]
            nonce = state_nonce(sender)
            while nonce in waiting and waiting[nonce].gas <= left:
                if self._first_block[waiting[nonce].hash] > block:
                    break
                transaction = waiting.pop(nonce)
                self._forget(transaction)
                taken.append(transaction)
                left -= transaction.gas
                nonce += 1
            if not waiting:
                del self._by_sender[sender]
        return taken

    def _forget(self, transaction: SignedTransactionAPI) -> None:
        del self._by_hash[transaction.hash]
        del self._first_block[transaction.hash]
