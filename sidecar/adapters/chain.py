"""One EVM network as evidence: balances, spent nonces and transfers, read and never written.

ABI by hand: a call is a selector and 32-byte words, a log is topics and words. Everything a
node says is checked against what was asked; whatever is odd is a Fault. Decides nothing:
what a transfer proves is the question of `domain.payments`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sidecar.adapters.rpc import OddAnswer, Question, Rpc
from sidecar.domain.transfers import TransferLog
from sidecar.ports import AnswerLost, Fault, Funds, Head, PayerNonce, TimedOut, TokenFacts

# EIP-20 and EIP-3009: the first four bytes of the hash of a signature, and the hashes of the events.
BALANCE_OF: Final = "0x70a08231"
DECIMALS: Final = "0x313ce567"
DOMAIN_SEPARATOR: Final = "0x3644e515"
AUTHORIZATION_STATE: Final = "0xe94a0102"
TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
AUTHORIZATION_USED: Final = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_WORD: Final = re.compile(r"0x[0-9a-fA-F]{64}\Z")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}\Z")
_NO_PADDING: Final = bytes(12)
_LATEST: Final = "latest"
_AUTHORIZATION_USED: Final = bytes.fromhex(AUTHORIZATION_USED[2:])
TOPICS_MAX: Final = 100
"""How many authorizations are searched for at once; nodes accept a thousand."""

Place = tuple[str, int]
"""A transaction's hash, and the block that it is in."""


class RpcChain:
    """Implements `ports.Chain` over JSON-RPC, with failover between *urls*.

    Log ranges are asked in pieces of `piece_blocks_max`, or of what nodes accept; at most `pieces_max`.
    """

    def __init__(
        self,
        urls: list[str],
        *,
        timeout_ms: int = 5_000,
        answer_bytes_max: int = 8_388_608,
        connections_max: int = 64,
        piece_blocks_max: int = 10_000,
        pieces_max: int = 1_000,
    ) -> None:
        self._rpc = Rpc(
            urls, timeout_ms=timeout_ms, answer_bytes_max=answer_bytes_max, connections_max=connections_max
        )
        self._piece_blocks = self._piece_blocks_max = piece_blocks_max
        self._pieces_max = pieces_max

    async def chain_id(self) -> int:
        """Return the chain id the node says it serves."""
        return await self._rpc.ask([("eth_chainId", ())], lambda results: _quantity(results[0]))

    async def head(self) -> Head:
        """Return the newest block."""
        return await self._rpc.ask([("eth_getBlockByNumber", (_LATEST, False))], _head)

    async def funds(self, asset: bytes, payer: bytes, nonce: bytes) -> Funds:
        """Return balance and nonce state at the newest block, asked in one batch."""
        questions = [
            _call(asset, BALANCE_OF, payer),
            _call(asset, AUTHORIZATION_STATE, payer, nonce),
        ]
        return await self._rpc.ask(questions, lambda results: Funds(_uint(results[0]), _bool(results[1])))

    async def nonces_used(
        self, asset: bytes, signed: Sequence[PayerNonce], block: int
    ) -> frozenset[PayerNonce]:
        """Return those of *signed* that are used as of *block*; a node without that block is at fault."""

        def question(each: PayerNonce) -> Question:
            return _call(asset, AUTHORIZATION_STATE, *each, block=hex(block))

        used = await self._rpc.ask_each(signed, question, lambda _, result: _bool(result))
        return frozenset(each for each, yes in used.items() if yes)

    async def balance(self, asset: bytes, owner: bytes) -> int:
        """Return `balanceOf(owner)` at the newest block, in atomic units."""
        return await self._rpc.ask([_call(asset, BALANCE_OF, owner)], lambda results: _uint(results[0]))

    async def token(self, asset: bytes) -> TokenFacts:
        """Return what the token says of itself."""
        questions = [_call(asset, DECIMALS), _call(asset, DOMAIN_SEPARATOR)]
        return await self._rpc.ask(questions, _token)

    async def transfers_of(
        self, asset: bytes, signed: Sequence[PayerNonce], *, from_block: int, to_block: int
    ) -> Mapping[PayerNonce, tuple[TransferLog, ...]]:
        """Return, of each of *signed* that was used, its transaction's Transfers of the asset in log order.

        A node that does not know *to_block* yet is at fault: its "nothing found" proves nothing.
        """
        places = await self._places(asset, signed, from_block, to_block)
        found = await self._rpc.ask_each(
            sorted(set(places.values())),
            lambda place: ("eth_getTransactionReceipt", (place[0],)),
            lambda place, receipt: _transfers(receipt, asset, *place),
        )
        return {each: found[place] for each, place in places.items()}

    async def close(self) -> None:
        """Close the client; nothing can be asked afterwards."""
        await self._rpc.close()

    async def _places(
        self, asset: bytes, signed: Sequence[PayerNonce], first: int, to_block: int
    ) -> dict[PayerNonce, Place]:
        """Find where those of *signed* were used from block *first* on.

        Nodes do not say how many blocks they accept: what is refused is halved, and pieces grow again.
        """
        places: dict[PayerNonce, Place] = {}
        left = self._pieces_max
        while first <= to_block:
            if to_block - first >= self._piece_blocks_max * left:
                raise Fault("the range of blocks is too long to be searched")
            left -= 1
            blocks = min(self._piece_blocks, to_block - first + 1)
            wanted = [each for each in signed if each not in places]
            try:
                for start in range(0, len(wanted), TOPICS_MAX):
                    some = wanted[start : start + TOPICS_MAX]
                    places |= await self._used_in(asset, some, first, first + blocks - 1)
            except AnswerLost as lost:
                if blocks == 1 or isinstance(lost, TimedOut):
                    raise
                self._piece_blocks = blocks // 2
            else:
                self._piece_blocks = min(max(self._piece_blocks, 2 * blocks), self._piece_blocks_max)
                first += blocks
        return places

    async def _used_in(
        self, asset: bytes, signed: Sequence[PayerNonce], first: int, last: int
    ) -> dict[PayerNonce, Place]:
        """Find the transactions that used the authorizations, and their blocks."""
        asked = frozenset(signed)
        payers = frozenset(payer for payer, _ in asked)
        nonces = frozenset(nonce for _, nonce in asked)
        wanted = {
            "address": _hex(asset),
            "topics": [
                AUTHORIZATION_USED,
                [_hex(_padded(payer)) for payer in sorted(payers)],
                [_hex(nonce) for nonce in sorted(nonces)],
            ],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }

        def read(results: Sequence[object]) -> dict[PayerNonce, Place]:
            if _quantity(results[0]) < last:
                raise OddAnswer("the node has not seen the last block asked about")
            found: dict[PayerNonce, Place] = {}
            for log in _list(results[1]):
                (payer, nonce), place = _used(log, asset)
                if payer not in payers or nonce not in nonces:
                    raise OddAnswer("a log is not one that was asked for")
                if not first <= place[1] <= last or found.setdefault((payer, nonce), place) != place:
                    raise OddAnswer("an authorization was used more than once, or elsewhere")
            # Each payer is asked about with each nonce: what one did with another's was not meant.
            return {used: place for used, place in found.items() if used in asked}

        return await self._rpc.ask([("eth_blockNumber", ()), ("eth_getLogs", (wanted,))], read)


def _call(to: bytes, selector: str, *words: bytes, block: str = _LATEST) -> Question:
    """Ask a contract; addresses are padded to words."""
    data = selector + b"".join(_padded(word) for word in words).hex()
    return "eth_call", ({"to": _hex(to), "data": data}, block)


def _padded(value: bytes) -> bytes:
    return value.rjust(32, b"\0")


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


# Reading: each takes what JSON gave and returns the one thing it describes, or raises OddAnswer.


def _quantity(value: object) -> int:
    if not isinstance(value, str) or not _QUANTITY.match(value):
        raise OddAnswer("a number is missing")
    return int(value, 16)


def _word(value: object) -> bytes:
    if not isinstance(value, str) or not _WORD.match(value):
        raise OddAnswer("a 32-byte word is missing; is the contract deployed?")
    return bytes.fromhex(value[2:])


def _uint(value: object) -> int:
    return int.from_bytes(_word(value), "big")


def _bool(value: object) -> bool:
    number = _uint(value)
    if number > 1:
        raise OddAnswer("a truth value is neither 0 nor 1")
    return number == 1


def _address(value: object) -> bytes:
    """Read an address from the word of a topic."""
    word = _word(value)
    if not word.startswith(_NO_PADDING):
        raise OddAnswer("a topic is no address")
    return word[12:]


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise OddAnswer("a document is missing")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise OddAnswer("a list is missing")
    return value


def _head(results: Sequence[object]) -> Head:
    block = _object(results[0])
    return Head(_quantity(block.get("number")), _quantity(block.get("timestamp")))


def _token(results: Sequence[object]) -> TokenFacts:
    decimals = _uint(results[0])
    if decimals > 255:
        raise OddAnswer("the token's decimals are not a small number")
    return TokenFacts(decimals, _word(results[1]))


def _emitted_by(log: Mapping[str, object], asset: bytes) -> bool:
    address = log.get("address")
    if not isinstance(address, str) or not _ADDRESS.match(address):
        raise OddAnswer("a log names no contract")
    return bytes.fromhex(address[2:]) == asset


def _used(entry: object, asset: bytes) -> tuple[PayerNonce, Place]:
    """Read one AuthorizationUsed log: whose nonce was used, and where."""
    log = _object(entry)
    topics = _list(log.get("topics"))
    if not _emitted_by(log, asset) or len(topics) != 3 or log.get("removed") not in {None, False}:
        raise OddAnswer("a log is not one that was asked for")
    event, payer, nonce = topics
    if _word(event) != _AUTHORIZATION_USED:
        raise OddAnswer("a log is not one that was asked for")
    place = _hex(_word(log.get("transactionHash"))), _quantity(log.get("blockNumber"))
    return (_address(payer), _word(nonce)), place


def _transfers(value: object, asset: bytes, transaction: str, block: int) -> tuple[TransferLog, ...]:
    """Read the asset's Transfers from a receipt, which must be successful and the one asked for."""
    receipt = _object(value)
    if (
        _hex(_word(receipt.get("transactionHash"))) != transaction
        or _quantity(receipt.get("blockNumber")) != block
    ):
        raise OddAnswer("a receipt is not the one asked for")
    if _quantity(receipt.get("status")) != 1:
        raise OddAnswer("a failed transaction cannot have used an authorization")
    found = []
    for entry in _list(receipt.get("logs")):
        log = _object(entry)
        topics = _list(log.get("topics"))
        if (
            _emitted_by(log, asset)
            and topics
            and isinstance(topics[0], str)
            and topics[0].lower() == TRANSFER
        ):
            if len(topics) != 3:
                raise OddAnswer("a Transfer does not name payer and recipient")
            found.append(
                TransferLog(
                    transaction=transaction,
                    log_index=_quantity(log.get("logIndex")),
                    block=block,
                    payer=_address(topics[1]),
                    pay_to=_address(topics[2]),
                    value=_uint(log.get("data")),
                )
            )
    return tuple(sorted(found, key=lambda transfer: transfer.log_index))
