"""A token transfer as the chain logs it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransferLog:
    """One ERC-20 Transfer in a successful transaction; addresses as 20 bytes, value in atomic units."""

    transaction: str
    log_index: int
    block: int
    payer: bytes
    pay_to: bytes
    value: int
