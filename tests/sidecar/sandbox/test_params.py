"""Parameters are read strictly: the good give values, the bad give a sentence."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sandbox import params, shapes
from sidecar.sandbox.evm import CALL_GAS_MAX
from sidecar.sandbox.history import History
from tests.sidecar.sandbox.transactions import STARTED_S, a_machine

ADDRESS, WORD = "0x" + "11" * 20, "0x" + "22" * 32


@pytest.fixture(scope="module")
def history() -> History:
    machine = a_machine()
    chain = History(machine.genesis)
    chain.append(machine.seal(machine.genesis.header, STARTED_S, []).block)
    return chain


@given(st.integers(0, 2**256 - 1))
def test_quantities_come_back(number: int) -> None:
    """Every number is read as it is written."""
    assert params.quantity(shapes.quantity(number)) == number


@given(st.binary(max_size=64))
def test_data_comes_back(content: bytes) -> None:
    """Every byte string is read as it is written."""
    assert params.blob(shapes.blob(content)) == content


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (params.quantity, "0x"),
        (params.quantity, "0x01"),
        (params.quantity, "12"),
        (params.quantity, 12),
        (params.quantity, "0x1" + "0" * 64),
        (params.quantity, "-0x1"),
        (params.quantity, None),
        (params.blob, "0x1"),
        (params.blob, "11"),
        (params.blob, None),
        (params.address, "0x11"),
        (params.word, ADDRESS),
        (params.slot, "0x"),
        (params.slot, "0x" + "1" * 65),
        (params.call, []),
        (params.call, {"to": ADDRESS, "data": "0x01", "input": "0x02"}),
        (params.percentiles, ["x"]),
    ],
)
def test_bad_values_are_refused(read: Callable[[Any], Any], value: Any) -> None:
    """Nonsense is named as such and never guessed at."""
    with pytest.raises(params.BadParams):
        read(value)


def test_calls_have_defaults() -> None:
    """An empty call creates nothing from nobody with the largest gas; null is absent."""
    empty = params.call({"from": None, "to": None})
    assert (empty.sender, empty.to, empty.data, empty.wei, empty.gas) == (
        bytes(20),
        b"",
        b"",
        0,
        CALL_GAS_MAX,
    )
    same = params.call({"data": "0x01", "input": "0x01", "gas": "0x5208", "gasPrice": "0x1"})
    assert (same.data, same.gas) == (b"\x01", 21_000)


@pytest.mark.parametrize("tag", [None, "latest", "pending", "safe", "finalized"])
def test_tags_that_mean_now(history: History, tag: str | None) -> None:
    """Nothing is undone on this chain, so the newest block is as final as any."""
    assert params.block(tag, history) is None


def test_named_blocks(history: History) -> None:
    """A block is named by its number, its hash object or as the earliest."""
    genesis, head = history.at(0), history.head
    assert params.block("earliest", history) is params.block("0x0", history) is genesis
    assert params.block("0x1", history) is params.block({"blockNumber": "0x1"}, history) is head
    assert params.block({"blockHash": shapes.blob(head.header.hash)}, history) is head
    for missing in ("0x2", {"blockHash": WORD}):
        with pytest.raises(params.NoSuchBlock):
            params.block(missing, history)
    bads: list[Any] = [[], 1, "newest", {}]
    for bad in bads:
        with pytest.raises(params.BadParams):
            params.block(bad, history)


def test_log_filters(history: History) -> None:
    """Bounds default to the head, addresses and topics may be one, several or any."""
    assert (params.log_filter({}, history).first_block, params.log_filter({}, history).last_block) == (1, 1)
    whole = params.log_filter({"fromBlock": "earliest", "toBlock": "0xff", "address": ADDRESS}, history)
    assert (whole.first_block, whole.last_block, len(whole.addresses)) == (0, 255, 1)
    topics = params.log_filter({"topics": [None, WORD, [WORD, "0x" + "33" * 32], []]}, history).topics
    assert [None if each is None else len(each) for each in topics] == [None, 1, 2, None]
    by_hash = params.log_filter({"blockHash": shapes.blob(history.head.header.hash)}, history)
    assert (by_hash.first_block, by_hash.last_block) == (1, 1)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"fromBlock": "0x1", "toBlock": "0x0"},
        {"blockHash": WORD, "fromBlock": "0x0"},
        {"topics": [None] * 5},
        {"topics": "0x"},
        {"topics": [[1]]},
        {"address": [1]},
    ],
)
def test_bad_log_filters(history: History, value: Any) -> None:
    """A filter that cannot mean anything is refused."""
    with pytest.raises(params.BadParams):
        params.log_filter(value, history)


def test_a_filter_on_an_unknown_block(history: History) -> None:
    """A block hash nobody knows is not an empty answer."""
    with pytest.raises(params.NoSuchBlock):
        params.log_filter({"blockHash": WORD}, history)
