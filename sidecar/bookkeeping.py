"""Bookkeeping: what a person writes into the books, closing a period and journals by hand. Nothing else does.

The same for the operator API of a running sidecar and for the commands without one.
"""

import asyncio
from functools import partial
from typing import Any, Final

from ledger import book, closing, periods
from ledger.accounts import Account, AccountId
from ledger.book import Created, Exists, Rejected
from ledger.closing import NotClosed
from ledger.signing import Signed, Signer
from ledger.store import Tx
from sidecar.adapters.storage.reading import Place
from sidecar.adapters.storage.reporting import read_trial
from sidecar.domain import manual
from sidecar.domain.manual import Manual, Unfit
from sidecar.finops import instants
from sidecar.ports import Storage

TRIES: Final = 3
_WHY: Final = {
    NotClosed.ENDS_LATER: "a period is closed an hour after its end at the earliest",
    NotClosed.CLOSED_BEFORE: "a later time is closed already, and nothing opens it again",
    NotClosed.NOTHING_BOOKED: "nothing is booked yet",
    NotClosed.CHANGED_MEANWHILE: "something was booked into it meanwhile: close it again",
}


class NotBooked(Exception):
    """Nothing was written. `reason` is stable; the message is one sentence for the operator."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Bookkeeping:
    """Writes for one operator: *key* names the key that asked for it."""

    def __init__(self, storage: Storage, place: Place, signer: Signer, key: str) -> None:
        self._storage = storage
        self._place = place
        self._signer = signer
        self._key = key

    async def close(self, document: object) -> dict[str, Any]:
        """Close all that happened before a time, `{"before": "2026-05-01"}`, and return what is signed."""
        if not isinstance(document, dict) or set(document) != {"before"}:
            raise NotBooked("malformed", "a close has exactly one member: before")
        try:
            through_us = instants.parse(str(document["before"])) - 1
        except ValueError as wrong:
            raise NotBooked("malformed", f"before: {wrong}") from wrong
        answer: Signed | NotClosed = NotClosed.CHANGED_MEANWHILE
        for _ in range(TRIES):
            trial = await asyncio.to_thread(read_trial, self._place, through_us)
            unit = partial(closing.close, signer=self._signer, through_us=through_us, trial=trial)
            answer = await self._storage.run(unit)
            if answer is not NotClosed.CHANGED_MEANWHILE:
                break
        if isinstance(answer, NotClosed):
            raise NotBooked(answer.value, _WHY[answer])
        return self._closed(answer)

    async def post(self, document: object) -> dict[str, Any]:
        """Book a journal that a person wrote; the same again is `exists`."""
        read = manual.read(document, instants.parse)
        if isinstance(read, Unfit):
            raise NotBooked("malformed", read.sentence)
        answer = await self._storage.run(partial(_post_unit, written=read, key=self._key))
        if isinstance(answer, Unfit):
            raise NotBooked("untouchable", answer.sentence)
        if isinstance(answer, Rejected):
            where = "" if answer.entry < 0 else f" in entry {answer.entry + 1}"
            raise NotBooked(answer.status.value, f"the books refuse it: {answer.status.value}{where}")
        status = "created" if isinstance(answer, Created) else "exists"
        return {"status": status, "seq": answer.seq, "id": f"manual/{read.id}"}

    def _closed(self, signed: Signed) -> dict[str, Any]:
        period = periods.read(signed.statement)
        return {
            "number": period.number,
            "before": instants.text(period.through_us + 1),
            "closed_at": instants.text(period.closed_us),
            "journals": period.head.seq,
            "items": [
                {"account": one.account, "asset": one.asset, "debits": one.debits, "credits": one.credits}
                for one in period.standings
            ],
            "statement": signed.statement,
            "signature": signed.signature.hex(),
            "public_key": self._signer.public_key.hex(),
        }


def _post_unit(tx: Tx, written: Manual, key: str) -> Created | Exists | Rejected | Unfit:
    def find(name: AccountId) -> Account | None:
        state = tx.account(name)
        return None if state is None else state.account

    if written.corrects and tx.journal(written.corrects) is None:
        return Unfit(f"there is no journal {written.corrects} to correct")
    journal = manual.journal(written, key=key, now_us=tx.recorded_us, find=find)
    return journal if isinstance(journal, Unfit) else book.submit(tx, journal)
