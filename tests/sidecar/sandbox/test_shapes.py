"""The JSON shapes of what was mined; clients' own readings are tested over RPC."""

import re
from typing import Any

from sidecar.sandbox import keys, shapes, token
from sidecar.sandbox.history import History
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.transactions import GWEI, STARTED_S, a_machine, raw

QUANTITIES = {
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "nonce",
    "value",
    "gas",
    "logIndex",
    "status",
    "v",
}


def a_block() -> tuple[History, Any]:
    """Seal a legacy transfer, a dynamic fee settlement and an access list creation."""
    machine = a_machine()
    history = History(machine.genesis)
    data = authorizations.signed(keys.BUYERS[0], value=5, salt=1).calldata()
    dynamic: dict[str, Any] = {"maxFeePerGas": 9 * GWEI, "maxPriorityFeePerGas": GWEI}
    access = [{"address": token.ADDRESS, "storageKeys": ["0x" + "00" * 31 + "05"]}]
    transactions = [
        raw(0),
        raw(1, to=token.ADDRESS, data=data, gas=500_000, value=0, **dynamic),
        raw(2, to=b"", data="0x00", gas=500_000, value=0, accessList=access),
    ]
    sealed = machine.seal(history.head.header, STARTED_S, [machine.decoded(each) for each in transactions])
    history.append(sealed.block)
    return history, sealed.block


def test_transactions_show_their_type() -> None:
    """Each type has its fields, and dynamic fees show what was paid beside what was offered."""
    history, block = a_block()
    legacy, dynamic, access = (shapes.transaction(place) for place in history.places(block))
    base_fee = int(shapes.block(block, full=False, places=[])["baseFeePerGas"], 16)
    assert [each["type"] for each in (legacy, dynamic, access)] == ["0x0", "0x2", "0x1"]
    assert dynamic["maxFeePerGas"] == hex(9 * GWEI)
    assert int(dynamic["gasPrice"], 16) == base_fee + GWEI
    assert "yParity" not in legacy
    assert access["accessList"][0]["storageKeys"] == ["0x" + "00" * 31 + "05"]
    assert access["to"] is None


def test_receipts_count_logs_and_gas_through_the_block() -> None:
    """Gas adds up over the block, logs are numbered in it, and a creation names its contract."""
    history, block = a_block()
    receipts = [shapes.receipt(place) for place in history.places(block)]
    used = [int(each["gasUsed"], 16) for each in receipts]
    assert [int(each["cumulativeGasUsed"], 16) for each in receipts] == [
        used[0],
        used[0] + used[1],
        sum(used),
    ]
    assert [log["logIndex"] for log in receipts[1]["logs"]] == ["0x0", "0x1"]
    assert [each["contractAddress"] is None for each in receipts] == [True, True, False]
    assert {len(topic) for log in receipts[1]["logs"] for topic in log["topics"]} == {66}
    assert int(receipts[1]["logsBloom"], 16) > 0


def test_quantities_are_minimal() -> None:
    """No quantity has a leading zero, and hashes keep all of theirs."""
    history, block = a_block()
    places = list(history.places(block))
    full = shapes.block(block, full=True, places=places)
    assert [each["hash"] for each in full["transactions"]] == shapes.block(block, full=False, places=places)[
        "transactions"
    ]
    assert full["nonce"] == "0x" + "00" * 8
    for shown in (*full["transactions"], *(shapes.receipt(place) for place in places)):
        for name in QUANTITIES & set(shown):
            assert re.fullmatch(r"0x(0|[1-9a-f][0-9a-f]*)", shown[name]), (name, shown[name])


def test_a_waiting_transaction_has_no_place() -> None:
    """Before its block a transaction shows null for where it is."""
    waiting = shapes.waiting(a_machine().decoded(raw(0)))
    assert (waiting["blockHash"], waiting["blockNumber"], waiting["transactionIndex"]) == (None, None, None)
