"""The shipped token is what its source compiles to, and its storage is where the code looks."""

import json
from importlib import resources

from sidecar.sandbox import keys, token
from sidecar.sandbox.evm import Call
from tests.sidecar.sandbox.transactions import a_machine


def test_shipped_code_is_the_source_compiled() -> None:
    """token.json holds what vyper makes of token.vy; `python -m sidecar.sandbox.token` renews it."""
    shipped = json.loads(resources.files("sidecar.sandbox").joinpath("token.json").read_text("utf-8"))
    assert token.compiled() == shipped


def test_genesis_storage_is_read_by_the_code() -> None:
    """balanceOf and totalSupply answer what the genesis storage says."""
    machine = a_machine()
    address = bytes.fromhex(token.ADDRESS[2:])
    for account in (keys.BUYERS[0].address, keys.PENNILESS.address):
        call = bytes.fromhex("70a08231" + account[2:].rjust(64, "0"))
        ran = machine.run(machine.genesis.header, Call(bytes(20), address, call, wei=0, gas=100_000))
        assert int.from_bytes(ran.output, "big") == keys.tokens().get(account, 0)


def test_abi_has_both_forms() -> None:
    """The ABI names the overloads that the compiler cannot know."""
    counts = [entry["name"] for entry in token.abi() if entry["type"] == "function"]
    assert counts.count("transferWithAuthorization") == 2
    assert counts.count("receiveWithAuthorization") == 2
    assert counts.count("cancelAuthorization") == 2
