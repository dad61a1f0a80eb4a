"""Somebody who sees a settlement on its way and broadcasts the same authorization first. Knows no pool.

An EIP-3009 transfer names no sender: whoever pays the gas may send it, and the money goes where it was
signed to go.
"""

from typing import Final

from eth.abc import SignedTransactionAPI
from eth.vm.forks.prague import PragueVM
from eth_keys.datatypes import PrivateKey

from sidecar.sandbox import keys, token

TRANSFERS: Final = frozenset({bytes.fromhex("e3ee160e"), bytes.fromhex("cf092995")})
"""Selectors of transferWithAuthorization, the signature as v, r, s and as bytes."""

ADDRESS: Final = bytes.fromhex(keys.RIVAL.address.removeprefix("0x"))
_TOKEN: Final = bytes.fromhex(token.ADDRESS.removeprefix("0x"))
_KEY: Final = PrivateKey(bytes.fromhex(keys.RIVAL.private_key.removeprefix("0x")))


def copied(settlement: SignedTransactionAPI, *, nonce: int, chain_id: int) -> SignedTransactionAPI | None:
    """Sign the same transfer from the rival's account; None if *settlement* transfers by no authorization."""
    if settlement.to != _TOKEN or settlement.data[:4] not in TRANSFERS:
        return None
    unsigned = PragueVM.get_transaction_builder().create_unsigned_transaction(
        nonce=nonce,
        gas_price=settlement.max_fee_per_gas,
        gas=settlement.gas,
        to=settlement.to,
        value=0,
        data=settlement.data,
    )
    return unsigned.as_signed_transaction(_KEY, chain_id=chain_id)
