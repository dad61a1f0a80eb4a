"""Payment rows: a payment as the columns of its table, and back. Asks no database."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Payment

_RENAMED: Final = {"call": "call_id", "transaction": "transaction_hash"}
_FIELDS: Final = tuple(field.name for field in fields(Payment))
COLUMNS: Final = tuple(_RENAMED.get(name, name) for name in _FIELDS)
"""The columns, in the order of the dataclass."""


def payment_from(row: Sequence[object]) -> Payment:
    """Return the payment of a row selected in the order of the dataclass."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["state"] = State(str(values["state"]))
    values["proof"] = Proof(str(values["proof"]))
    for name in ("watched", "on_credit"):
        values[name] = bool(values[name])
    return Payment(**values)  # type: ignore[arg-type]  # STRICT columns hold the types the schema names


def values_of(payment: Payment) -> list[object]:
    """Return what each of the columns holds of a payment."""
    return [_plain(getattr(payment, name)) for name in _FIELDS]


def _plain(value: object) -> object:
    if isinstance(value, State | Proof):
        return value.value
    return int(value) if isinstance(value, bool) else value
