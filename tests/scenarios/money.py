"""The law of the till: what moved on chain is in the books, and every unit bought a call or is owed."""

import time
from dataclasses import dataclass, field
from typing import Any, Final

from tests.scenarios.stand import NANO_PER_UNIT, Running, Stand

TRIES: Final = 120
PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Books:
    """What the operator API tells at one time; balances in the smallest unit of their asset, by account."""

    broken: dict[str, list[str]]
    calls: list[dict[str, Any]]
    balances: dict[str, int] = field(repr=False)

    def of(self, *parts: str) -> int:
        """Sum the accounts whose names begin with *parts*."""
        start = ":".join(parts) + ":"
        return sum(units for name, units in self.balances.items() if f"{name}:".startswith(start))

    def owed_to(self, payer: str) -> int:
        """Return a payer's credit in nano-USD."""
        return self.balances.get(f"buyer:{payer.lower()}", 0)

    def sold_to(self, payer: str) -> int:
        """Return what a payer's calls earned that were delivered and are paid, nano-USD."""
        settled = (call for call in self.calls if call["settlement"] == "settled")
        return sum(_units(call["captured_usd"]) for call in settled if call["buyer"] == payer.lower())

    @property
    def to_collect(self) -> list[str]:
        """Return the calls that were delivered and that somebody still has to be asked for."""
        return [
            call["id"]
            for call in self.calls
            if call["settlement"] == "pending" and _units(call["captured_usd"])
        ]

    def paid_in(self) -> set[str]:
        """Return the transactions of the calls that earned something or gave credit."""
        return {
            call["transaction"]
            for call in self.calls
            if _units(call["captured_usd"]) or _units(call["credited_usd"])
        }


def read(running: Running) -> Books:
    """Read the books of a running sidecar; the audit is run now."""
    audit = running.ask("/api/v1/ledger/audit")
    return Books(
        broken={check["id"]: check["found"] for check in audit["checks"] if check["rows"]},
        calls=_all(running, "/api/v1/calls"),
        balances={
            each["account"]: _units(each["balance"]) for each in _all(running, "/api/v1/ledger/accounts")
        },
    )


def disagreement(stand: Stand, books: Books) -> str:
    """Say how the books differ from the chain, or nothing if every unit that moved is accounted for."""
    taken = stand.taken()
    seen, onchain = books.of("token"), stand.sandbox.balance_of(stand.pay_to)
    if seen != onchain or sum(taken.values()) != onchain:
        return f"{onchain} units are on chain, {seen} in the books, {sum(taken.values())} in transfers"
    if books.of("reported") != 0:
        return f"{books.of('reported')} nano-USD are reported and not seen"
    if books.to_collect:
        return f"{books.to_collect} are delivered and not collected"
    for payer in {*taken, *(call["buyer"] for call in books.calls)}:
        paid = taken.get(payer, 0) * NANO_PER_UNIT
        explained = books.sold_to(payer) + books.owed_to(payer)
        if paid != explained:
            return f"{payer} paid {paid} nano-USD and got {explained} worth of calls and credit"
    return ""


def settled_down(stand: Stand, running: Running) -> Books:
    """Let blocks come until chain and books agree, and return the books. The audit is clean all the way."""
    problem = ""
    for _ in range(TRIES):
        stand.sandbox.rpc("evm_mine")
        books = read(running)
        assert books.broken == {}, books.broken
        problem = disagreement(stand, books)
        if not problem:
            return books
        time.sleep(PAUSE_S)
    raise AssertionError(problem)


def _all(running: Running, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = running.ask(f"{path}?limit=1000{cursor}")
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


def _units(text: str) -> int:
    return int(text.replace(".", ""))
