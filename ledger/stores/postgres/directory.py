"""The directory: accounts that a connection has met, under their names and numbers.

An account never changes, so what is known once is known for good; but one that a
unit has opened is there only when that unit is committed.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from ledger import accounts, queries
from ledger.accounts import Account, AccountId
from ledger.stores import rows as to
from ledger.stores.migrate import SQL
from ledger.stores.postgres.direct import Direct
from ledger.stores.postgres.draft import numbers_text, texts_text

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "directory.sql").items()}

_KNOWN_MAX: Final = 65_536
"""Accounts remembered from group to group; all are forgotten when there are more."""


class Directory:
    """Accounts by name and number, read read by *direct* statements when they are asked for."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._by_id: dict[AccountId, tuple[int, Account]] = {}
        self._by_no: dict[int, Account] = {}

    def trim(self) -> None:
        """Forget everything if it is much. Between groups only: what one has opened is known nowhere else."""
        if len(self._by_id) > _KNOWN_MAX:
            self._by_id.clear()
            self._by_no.clear()

    def find(self, account_id: AccountId) -> tuple[int, Account] | None:
        """Return number and account; None if nobody has opened it."""
        known = self._by_id.get(account_id)
        if known is None and not self.missing({account_id: accounts.text(account_id)}):
            known = self._by_id[account_id]
        return known

    def missing(self, named: Mapping[AccountId, str]) -> list[str]:
        """Meet these accounts; returns the names of those that nobody has opened."""
        unknown = [name for one, name in named.items() if one not in self._by_id]
        if unknown:
            self._read("accounts_by_id", texts_text(unknown))
        return [name for one, name in named.items() if one not in self._by_id]

    def meet(self, numbers: Iterable[int]) -> None:
        """Meet the accounts of *numbers*, which are there."""
        unknown = [no for no in numbers if no not in self._by_no]
        if unknown:
            self._read("accounts_by_no", numbers_text(unknown))

    def number(self, account: Account) -> int:
        """Return the number of an account that was met."""
        return self._by_id[account.id][0]

    def account(self, no: int) -> Account:
        """Return the account of a number that was met."""
        return self._by_no[no]

    def known(self, account_id: AccountId) -> tuple[int, Account] | None:
        """Return number and account if it was met."""
        return self._by_id.get(account_id)

    def draw(self, count: int) -> list[int]:
        """Return numbers for accounts that are about to be opened; nobody else gets them."""
        return [int(no or 0) for (no,) in self._direct.run(_SQL["numbers"], str(count))]

    def add(self, no: int, account: Account) -> None:
        """Remember an account."""
        self._by_id[account.id] = (no, account)
        self._by_no[no] = account

    def forget(self, names: Iterable[AccountId]) -> None:
        """Forget accounts that were opened by what was undone."""
        for name in names:
            known = self._by_id.pop(name, None)
            if known is not None:
                self._by_no.pop(known[0], None)

    def _read(self, query: str, wanted: str) -> None:
        for row in self._direct.run(_SQL[query], wanted):
            no, name, code, decimals, kind, side, bound = ((text or b"").decode() for text in row)
            self.add(int(no), to.account((int(no), name, code, int(decimals), kind, side, bound)))
