"""The text forms of EVM values: one form each, and None for anything else."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from sidecar.x402.evm_text import (
    address_bytes,
    checksummed,
    hex_text,
    read_address,
    read_hex,
    read_transaction,
    read_uint256,
)

ODD_TYPES: list[object] = [None, True, 5, -1, 1.5, b"0x", [], {}, ("0x",)]
ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"


@pytest.mark.parametrize("text", [ADDRESS, ADDRESS.lower(), "0x" + ADDRESS[2:].upper()])
def test_an_address_has_any_case(text: str) -> None:
    """A checksum protects typing; the bytes are what is signed."""
    assert read_address(text) == address_bytes(text) == bytes.fromhex(ADDRESS[2:])


@pytest.mark.parametrize(
    "text",
    [*ODD_TYPES, "", "0x", ADDRESS[2:], "0X" + ADDRESS[2:], ADDRESS + "0", ADDRESS[:-1], " " + ADDRESS],
)
def test_what_is_no_address_is_none(text: object) -> None:
    """Other types, lengths, prefixes and spaces are no address."""
    assert read_address(text) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("50000", 50_000), (str(2**256 - 1), 2**256 - 1)])
def test_a_uint256_is_a_plain_decimal(text: str, number: int) -> None:
    """Up to and including 2**256 - 1."""
    assert read_uint256(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *ODD_TYPES,
        *("", "+1", "-1", "-0", " 1", "1 ", "1\n", "01", "00", "1.0", "1e3", "0x1", "1_000", "٣", "²"),
        *(str(2**256), "9" * 78, "1" * 79, "1" * 5000),
    ],
)
def test_what_is_no_uint256_is_none(text: object) -> None:
    """Signs, spaces, other digits, leading zeros and larger numbers are refused, not repaired."""
    assert read_uint256(text) is None


def test_hex_is_bounded() -> None:
    """At the limit it is read, one byte above it is not."""
    assert read_hex("0x" + "ab" * 4, bytes_max=4) == b"\xab" * 4
    assert read_hex("0x" + "ab" * 5, bytes_max=4) is None
    assert read_hex("0x", bytes_max=4) == b""


@pytest.mark.parametrize("text", [*ODD_TYPES, "", "ab", "0xa", "0xzz", "0xab ", "0x ab", "0xa b"])
def test_what_is_no_hex_is_none(text: object) -> None:
    """Whole bytes after 0x, and nothing else."""
    assert read_hex(text, bytes_max=100) is None


def test_a_transaction_is_a_hash_or_none_at_all() -> None:
    """ "" stands for no transaction; a hash is kept in lower case."""
    assert read_transaction("") == ""
    assert read_transaction("0x" + "AB" * 32) == "0x" + "ab" * 32


@pytest.mark.parametrize("text", [*ODD_TYPES, "0x", "0x" + "ab" * 31, "ab" * 32, "0x" + "zz" * 32])
def test_what_is_no_transaction_is_none(text: object) -> None:
    """A missing or odd hash is not the same as no transaction."""
    assert read_transaction(text) is None


@given(raw=st.binary(max_size=64))
def test_hex_text_is_read_back(raw: bytes) -> None:
    """What we write, we read."""
    assert read_hex(hex_text(raw), bytes_max=64) == raw


@given(raw=st.binary(min_size=20, max_size=20))
def test_a_checksummed_address_is_the_reference_spelling(raw: bytes) -> None:
    """EIP-55 as the reference library spells it, and read back as the same bytes."""
    assert checksummed(raw) == to_checksum_address(raw)
    assert read_address(checksummed(raw)) == raw
