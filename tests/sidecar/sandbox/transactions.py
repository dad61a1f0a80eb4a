"""Builders of signed transactions and of a chain in this process. No RPC."""

from typing import Any

from eth.abc import SignedTransactionAPI
from eth_account import Account

from sidecar.sandbox import keys
from sidecar.sandbox.chain import allocations
from sidecar.sandbox.evm import Machine
from sidecar.sandbox.node import Node

STARTED_S = 1_800_000_000
NOBODY = "0x" + "00" * 19 + "99"
GWEI = 10**9


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = STARTED_S

    def __call__(self) -> int:
        return self.now_s


def a_machine() -> Machine:
    """Make the sandbox's genesis."""
    return Machine(84532, allocations(), started_s=STARTED_S)


def a_node(clock: ManualClock | None = None, *, automine: bool = True) -> Node:
    """Make a node on a fresh chain."""
    return Node(a_machine(), now_s=clock or ManualClock(), automine=automine)


def raw(nonce: int, *, sender: keys.TestAccount = keys.FACILITATOR, **fields: Any) -> bytes:
    """Sign a plain transfer, legacy unless it has a maxFeePerGas."""
    whole = {"nonce": nonce, "to": NOBODY, "value": 1, "gas": 21_000, "chainId": 84532} | fields
    if "maxFeePerGas" not in whole:
        whole.setdefault("gasPrice", 2 * GWEI)
    return bytes(Account.from_key(sender.private_key).sign_transaction(whole).raw_transaction)


def signed(nonce: int, **fields: Any) -> SignedTransactionAPI:
    """Sign as `raw` does, and decode."""
    return a_machine().decoded(raw(nonce, **fields))
