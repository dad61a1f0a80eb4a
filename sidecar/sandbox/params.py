"""The parameters of Ethereum's RPC, read strictly: hex text in, bytes, numbers and filters out. Pure.

A quantity with leading zeros is refused, as the strictest of the common nodes do: a client that works
here works there.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from sidecar.sandbox.chain_modes import MODES, ChainMode
from sidecar.sandbox.evm import Block, Call
from sidecar.sandbox.history import History, LogFilter
from sidecar.sandbox.node import call_gas

_QUANTITY: Final = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})")
_DATA: Final = re.compile(r"0x([0-9a-fA-F]{2})*")
_SLOT: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_NOW: Final = frozenset({"latest", "pending", "safe", "finalized"})  # the head, whatever the mode
_TOPICS_MAX: Final = 4


class BadParams(Exception):
    """A parameter is missing or not of its kind; the text says what was expected."""


class NoSuchBlock(Exception):
    """The block asked for does not exist (yet)."""


def at(params: Sequence[Any], index: int) -> Any:
    """Return a positional parameter, None if it is absent."""
    return params[index] if index < len(params) else None


def quantity(value: Any) -> int:
    """Read a minimal hex number below 2**256."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise BadParams("expected a quantity: minimal hex such as 0x1f")
    return int(value, 16)


def number(value: Any) -> int:
    """Read a whole number of the evm_ methods, which clients write plainly or as a quantity."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    return quantity(value)


def blob(value: Any, *, size: int | None = None) -> bytes:
    """Read hex data, of exactly *size* bytes if given."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise BadParams("expected data: 0x and an even number of hex digits")
    content = bytes.fromhex(value[2:])
    if size is not None and len(content) != size:
        raise BadParams(f"expected {size} bytes of data")
    return content


def address(value: Any) -> bytes:
    """Read 20 bytes."""
    return blob(value, size=20)


def word(value: Any) -> bytes:
    """Read 32 bytes."""
    return blob(value, size=32)


def slot(value: Any) -> int:
    """Read a storage slot, which clients write as a quantity or as 32 bytes."""
    if not isinstance(value, str) or not _SLOT.fullmatch(value):
        raise BadParams("expected a storage slot of at most 32 bytes")
    return int(value, 16)


def block(value: Any, history: History) -> Block | None:
    """Resolve a block tag, number, hash object or nothing; None means now. Raises NoSuchBlock."""
    if _is_now(value):
        return None
    if isinstance(value, dict):
        found = (
            history.by_hash(word(value["blockHash"]))
            if "blockHash" in value
            else history.at(quantity(value.get("blockNumber")))
        )
    else:
        found = history.at(0 if value == "earliest" else quantity(value))
    if found is None:
        raise NoSuchBlock
    return found


def call(value: Any) -> Call:
    """Read a transaction object; who pays what for gas is of no interest to a call."""
    if not isinstance(value, dict):
        raise BadParams("expected a transaction object")
    given = {name: part for name, part in value.items() if part is not None}
    contents = {blob(given[name]) for name in ("data", "input") if name in given}
    if len(contents) > 1:
        raise BadParams("data and input differ")
    return Call(
        sender=address(given["from"]) if "from" in given else bytes(20),
        to=address(given["to"]) if "to" in given else b"",
        data=contents.pop() if contents else b"",
        wei=quantity(given["value"]) if "value" in given else 0,
        gas=call_gas(quantity(given["gas"]) if "gas" in given else None),
    )


def mode(value: Any) -> ChainMode:
    """Read the name of a mode."""
    found = MODES.get(value) if isinstance(value, str) else None
    if found is None:
        raise BadParams(f"expected one of {', '.join(MODES)}")
    return found


def log_filter(value: Any, history: History) -> LogFilter:
    """Read a log filter; an absent bound means the head. Raises NoSuchBlock for an unknown block hash."""
    if not isinstance(value, dict):
        raise BadParams("expected a filter object")
    head = int(history.head.header.block_number)
    if value.get("blockHash") is not None:
        if value.get("fromBlock") is not None or value.get("toBlock") is not None:
            raise BadParams("blockHash excludes fromBlock and toBlock")
        found = history.by_hash(word(value["blockHash"]))
        if found is None:
            raise NoSuchBlock
        first = last = int(found.header.block_number)
    else:
        first, last = (_bound(value.get(name), head) for name in ("fromBlock", "toBlock"))
        if first > last:
            raise BadParams("invalid block range: fromBlock is after toBlock")
    return LogFilter(first, last, _addresses(value.get("address")), _topics(value.get("topics")))


def percentiles(value: Any) -> list[float] | None:
    """Read the fee history's reward percentiles; None if none were asked for."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, int | float) for each in value):
        raise BadParams("expected a list of percentiles")
    return [float(each) for each in value]


def _is_now(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in _NOW)


def _bound(value: Any, head: int) -> int:
    if _is_now(value):
        return head
    return 0 if value == "earliest" else quantity(value)


def _addresses(value: Any) -> frozenset[bytes]:
    if value is None:
        return frozenset()
    return frozenset(address(each) for each in (value if isinstance(value, list) else [value]))


def _topics(value: Any) -> tuple[frozenset[bytes] | None, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _TOPICS_MAX:
        raise BadParams(f"expected at most {_TOPICS_MAX} topics")
    return tuple(_topic(each) for each in value)


def _topic(value: Any) -> frozenset[bytes] | None:
    if isinstance(value, list):
        # Null among alternatives means any, as an empty list of alternatives does.
        return None if not value or None in value else frozenset(word(each) for each in value)
    return None if value is None else frozenset({word(value)})
