"""What the ledger's tests speak of, with good defaults: a test names only what matters."""

from dataclasses import dataclass, replace

from ledger.accounts import Account, AccountClass, Constraint, Side
from ledger.money import USD, Amount, nano
from ledger.transfers import Entry, Expire, Journal, Pending, Post, Transfer, Void

CASH = Account(("cash",), USD, AccountClass.ASSET, Side.DEBIT)
SALES = Account(("revenue", "a:b%"), USD, AccountClass.REVENUE, Side.CREDIT)
BUYER = Account(("buyer", "0xb"), USD, AccountClass.LIABILITY, Side.CREDIT, Constraint.NO_NEGATIVE)
TILL = Account(("till",), USD, AccountClass.ASSET, Side.DEBIT, Constraint.NO_NEGATIVE)
OPEN = Account(("authorized", "0xb"), USD, AccountClass.ASSET, Side.DEBIT, Constraint.LIMIT, limit=1000)
OWED = Account(("owed",), USD, AccountClass.LIABILITY, Side.CREDIT, Constraint.LIMIT, limit=1000)


@dataclass
class Ticks:
    """A clock that says what it is told, microseconds."""

    us: int = 1_000_000

    def __call__(self) -> int:
        return self.us


def move(name: str, debit: Account = CASH, credit: Account = BUYER, units: int = 100) -> Transfer:
    return Transfer(name, debit=debit, credit=credit, amount=Amount(units, debit.asset))


def hold(name: str, debit: Account = BUYER, credit: Account = SALES, units: int = 100) -> Pending:
    return Pending(name, debit=debit, credit=credit, amount=Amount(units, debit.asset))


def post(name: str, pending_id: str, units: int = 100) -> Post:
    return Post(name, pending_id=pending_id, amount=nano(units))


def void(name: str, pending_id: str) -> Void:
    return Void(name, pending_id=pending_id)


def expire(name: str, pending_id: str) -> Expire:
    return Expire(name, pending_id=pending_id)


def journal(
    name: str, *entries: Entry, kind: str = "test", happened_us: int = 7, subject: str = ""
) -> Journal:
    return Journal(name, kind, entries or (move(f"{name}/0"),), happened_us, subject=subject)


def limited(account: Account, units: int | None) -> Account:
    return replace(account, limit=units)
