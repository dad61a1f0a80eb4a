"""EVM addresses as people write them. Knows no network."""

import re
from typing import Final

from sidecar.configuration.problems import WrongValue
from sidecar.configuration.reading import Number
from sidecar.x402.evm_text import checksummed

__all__ = ["ADDRESS", "address", "checksummed"]

ADDRESS: Final = r"0x[0-9a-fA-F]{40}"


def address(value: object) -> bytes:
    """Read `0x` and 40 hex digits. Mixed case is a checksum and has to hold; zero is nobody's.

    The sentences never repeat the value: what stands here by mistake may be a private key.
    """
    if isinstance(value, Number):
        raise WrongValue("address_number", 'YAML read this address as a number; put it in quotes: "0x..."')
    if not isinstance(value, str) or not re.fullmatch(ADDRESS, value):
        raise WrongValue("address", "an address is 0x and 40 hex digits")
    raw = bytes.fromhex(value[2:])
    if not any(raw):
        raise WrongValue("address_zero", "the zero address belongs to nobody; money sent there is lost")
    digits = value[2:]
    if digits not in {digits.lower(), digits.upper()} and value != checksummed(raw):
        raise WrongValue("address_checksum", "the capitals do not fit (EIP-55): a digit is wrong")
    return raw
