"""Gas rules against py-evm's own, and the search for the least sufficient gas."""

from eth._utils.address import generate_contract_address
from eth_typing import Address
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sandbox import gas
from tests.sidecar.sandbox.transactions import signed


@given(st.binary(max_size=200), st.booleans())
def test_intrinsic_gas_is_the_evm_s(data: bytes, creates: bool) -> None:
    """Before the first instruction a transaction has cost what the EVM takes."""
    to = b"" if creates else "0x" + "11" * 20
    transaction = signed(0, data=data, to=to, gas=500_000)
    assert gas.intrinsic(data, creates=creates) == transaction.intrinsic_gas


@given(low=st.integers(0, 10**6), needed=st.integers(1, 10**6), room=st.integers(0, 10**6))
def test_least_sufficient_suffices_and_is_close(low: int, needed: int, room: int) -> None:
    """What is found suffices, and hardly less would."""
    least = low + needed
    found = gas.least_sufficient(lambda limit: limit >= least, low=low, high=least + room)
    assert least <= found <= least + 64


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**32))
def test_created_address_is_the_evm_s(sender: bytes, nonce: int) -> None:
    """A contract lives where the EVM puts it."""
    assert gas.created_address(sender, nonce) == generate_contract_address(Address(sender), nonce)


def test_floor_charges_data() -> None:
    """EIP-7623: ten gas a token, a zero byte is one and any other four."""
    assert gas.floor(b"\x00\x01") == 21_000 + 10 * 5
