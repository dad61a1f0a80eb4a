"""The chart of accounts: every account the sidecar books on, in one place. Knows no events.

Class and normal side follow the design's chart. Only accounts with a limit or
a floor are constrained; the others are append-only, so no endpoint is a hot row.
"""

from functools import lru_cache
from typing import Final

from ledger.accounts import Account, AccountClass, Constraint, Side
from ledger.money import USD, Amount, Asset

_kept: Final = lru_cache(maxsize=4_096)
"""An account is a value: those in use are made once, and compared by being the same."""


def _account(kind: AccountClass, side: Side, *parts: str) -> Account:
    return Account(id=parts, asset=USD, kind=kind, side=side)


def hexed(address: bytes) -> str:
    """Return an address as the books write it: lower case, so one wallet is one account."""
    return "0x" + address.hex()


def authorized(network: str, payer: str, cap: Amount | None = None) -> Account:
    """Verified and not yet final; bounded by the payer's exposure *cap*.

    Only what increases the account is held against the cap, so whoever
    decreases it need not know it.
    """
    account = _authorized(network, payer)
    if cap is None:
        return account
    return Account(account.id, USD, account.kind, account.side, account.constraint, cap.units)


@_kept
def _authorized(network: str, payer: str) -> Account:
    return Account(("authorized", network, payer), USD, AccountClass.ASSET, Side.DEBIT, Constraint.LIMIT)


@_kept
def deposit(payer: str) -> Account:
    """Signed or paid for a call not yet delivered; never negative."""
    return Account(("deposit", payer), USD, AccountClass.LIABILITY, Side.CREDIT, Constraint.NO_NEGATIVE)


@_kept
def buyer(payer: str) -> Account:
    """Returned and prepaid credits; never negative."""
    return Account(("buyer", payer), USD, AccountClass.LIABILITY, Side.CREDIT, Constraint.NO_NEGATIVE)


@_kept
def reported(network: str, facilitator: str) -> Account:
    """Settled by a facilitator's word, not yet seen on chain."""
    return _account(AccountClass.ASSET, Side.DEBIT, "reported", network, facilitator)


@_kept
def onchain(network: str, asset: str, pay_to: str) -> Account:
    """Seen final on chain, by its USD value."""
    return _account(AccountClass.ASSET, Side.DEBIT, "onchain", network, asset, pay_to)


@_kept
def token(network: str, asset: str, pay_to: str, decimals: int) -> Account:
    """The same money in the asset's own atomic units."""
    unit = Asset(f"{network}/{asset}", decimals)
    return Account(("token", network, asset, pay_to), unit, AccountClass.ASSET, Side.DEBIT)


@_kept
def bridge(network: str, asset: str, decimals: int) -> Account:
    """The other side of `token`: where atomic units meet their USD value."""
    unit = Asset(f"{network}/{asset}", decimals)
    return Account(("fx", network, asset), unit, AccountClass.EQUITY, Side.CREDIT)


def suspense(network: str) -> Account:
    """Undecidable money, waiting for a person."""
    return _account(AccountClass.ASSET, Side.DEBIT, "suspense", network)


@_kept
def revenue(endpoint: str) -> Account:
    """Gross revenue; never edited."""
    return _account(AccountClass.REVENUE, Side.CREDIT, "revenue", endpoint)


@_kept
def rounding() -> Account:
    """What rounding a price up to an atomic unit brought in."""
    return _account(AccountClass.REVENUE, Side.CREDIT, "rounding")


@_kept
def cost(kind: str, endpoint: str, name: str) -> Account:
    """A cost line; kind is model, tool, external or retry."""
    return _account(AccountClass.EXPENSE, Side.DEBIT, "cost", str(kind), endpoint, name)


@_kept
def payable(kind: str, name: str) -> Account:
    """What we owe for a cost: the model provider's account, or the tool's."""
    owner = "provider_payable" if kind in {"model", "external", "retry"} else "tool_payable"
    return _account(AccountClass.LIABILITY, Side.CREDIT, owner, name)


@_kept
def facilitator_fee(facilitator: str) -> Account:
    """Settlement fees charged by a facilitator."""
    return _account(AccountClass.EXPENSE, Side.DEBIT, "fee", "facilitator", facilitator)


@_kept
def facilitator_payable(facilitator: str) -> Account:
    """Settlement fees owed to a facilitator."""
    return _account(AccountClass.LIABILITY, Side.CREDIT, "facilitator_payable", facilitator)


@_kept
def declared_fee(name: str) -> Account:
    """A fee the agent declared, to whom it says."""
    return _account(AccountClass.EXPENSE, Side.DEBIT, "fee", "declared", name)


def bad_debt(endpoint: str) -> Account:
    """Delivered and not paid; less what was paid for it later."""
    return _account(AccountClass.EXPENSE, Side.DEBIT, "bad_debt", endpoint)


@_kept
def platform_fee() -> Account:
    """The platform's share of revenue."""
    return _account(AccountClass.EXPENSE, Side.DEBIT, "fee", "platform")


@_kept
def platform_payable() -> Account:
    """Platform fees owed."""
    return _account(AccountClass.LIABILITY, Side.CREDIT, "platform_payable")
