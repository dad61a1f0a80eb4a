"""EVM addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.configuration.addresses import address, checksummed
from sidecar.configuration.problems import WrongValue
from sidecar.configuration.reading import Number

# The examples of EIP-55 itself.
EXAMPLES = (
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_checksum_is_eip_55s(example: str) -> None:
    """Known addresses get their known capitals."""
    assert checksummed(bytes.fromhex(example[2:])) == example


@given(st.binary(min_size=20, max_size=20).filter(any))
def test_one_address_has_three_spellings(raw: bytes) -> None:
    """Lower case, upper case and the checksum are read alike."""
    assert address("0x" + raw.hex()) == address("0x" + raw.hex().upper()) == address(checksummed(raw)) == raw


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (Number("0x52908400098527886E0F7030069857D2E4169EE7"), "address_number"),
        ("52908400098527886E0F7030069857D2E4169EE7", "address"),
        ("0x52908400098527886E0F7030069857D2E4169E", "address"),
        ("0x" + "ab" * 32, "address"),
        ("0xZ2908400098527886E0F7030069857D2E4169EE7", "address"),
        ("vitalik.eth", "address"),
        ("0x" + "0" * 40, "address_zero"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "address_checksum"),
        (None, "address"),
    ],
)
def test_what_is_no_address_is_refused_unseen(written: object, code: str) -> None:
    """A wrong digit is caught, and what may be a private key is not repeated."""
    with pytest.raises(WrongValue) as caught:
        address(written)
    assert caught.value.code == code
    assert not isinstance(written, str) or written not in caught.value.sentence
