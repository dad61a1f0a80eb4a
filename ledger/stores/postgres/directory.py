"""The directory: accounts that a process has met, under their names and numbers.

An account never changes, so what is known once is known for good, over all connections
of the process; but one that a unit has opened is there only when that unit is committed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Met:
    """Accounts that are there. Any thread may add one; none is ever taken out."""

    by_id: dict[AccountId, tuple[int, Account]] = field(default_factory=dict)
    by_no: dict[int, Account] = field(default_factory=dict)


class Known:
    """What all connections of a process have met. When it is much, it is begun again."""

    def __init__(self) -> None:
        self.met = _Met()

    def trimmed(self) -> _Met:
        """Return it for a group of units, which goes on seeing what it has seen."""
        if len(self.met.by_id) > _KNOWN_MAX:
            self.forget()
        return self.met

    def forget(self) -> None:
        """Begin again, as with a new connection: a standby that took over may lack the newest accounts."""
        self.met = _Met()


class Directory:
    """Accounts by name and number, read by *direct* statements when they are asked for."""

    def __init__(self, direct: Direct, known: Known) -> None:
        self._direct = direct
        self._known = known
        self._met = known.met
        self._opened = _Met()  # by units of this group

    def begin_group(self) -> None:
        """Start a group of units."""
        self._met = self._known.trimmed()

    def end_group(self, *, committed: bool) -> None:
        """Let all know what was opened, if it is there now."""
        if committed:
            self._met.by_no |= self._opened.by_no
            self._met.by_id |= self._opened.by_id
        self._opened = _Met()

    def find(self, account_id: AccountId) -> tuple[int, Account] | None:
        """Return number and account; None if nobody has opened it."""
        known = self.known(account_id)
        if known is None and not self.missing({account_id: accounts.text(account_id)}):
            known = self.known(account_id)
        return known

    def missing(self, named: Mapping[AccountId, str]) -> list[str]:
        """Meet these accounts; returns the names of those that nobody has opened."""
        unknown = [name for one, name in named.items() if self.known(one) is None]
        if not unknown:
            return unknown
        self._read("accounts_by_id", texts_text(unknown))
        return [name for one, name in named.items() if self.known(one) is None]

    def meet(self, numbers: Iterable[int]) -> None:
        """Meet the accounts of *numbers*, which are there."""
        unknown = [no for no in numbers if no not in self._met.by_no and no not in self._opened.by_no]
        if unknown:
            self._read("accounts_by_no", numbers_text(unknown))

    def number(self, account: Account) -> int:
        """Return the number of an account that was met."""
        known = self.known(account.id)
        assert known is not None, "an account that is booked on was met"
        return known[0]

    def account(self, no: int) -> Account:
        """Return the account of a number that was met."""
        return self._met.by_no.get(no) or self._opened.by_no[no]

    def known(self, account_id: AccountId) -> tuple[int, Account] | None:
        """Return number and account if it was met."""
        return self._met.by_id.get(account_id) or self._opened.by_id.get(account_id)

    def draw(self, count: int) -> list[int]:
        """Return numbers for accounts that are about to be opened; nobody else gets them."""
        return [int(no or 0) for (no,) in self._direct.run(_SQL["numbers"], str(count))]

    def add(self, no: int, account: Account) -> None:
        """Remember an account that a unit of this group opens."""
        self._opened.by_id[account.id] = (no, account)
        self._opened.by_no[no] = account

    def forget(self, names: Iterable[AccountId]) -> None:
        """Forget accounts that were opened by what was undone."""
        for name in names:
            known = self._opened.by_id.pop(name, None)
            if known is not None:
                self._opened.by_no.pop(known[0], None)

    def _read(self, query: str, wanted: str) -> None:
        for row in self._direct.run(_SQL[query], wanted):
            no, name, code, decimals, kind, side, bound = ((text or b"").decode() for text in row)
            account = to.account((int(no), name, code, int(decimals), kind, side, bound))
            self._met.by_no[int(no)] = account
            self._met.by_id[account.id] = (int(no), account)
