"""The JSON-RPC envelope: every request is answered, and no fault shows its insides."""

import json
import logging
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sandbox import rpc
from tests.sidecar.sandbox.transactions import a_node

NODE = a_node()


def answer(body: Any) -> Any:
    """Send a document, or raw bytes, and read what comes back."""
    return json.loads(rpc.answer(NODE, body if isinstance(body, bytes) else json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b"\xff", -32700),
        ([], -32600),
        ([{}] * 1_001, -32600),
        (1, -32600),
        ({"id": 1}, -32600),
        ({"id": 1, "method": ["eth_chainId"]}, -32600),
        ({"id": 1, "method": "eth_chainId", "params": {}}, -32602),
        ({"id": 1, "method": "eth_getBalance"}, -32602),
        ({"id": 1, "method": "eth_subscribe", "params": ["newHeads"]}, -32601),
        ({"id": 1, "method": "eth_getBalance", "params": ["0x" + "11" * 20, "0x5"]}, -32000),
        ({"id": 1, "method": "eth_getLogs", "params": [{"fromBlock": "0x1", "toBlock": "0x0"}]}, -32602),
        ({"id": 1, "method": "eth_sendRawTransaction", "params": ["0x00"]}, -32000),
    ],
)
def test_error_codes(body: Any, code: int) -> None:
    """Each kind of bad request has its code."""
    assert answer(body)["error"]["code"] == code


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_any_parameter_is_answered(value: Any) -> None:
    """Whatever JSON comes as a parameter, no method fails inside."""
    for method in ("eth_getBlockByNumber", "eth_getLogs", "eth_call", "eth_getStorageAt", "eth_feeHistory"):
        got = answer({"id": 1, "method": method, "params": [value, value]})
        assert got.get("error", {}).get("code") != -32603


def test_a_fault_is_logged_and_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is -32603 without its text; the log has it."""

    def broken(*_: object) -> object:
        raise OSError("a secret place")

    monkeypatch.setattr(NODE, "mine", broken)
    with caplog.at_level(logging.ERROR):
        got = answer({"id": 9, "method": "evm_mine"})
    assert got == {"jsonrpc": "2.0", "id": 9, "error": {"code": -32603, "message": "internal error"}}
    assert "a secret place" in caplog.text


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (bytes.fromhex("08c379a0") + encode(["string"], ["no money"]), "no money"),
        (bytes.fromhex("08c379a0"), None),
        (bytes.fromhex("08c379a0") + b"\xff" * 64, None),
        (bytes.fromhex("08c379a0") + encode(["bytes"], [b"\xff\xfe"]), None),
        (b"", None),
        (b"\x01\x02\x03\x04", None),
    ],
)
def test_revert_reasons(output: bytes, reason: str | None) -> None:
    """Only a well-formed Error(string) has a reason."""
    assert rpc.revert_reason(output) == reason
