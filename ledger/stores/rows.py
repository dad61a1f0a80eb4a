"""How rows of the ledger's tables become values; shared by the transaction and the readers. No SQL here."""

from collections.abc import Iterable
from typing import Final

from ledger import accounts
from ledger.accounts import Account, AccountClass, Constraint, Side
from ledger.balances import Balance
from ledger.money import Asset
from ledger.transfers import Kind

AccountRow = tuple[int, str, str, int, str, str, str]
"""no, id, asset, decimals, kind, side, bound: the order in which every statement selects an account."""

_NO_NEGATIVE: Final = Constraint.NO_NEGATIVE

KINDS: Final = {kind.value: kind for kind in Kind}
"""Entry kinds by their text; KeyError for any other."""


def account(row: AccountRow) -> Account:
    """Return the account of a row; ValueError if it was not written by this ledger."""
    _, name, code, decimals, kind, side, bound = row
    asset = Asset(code, decimals)
    return Account(accounts.parse(name), asset, AccountClass(kind), Side(side), Constraint(bound))


def floor(of: Account) -> str:
    """Return the side that may not be overdrawn, as the balance row's check reads it."""
    return str(of.side) if of.constraint is _NO_NEGATIVE else "none"


def balance(sums: Iterable[tuple[str, str, int, int]]) -> Balance:
    """Return the counters from (side, phase, high, low).

    Amounts are summed in two halves of 31 and 32 bits, so that no sum in the
    database can overflow, whatever the counters add up to.
    """
    return Balance(**{f"{side}s_{phase}": (high << 31) + low for side, phase, high, low in sums})
