"""Sealing and calling on the machine alone."""

import pytest
from eth_typing import Address

from sidecar.sandbox import keys, token
from sidecar.sandbox.evm import Call, Write
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.transactions import STARTED_S, a_machine, raw, signed

USDC = bytes.fromhex(token.ADDRESS[2:])
SENDER = bytes.fromhex(keys.FACILITATOR.address[2:])


def test_blocks_never_run_ahead_of_the_clock() -> None:
    """Many blocks in one second share its timestamp; a clock set back does not move the chain back."""
    machine = a_machine()
    first = machine.seal(machine.genesis.header, STARTED_S + 5, []).block
    second = machine.seal(first.header, STARTED_S + 5, []).block
    third = machine.seal(second.header, STARTED_S, []).block
    assert [each.header.timestamp - STARTED_S for each in (first, second, third)] == [5, 5, 5]


def test_a_transaction_that_cannot_run_is_left_out() -> None:
    """Nonce gaps and old nonces are refused; the others are sealed, gas counted up."""
    machine = a_machine()
    wanted = [signed(0), signed(2), signed(1), signed(0)]
    sealed = machine.seal(machine.genesis.header, STARTED_S, wanted)
    assert [each.transaction for each in sealed.block.mined] == [wanted[0], wanted[2]]
    assert sealed.refused == (wanted[1], wanted[3])
    assert [each.gas_used for each in sealed.block.mined] == [21_000, 21_000]
    assert [each.gas_used_so_far for each in sealed.block.mined] == [21_000, 42_000]
    assert sealed.block.header.gas_used == 42_000


def test_a_call_changes_nothing() -> None:
    """A simulated settlement returns its logs to nobody, and the state is as before."""
    machine = a_machine()
    authorization = authorizations.signed(keys.BUYERS[0], value=5, salt=1)
    call = Call(SENDER, USDC, bytes.fromhex(authorization.calldata()[2:]), wei=0, gas=500_000)
    first = machine.run(machine.genesis.header, call)
    again = machine.run(machine.genesis.header, call)
    assert first.failure is again.failure is None
    assert first.gas_used == again.gas_used


def test_a_failed_call_says_how() -> None:
    """A revert has a reason in its output; running out of gas is another failure."""
    machine = a_machine()
    authorization = authorizations.signed(keys.PENNILESS, value=5, salt=1)
    data = bytes.fromhex(authorization.calldata()[2:])
    poor = machine.run(machine.genesis.header, Call(SENDER, USDC, data, wei=0, gas=500_000))
    starved = machine.run(machine.genesis.header, Call(SENDER, USDC, data, wei=0, gas=500))
    assert poor.reverted
    assert b"transfer amount exceeds balance" in poor.output
    assert starved.failure is not None
    assert not starved.reverted


def test_reverted_transactions_are_mined_and_paid() -> None:
    """A transaction whose code refuses is in its block, unsuccessful, without logs."""
    machine = a_machine()
    data = authorizations.signed(keys.PENNILESS, value=5, salt=1).calldata()
    refused = machine.decoded(raw(0, to=token.ADDRESS, data=data, gas=500_000, value=0))
    (mined,) = machine.seal(machine.genesis.header, STARTED_S, [refused]).block.mined
    assert (mined.succeeded, mined.logs) == (False, ())
    assert mined.gas_used > 21_000


def test_an_exception_half_way_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault while sealing loses the block and nothing else: the same parent can be built on again."""
    machine = a_machine()
    transactions = [signed(0), signed(1)]

    def broken(*_: object) -> object:
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(machine._chain.chaindb, "persist_block", broken)
        with pytest.raises(OSError, match="no space"):
            machine.seal(machine.genesis.header, STARTED_S, transactions)
    again = machine.seal(machine.genesis.header, STARTED_S, transactions)
    assert [each.succeeded for each in again.block.mined] == [True, True]


def test_a_write_is_in_its_block_and_not_in_its_parent() -> None:
    """Storage can be put there without a transaction, and a transaction of the same block sees it."""
    machine = a_machine()
    slot = token.balance_slot(keys.PENNILESS.address)
    data = "0xa9059cbb" + keys.PAY_TO.address[2:].lower().rjust(64, "0") + f"{7:064x}"
    spend = machine.decoded(raw(0, to=token.ADDRESS, data=data, gas=200_000, value=0))
    write = Write(USDC, token.balance_slot(keys.FACILITATOR.address), 9)
    sealed = machine.seal(machine.genesis.header, STARTED_S, [spend], [write, Write(USDC, slot, 5)]).block
    before, after = machine.state(machine.genesis.header), machine.state(sealed.header)
    assert sealed.mined[0].succeeded
    assert [state.get_storage(Address(USDC), slot) for state in (before, after)] == [0, 5]
    assert after.get_storage(Address(USDC), write.slot) == 2
