"""Payment rows: a payment as the columns of its table, and back. Asks no database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
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


def values_of(payment: Payment) -> list[object]:
    """Return what each of the columns holds of a payment."""
    values: list[object] = [*payment]
    values[_STATE] = str(payment.state)
    values[_PROOF] = str(payment.proof)
    values[_WATCHED] = int(payment.watched)
    values[_ON_CREDIT] = int(payment.on_credit)
    return values


def plain(values: Iterable[object]) -> list[object]:
    """Return values of fields as their columns hold them."""
    return [as_held(value) if (as_held := _HELD.get(type(value))) else value for value in values]


def changed(payment: Payment, changes: Mapping[str, object]) -> Payment:
    """Return *payment* with other values of some fields."""
    values: list[object] = [*payment]
    for name, value in changes.items():
        values[_AT[name]] = value
    return Payment._make(values)


@cache
def change(names: tuple[str, ...]) -> str:
    """Write an UPDATE of the columns of these fields, of the row of a claim key."""
    columns = ", ".join(f"{_RENAMED.get(name, name)} = ?" for name in names)
    return f"UPDATE payments SET {columns} WHERE claim_key = ?"  # noqa: S608 own names only
