"""The test USDC as data: address, code, ABI and the storage it starts with. Runs no contract.

`python -m sidecar.sandbox.token` compiles token.vy and rewrites token.json; that needs vyper, which is
a development tool only. The shipped hex is what a chain gets.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import sha3

ADDRESS: Final = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"  # Base Sepolia's USDC: official clients know it
NAME: Final = "USDC"
VERSION: Final = "2"
DECIMALS: Final = 6

_SUPPLY_SLOT: Final = 0
_BALANCES_SLOT: Final = 1
FORGIVING_SLOT: Final = 4
"""Where it stands whether a used authorization passes in silence."""


@cache
def _shipped() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("token.json").read_text(encoding="utf-8")
    shipped: dict[str, Any] = json.loads(text)
    return shipped


def runtime() -> bytes:
    """Return the code to place at ADDRESS."""
    return bytes.fromhex(_shipped()["runtime"].removeprefix("0x"))


def abi() -> list[dict[str, Any]]:
    """Return the ABI, with the overloads that Vyper cannot declare."""
    entries: list[dict[str, Any]] = _shipped()["abi"]
    return entries


def balance_slot(address: str) -> int:
    """Find the storage slot of an address's balance; Vyper hashes the slot before the key."""
    key = bytes.fromhex(address.removeprefix("0x")).rjust(32, b"\0")
    return int.from_bytes(sha3.keccak_256(_BALANCES_SLOT.to_bytes(32, "big") + key).digest(), "big")


def genesis_storage(balances: Mapping[str, int]) -> dict[int, int]:
    """Write *balances* (smallest units by address) as storage slots, total supply included."""
    slots = {balance_slot(address): units for address, units in balances.items()}
    return {_SUPPLY_SLOT: sum(balances.values()), **slots}


def compiled() -> dict[str, Any]:
    """Compile token.vy afresh and return what token.json must hold."""
    source = str(resources.files(__package__).joinpath("token.vy"))
    command = [sys.executable, "-P", "-m", "vyper", "-f", "bytecode_runtime,abi,layout", source]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    code, declared, layout = printed.stdout.splitlines()
    slots = {name: place["slot"] for name, place in json.loads(layout)["storage_layout"].items()}
    known = {"totalSupply": _SUPPLY_SLOT, "balanceOf": _BALANCES_SLOT, "forgiving": FORGIVING_SLOT}
    assert known.items() <= slots.items(), "slots moved"
    return {"runtime": code, "abi": json.loads(declared) + _overloads()}


def _overloads() -> list[dict[str, Any]]:
    transfer = (
        "address owner,address receiver,uint256 amount,uint256 valid_after,uint256 valid_before,"
        "bytes32 nonce,bytes signature"
    )
    cancel = "address authorizer,bytes32 nonce,bytes signature"
    shapes = {
        "transferWithAuthorization": transfer,
        "receiveWithAuthorization": transfer,
        "cancelAuthorization": cancel,
    }
    return [
        {
            "type": "function",
            "name": name,
            "stateMutability": "nonpayable",
            "inputs": [dict(zip(("type", "name"), each.split(), strict=True)) for each in shape.split(",")],
            "outputs": [],
        }
        for name, shape in shapes.items()
    ]


if __name__ == "__main__":
    target = Path(str(resources.files(__package__).joinpath("token.json")))
    target.write_text(json.dumps(compiled(), indent=1) + "\n", encoding="utf-8")
