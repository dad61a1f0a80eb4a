"""Manual journals: what a person books by hand, with a reason, on the accounts that are a person's. Pure.

Calls explain the balances of their own accounts, row by row, and the audit
holds them to it. So a person never books on those, but beside them: on
`adjustment:` and the account's name, which has its class and side. Both
together are what is there. An account whose balance decides over calls cannot
be adjusted at all: the call would not see it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger import accounts, money
from ledger.accounts import Account, AccountClass, AccountId, Constraint, Side
from ledger.money import USD, MoneyText
from ledger.transfers import Journal, Transfer

ENTRIES_MAX: Final = 100
REASON_MAX: Final = 500
NAME_MAX: Final = 500
"""The most characters of an account's name, or of an id, that a person writes."""
KINDS: Final = ("sweep", "payout", "write_off", "opening", "adjustment")
"""What a person books: money moved away, debts paid, losses taken, what was there before, anything else."""

ADJUSTMENT: Final = "adjustment"
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OWN: Final[Mapping[str, tuple[AccountClass, Side, int]]] = {
    "bank": (AccountClass.ASSET, Side.DEBIT, 1),
    "owner": (AccountClass.EQUITY, Side.CREDIT, 2),
    "provider_payable": (AccountClass.LIABILITY, Side.CREDIT, 1),
    "tool_payable": (AccountClass.LIABILITY, Side.CREDIT, 1),
    "facilitator_payable": (AccountClass.LIABILITY, Side.CREDIT, 1),
    "platform_payable": (AccountClass.LIABILITY, Side.CREDIT, 0),
    "refund_payable": (AccountClass.LIABILITY, Side.CREDIT, 1),
    "unapplied_cash": (AccountClass.LIABILITY, Side.CREDIT, 1),
    "breakage": (AccountClass.REVENUE, Side.CREDIT, 0),
    "write_off": (AccountClass.EXPENSE, Side.DEBIT, 1),
}
"""A person's accounts, in dollars: class, side, and how many more parts their names have at most."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a document is not booked: one sentence for the operator."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """One movement as written: names of accounts, and an amount in their asset."""

    debit: AccountId
    credit: AccountId
    amount: str


@dataclass(frozen=True, slots=True)
class Manual:
    """A journal as a person writes it. `happened_us`: microseconds since the epoch.

    `corrects` is the id of the journal that it corrects, if it corrects one.
    """

    id: str
    kind: str
    reason: str
    happened_us: int
    lines: tuple[Line, ...]
    corrects: str = ""


def read(document: object, instant: Callable[[str], int]) -> Manual | Unfit:
    """Read what a person wrote; *instant* reads a time, and raises ValueError with a sentence."""
    members = ("id", "kind", "reason", "happened_at", "entries")
    if not isinstance(document, dict) or set(document) - {"corrects"} != set(members):
        return Unfit(f"a journal has exactly these members, and may have corrects: {', '.join(members)}")
    name, kind, reason, happened_at, entries = (document[member] for member in members)
    if not (isinstance(name, str) and _ID.fullmatch(name)):
        return Unfit("id has 1 to 64 letters, digits, dots, dashes and underscores")
    if kind not in KINDS:
        return Unfit(f"kind is one of {', '.join(KINDS)}")
    if not (isinstance(reason, str) and 0 < len(reason.strip()) <= REASON_MAX and reason.isprintable()):
        return Unfit(f"reason is one line of at most {REASON_MAX} characters")
    corrects = document.get("corrects", "")
    if not (isinstance(corrects, str) and _is_name(corrects)):
        return Unfit("corrects is the id of a journal")
    if not (isinstance(entries, list) and 0 < len(entries) <= ENTRIES_MAX):
        return Unfit(f"entries is a list of 1 to {ENTRIES_MAX} movements")
    try:
        happened_us = instant(str(happened_at))
        lines = tuple(_line(entry) for entry in entries)
    except ValueError as wrong:
        return Unfit(str(wrong))
    return Manual(name, kind, reason.strip(), happened_us, lines, corrects)


def journal(
    manual: Manual, *, key: str, now_us: int, find: Callable[[AccountId], Account | None]
) -> Journal | Unfit:
    """Return the journal that is booked; *key* names the operator's key, *find* gives a booked account."""
    if manual.happened_us > now_us:
        return Unfit("happened_at lies in the future")
    role = f"manual/{manual.id}"
    entries: list[Transfer] = []
    for n, line in enumerate(manual.lines):
        try:
            debit, credit = (touchable(name, find) for name in (line.debit, line.credit))
            amount = money.parse(line.amount, debit.asset)
        except (MoneyText, Untouchable) as wrong:
            return Unfit(f"entry {n + 1}: {wrong}")
        entries.append(Transfer(f"{role}/{n}", debit=debit, credit=credit, amount=amount))
    note = f"{manual.reason} (key {key})"
    kind = f"manual:{manual.kind}"
    return Journal(role, kind, tuple(entries), manual.happened_us, subject=manual.corrects, note=note)


class Untouchable(ValueError):
    """An account that a person may not book on. The message is one sentence."""


def touchable(name: AccountId, find: Callable[[AccountId], Account | None]) -> Account:
    """Return the account of this name, or raise Untouchable."""
    first, *rest = name
    written = accounts.text(name)
    if first == ADJUSTMENT and rest:
        return _beside(name, find(tuple(rest)))
    if first == "fx":
        bridge = find(name)
        if bridge is not None:
            return bridge
        raise Untouchable(f"there is no account {written}")
    if first not in _OWN:
        raise Untouchable(_not_a_persons(written, find(name)))
    kind, side, parts_max = _OWN[first]
    if len(rest) > parts_max or "" in rest:
        raise Untouchable(f"{written} is no account: {first} has at most {parts_max} more parts in its name")
    return Account(name, USD, kind, side)


def _not_a_persons(written: str, booked: Account | None) -> str:
    if booked is None:
        return f"there is no account {written}; book on one of {', '.join(_OWN)}"
    if booked.constraint is not Constraint.NONE:
        return f"{written} decides over calls, so nothing is booked on it by hand"
    return (
        f"{written} is explained by what the sidecar did; book on {ADJUSTMENT}:{written} beside it, "
        f"or on one of {', '.join(_OWN)}"
    )


def _beside(name: AccountId, of: Account | None) -> Account:
    written = accounts.text(name[1:])
    if of is None:
        raise Untouchable(f"there is no account {written} to adjust")
    if of.id[0] in {ADJUSTMENT, "fx", *_OWN}:
        raise Untouchable(f"{written} is a person's own: book on it, not beside it")
    if of.constraint is not Constraint.NONE:
        raise Untouchable(f"{written} decides over calls, which would not see an adjustment")
    return Account(name, of.asset, of.kind, of.side)


def _line(entry: Any) -> Line:
    if not isinstance(entry, dict) or set(entry) != {"debit", "credit", "amount"}:
        raise ValueError("an entry has exactly these members: debit, credit, amount")
    if not all(isinstance(value, str) for value in entry.values()):
        raise ValueError("debit, credit and amount are texts: write the amount in quotes")
    if not (_is_name(entry["debit"]) and _is_name(entry["credit"])):
        raise ValueError(f"an account's name is one line of at most {NAME_MAX} characters")
    return Line(accounts.parse(entry["debit"]), accounts.parse(entry["credit"]), entry["amount"])


def _is_name(text: str) -> bool:
    """Tell whether every store can keep *text*, and every report show it on its line."""
    return len(text) <= NAME_MAX and text.isprintable()
