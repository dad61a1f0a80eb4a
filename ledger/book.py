"""The book: load, decide, save. The only writer of journals."""

from ledger import rules
from ledger.rules import Accepted, Rejected
from ledger.store import Tx
from ledger.transfers import Journal
from ledger.values import value

__all__ = ["Created", "Exists", "Rejected", "submit"]


@value
class Created:
    """The journal is booked now, as number `seq`."""

    seq: int


@value
class Exists:
    """The same journal was booked before, as number `seq`; nothing changed."""

    seq: int


def submit(tx: Tx, journal: Journal) -> Created | Exists | Rejected:
    """Book *journal*, whole or not at all.

    The same journal again is Exists, also when its holds have been resolved
    since. Rejected changes nothing: the unit may go on, or raise Rollback to
    undo what else it wrote.
    """
    tx.prepare(journal)
    answer = _answer(tx, journal)
    if isinstance(answer, Rejected) and tx.unsure(journal):
        answer = _answer(tx, journal)
    return answer


def _answer(tx: Tx, journal: Journal) -> Created | Exists | Rejected:
    booked = tx.journal(journal.id)
    if booked is not None:
        return rules.difference(booked, journal) or Exists(booked.seq)
    verdict = rules.decide(tx, journal)
    if isinstance(verdict, Accepted):
        return Created(tx.append(journal, verdict))
    return verdict
