"""What moved to and from one address, and what it held: what reconciling asks of an EVM chain.

Reads only, over JSON-RPC. Everything a node says is checked against what was asked; whatever is
odd is a Fault. Knows no payment.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from sidecar.adapters.chain import BALANCE_OF, TRANSFER
from sidecar.adapters.rpc import OddAnswer, Question, Rpc
from sidecar.domain.transfers import TransferLog
from sidecar.ports import AnswerLost, Fault, TimedOut

T = TypeVar("T")

BATCH: Final = 100
_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_WORD: Final = re.compile(r"0x[0-9a-fA-F]{64}\Z")


class RpcTransfers:
    """A token's movements on one network, with failover between *urls*.

    Ranges are asked in pieces of `piece_blocks_max`, at most `pieces_max` of them; a piece that a node
    refuses, because too much happened in it, is halved until it answers.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_ms: int = 20_000,
        answer_bytes_max: int = 33_554_432,
        piece_blocks_max: int = 10_000,
        pieces_max: int = 1_000,
    ) -> None:
        self._rpc = Rpc(urls, timeout_ms=timeout_ms, answer_bytes_max=answer_bytes_max)
        self._piece_blocks_max = piece_blocks_max
        self._pieces_max = pieces_max

    async def moved(
        self,
        asset: bytes,
        owner: bytes,
        *,
        from_block: int,
        to_block: int,
        passed: Callable[[int], object] = lambda _: None,
    ) -> tuple[TransferLog, ...]:
        """Return the asset's Transfers to and from *owner* in the chain's order, both ends included.

        *passed* is told the last block of each piece once it is known.
        A node that does not know *to_block* yet is at fault: its "nothing found" proves nothing.
        """
        step = self._piece_blocks_max
        if to_block - from_block >= step * self._pieces_max:
            raise Fault("the range of blocks is too long to be searched; name a later first block")
        found: dict[tuple[int, int], TransferLog] = {}
        for first in range(from_block, to_block + 1, step):
            last = min(first + step - 1, to_block)
            for log in await self._piece(asset, owner, first, last):
                found[log.block, log.log_index] = log
            passed(last)
        return tuple(found[place] for place in sorted(found))

    async def balance(self, asset: bytes, owner: bytes, block: int) -> int:
        """Return `balanceOf(owner)` after *block*, in atomic units; many nodes know late blocks only."""
        call = {"to": _hex(asset), "data": BALANCE_OF + _topic(owner)[2:]}
        question: Question = ("eth_call", (call, hex(block)))
        return await self._rpc.ask([question], lambda results: _number(_word(results[0])))

    async def times_s(self, blocks: Iterable[int]) -> Mapping[int, int]:
        """Return the time of each of *blocks*, in seconds since the epoch."""
        wanted = sorted(set(blocks))
        times: dict[int, int] = {}
        for start in range(0, len(wanted), BATCH):
            some = wanted[start : start + BATCH]
            questions: list[Question] = [("eth_getBlockByNumber", (hex(block), False)) for block in some]
            answered = await self._rpc.ask(questions, lambda results: [*map(_time_s, results)])
            times |= zip(some, answered, strict=True)
        return times

    async def close(self) -> None:
        """Close the client; nothing can be asked afterwards."""
        await self._rpc.close()

    async def _piece(self, asset: bytes, owner: bytes, first: int, last: int) -> list[TransferLog]:
        def read(results: Sequence[object]) -> list[TransferLog]:
            if _quantity(results[0]) < last:
                raise OddAnswer("the node has not seen the last block asked about")
            return [_transfer(log, asset, owner, range(first, last + 1)) for log in _both(results[1:])]

        wanted = {"address": _hex(asset), "fromBlock": hex(first), "toBlock": hex(last)}
        come, gone = [TRANSFER, None, _topic(owner)], [TRANSFER, _topic(owner)]
        questions: list[Question] = [
            ("eth_blockNumber", ()),
            ("eth_getLogs", (wanted | {"topics": come},)),
            ("eth_getLogs", (wanted | {"topics": gone},)),
        ]
        try:
            return await self._rpc.ask(questions, read)
        except TimedOut:
            raise
        except AnswerLost:
            if first == last:
                raise
        middle = (first + last) // 2
        earlier = await self._piece(asset, owner, first, middle)
        return earlier + await self._piece(asset, owner, middle + 1, last)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _topic(address: bytes) -> str:
    return _hex(address.rjust(32, b"\0"))


# Reading: each takes what JSON gave and returns the one thing it describes, or raises OddAnswer.


def _matching(pattern: re.Pattern[str], read: Callable[[str], T], what: str) -> Callable[[object], T]:
    def checked(value: object) -> T:
        if not isinstance(value, str) or not pattern.match(value):
            raise OddAnswer(what)
        return read(value)

    return checked


_quantity: Final = _matching(_QUANTITY, lambda text: int(text, 16), "a number is missing")
_word: Final = _matching(_WORD, lambda text: bytes.fromhex(text[2:]), "a 32-byte word is missing")


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _address(topic: object) -> bytes:
    word = _word(topic)
    if any(word[:12]):
        raise OddAnswer("a topic is no address")
    return word[12:]


def _both(results: Sequence[object]) -> list[Mapping[str, object]]:
    logs: list[Mapping[str, object]] = []
    for found in results:
        for log in found if isinstance(found, list) else [None]:
            if not isinstance(log, dict):
                raise OddAnswer("a list of logs is missing")
            logs.append(log)
    return logs


def _time_s(block: object) -> int:
    if not isinstance(block, dict):
        raise OddAnswer("a block is missing")
    return _quantity(block.get("timestamp"))


def _transfer(log: Mapping[str, object], asset: bytes, owner: bytes, blocks: range) -> TransferLog:
    """Read one Transfer, which must be of the token, the blocks and the owner that were asked about."""
    topics, emitter = log.get("topics"), log.get("address")
    if not isinstance(topics, list) or len(topics) != 3 or not isinstance(emitter, str):
        raise OddAnswer("a log is no Transfer")
    found = TransferLog(
        transaction=_hex(_word(log.get("transactionHash"))),
        log_index=_quantity(log.get("logIndex")),
        block=_quantity(log.get("blockNumber")),
        payer=_address(topics[1]),
        pay_to=_address(topics[2]),
        value=_number(_word(log.get("data"))),
    )
    if (
        _hex(_word(topics[0])) != TRANSFER
        or emitter.lower() != _hex(asset)
        or owner not in {found.payer, found.pay_to}
        or found.block not in blocks
        or log.get("removed") not in {None, False}
    ):
        raise OddAnswer("a log is not one that was asked for")
    return found
