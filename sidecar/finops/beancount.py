"""Beancount: all journals as text that `bean-check` accepts and adds up by itself. Pure.

Only what is posted is written: beancount knows no holds. At the end it is told
each balance of ours as of the day after, and finds it itself or complains.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from ledger import accounts
from ledger.accounts import Account, AccountClass
from ledger.money import Amount, Asset, text
from ledger.transfers import Booked, Kind

_ROOTS: Final = {
    AccountClass.ASSET: "Assets",
    AccountClass.LIABILITY: "Liabilities",
    AccountClass.EQUITY: "Equity",
    AccountClass.REVENUE: "Income",
    AccountClass.EXPENSE: "Expenses",
    AccountClass.MEMORANDUM: "Equity:Memorandum",
}
_PLAIN: Final = re.compile(r"[A-Z][A-Z0-9]{0,22}")
_OTHER: Final = re.compile(r"[^A-Za-z0-9]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HASH_DIGITS: Final = 20
_HEADER: Final = """; All journals of a sidecar's books. Our own names stand beside those of beancount.
option "title" "sidecar"
option "operating_currency" "USD"
"""


def journal_text(journals: Iterable[Booked]) -> Iterator[str]:
    """Yield the header, each journal as a transaction, and each account's balance after all of them."""
    yield _HEADER
    sums: dict[Account, int] = defaultdict(int)
    assets: set[Asset] = set()
    last_us = 0
    for journal in journals:
        postings: list[str] = []
        for row in journal.rows:
            if row.kind not in {Kind.TRANSFER, Kind.POST}:
                continue
            for account, units in ((row.debit, row.units), (row.credit, -row.units)):
                if account.asset not in assets:
                    assets.add(account.asset)
                    yield _commodity(account.asset)
                if account not in sums:
                    yield _opening(account)
                sums[account] += units
                postings.append(f"  {name(account)}  {_money(units, account.asset)}\n")
        if postings:
            last_us = max(last_us, journal.happened_us)
            yield _heading(journal) + "".join(postings)
    for account, units in sorted(sums.items(), key=lambda item: name(item[0])):
        # Beancount would forgive a difference in the last place; nothing is forgiven here.
        number, currency = _money(units, account.asset).split(" ")
        yield f"{_day(last_us, after=1)} balance {name(account)}  {number} ~ 0 {currency}\n"


def name(account: Account) -> str:
    """Return the account's name in beancount; no two accounts have one.

    A part begins with a capital letter or a digit and has only letters, digits
    and `-`. So a small letter in front becomes a capital; a capital in front is
    marked by a final `-`; anything else is `-` and the two digits of each byte,
    in front after `X-`.
    """
    return ":".join([_ROOTS[account.kind], *map(_part, account.id)])


def currency(asset: Asset) -> str:
    """Return the asset's name in beancount, of at most 24 characters."""
    if _PLAIN.fullmatch(asset.code):
        return asset.code
    return "T" + sha256(asset.code.encode()).hexdigest()[:_HASH_DIGITS].upper()


def _part(part: str) -> str:
    written = _OTHER.sub(lambda found: "".join(f"-{byte:02X}" for byte in found[0].encode()), part)
    if not part or written.startswith("-"):
        return f"X-{written or '-'}"
    first = part[0]
    if first.islower():
        return first.upper() + written[1:]
    return written if first.isdigit() else f"{written}-"


def _commodity(asset: Asset) -> str:
    return f"\n1970-01-01 commodity {currency(asset)}\n  asset: {_quoted(asset.code)}\n"


def _opening(account: Account) -> str:
    opened = f"\n1970-01-01 open {name(account)} {currency(account.asset)}\n"
    return f"{opened}  account: {_quoted(accounts.text(account.id))}\n"


def _heading(journal: Booked) -> str:
    lines = [
        f"\n{_day(journal.happened_us)} * {_quoted(journal.kind)} {_quoted(journal.note)}",
        f"  seq: {journal.seq}",
        f"  journal: {_quoted(journal.id)}",
        *([f"  subject: {_quoted(journal.subject)}"] if journal.subject else []),
    ]
    return "\n".join(lines) + "\n"


def _money(units: int, asset: Asset) -> str:
    return f"{text(Amount(units, asset))} {currency(asset)}"


def _day(us: int, after: int = 0) -> str:
    return (_EPOCH + timedelta(microseconds=us, days=after)).date().isoformat()


def _quoted(content: str) -> str:
    escaped = content.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
