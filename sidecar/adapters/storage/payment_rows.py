"""Payment rows: a payment as the columns of its table, and back. Asks no database."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, Final

from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Payment

_RENAMED: Final = {"call": "call_id", "transaction": "transaction_hash"}
COLUMNS: Final = tuple(_RENAMED.get(name, name) for name in Payment._fields)
"""The columns, in the order of the fields."""

_AT: Final = {name: at for at, name in enumerate(Payment._fields)}
_HELD: Final[Mapping[type, Callable[[Any], str | int]]] = {State: str, Proof: str, bool: int}
_STATES: Final = {state.value: state for state in State}
_PROOFS: Final = {proof.value: proof for proof in Proof}
_STATE, _PROOF, _WATCHED, _ON_CREDIT = map(Payment._fields.index, ("state", "proof", "watched", "on_credit"))


def payment_from(row: Sequence[object]) -> Payment:
    """Return the payment of a row selected in the order of the fields."""
    values = [*row]
    values[_STATE] = _STATES[str(values[_STATE])]
    values[_PROOF] = _PROOFS[str(values[_PROOF])]
    values[_WATCHED] = bool(values[_WATCHED])
    values[_ON_CREDIT] = bool(values[_ON_CREDIT])
    return Payment._make(values)


def digest(claim_key: bytes) -> bytes:
    """Return by what a claim is unique and found: 16 bytes for its 104, so that few pages have all of them.

    Claims that nobody can tell apart by it would be one claim, so nothing is paid for twice.
    """
    return sha256(claim_key).digest()[:16]


def values_of(payment: Payment) -> list[object]:
    """Return what a new row holds of a payment: its claim's digest, and each of the columns."""
    values: list[object] = [digest(payment.claim_key), *payment]
    values[1 + _STATE] = str(payment.state)
    values[1 + _PROOF] = str(payment.proof)
    values[1 + _WATCHED] = int(payment.watched)
    values[1 + _ON_CREDIT] = int(payment.on_credit)
    return values


def changed(payment: Payment, changes: Mapping[str, object]) -> Payment:
    """Return *payment* with other values of some fields."""
    values: list[object] = [*payment]
    for name, value in changes.items():
        values[_AT[name]] = value
    return Payment._make(values)


def update(payment: Payment, changes: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return the UPDATE of the columns of these fields, of the row of *payment*, and its values."""
    values = [as_held(value) if (as_held := _HELD.get(type(value))) else value for value in changes.values()]
    values.append(digest(payment.claim_key))
    return _update((*changes,)), values


@cache
def _update(names: tuple[str, ...]) -> str:
    columns = ", ".join(f"{_RENAMED.get(name, name)} = ?" for name in names)
    return f"UPDATE payments SET {columns} WHERE claim_digest = ?"  # noqa: S608 own names only
