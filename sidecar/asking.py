"""Asking: a crew that asks for many payments, some at once, and commits together what came of it.

Who answers slowly keeps nobody else waiting: the answers that are here are committed,
and what comes next is asked for beside what is still to come.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sidecar.commits import in_units, together
from sidecar.domain import fees
from sidecar.domain.call import Offer
from sidecar.domain.choosing import Kind
from sidecar.domain.collecting import Answered, answers_unit
from sidecar.domain.events import NeedsAttention
from sidecar.domain.outcomes import NotSent, Unknown
from sidecar.domain.payments import State
from sidecar.domain.records import Payment
from sidecar.domain.settling import Recorded
from sidecar.ports import StorageGone
from sidecar.services import Services
from sidecar.settlement import Till, ask_in_turn, facilitator_body, kind_of, settled, till_of

RECORD_S: Final = 0.5
"""How long the answers of a batch wait for those that are still to come, in seconds."""

Member = asyncio.Task[None]


@dataclass(slots=True)
class _Batch:
    """What is to be asked, what came of it, and which payment of each kind tries out whom it is asked of."""

    to_ask: deque[Payment]
    first: Mapping[Kind, bytes]
    answers: list[Answered] = field(default_factory=list)
    not_sent: set[bytes] = field(default_factory=set)


class Crew:
    """Asks for at most *at_once* payments at a time, whatever batch they belong to."""

    def __init__(self, services: Services, offers: Mapping[Till, Offer], at_once: int) -> None:
        self._s = services
        self._offers = offers
        self._at_once = at_once
        self._members: set[Member] = set()
        self._late: set[asyncio.Task[None]] = set()

    async def ready(self) -> None:
        """Wait until somebody is free to ask."""
        while len(self._members) >= self._at_once:
            await asyncio.wait(self._members, return_when=asyncio.FIRST_COMPLETED)

    async def ask(self, payments: Sequence[Payment]) -> set[bytes]:
        """Ask for *payments*, which name whom, and record the answers; return what was not sent to anybody.

        What was asked for and has no answer yet, when all others have, is waited
        for and recorded beside what follows.
        """
        batch = _Batch(deque(payments), {kind_of(each): each.claim_key for each in reversed(payments)})
        working = {self._join(batch) for _ in payments[: self._at_once - len(self._members)]}
        try:
            while working:
                _, working = await asyncio.wait(working, timeout=RECORD_S)
                await self._take(batch)
                if working and not batch.to_ask:
                    late = asyncio.create_task(self._wait_for(working, batch))
                    self._late.add(late)
                    late.add_done_callback(self._late.discard)
                    break
        except BaseException:
            _cancel(working)
            raise
        return batch.not_sent

    async def finish(self) -> None:
        """Wait for all that was asked for."""
        while self._late:
            await asyncio.wait(self._late)

    def dismiss(self) -> None:
        """Wait for nobody: what was asked for is left to evidence."""
        _cancel(self._late)

    def _join(self, batch: _Batch) -> Member:
        member = asyncio.create_task(self._work(batch))
        self._members.add(member)
        member.add_done_callback(self._members.discard)
        return member

    async def _work(self, batch: _Batch) -> None:
        while batch.to_ask:
            payment = batch.to_ask.popleft()
            first = batch.first[kind_of(payment)] == payment.claim_key
            answered = await self._ask(payment, first=first)
            batch.answers.append(answered)  # to those that are there by now

    async def _wait_for(self, working: Collection[Member], batch: _Batch) -> None:
        """Record each answer that comes late; that the storage is gone by then is seen by all others."""
        try:
            while working:
                _, working = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
                await self._take(batch)
        except StorageGone:
            _cancel(working)
        except BaseException:
            _cancel(working)
            raise

    async def _ask(self, payment: Payment, *, first: bool) -> Answered:
        """Ask for one; not any more where nobody settles by now, or only to try out who does."""
        asked_us = self._s.clock.monotonic_us()
        try:
            if first or self._s.facilitators.admits(kind_of(payment)):
                body = facilitator_body(payment, self._offers[till_of(payment)])
                payment, outcome = await ask_in_turn(self._s, payment, body)
            else:
                outcome = NotSent()
        except Exception as defect:  # whatever it is, it may have been sent
            self._attention("collecting_failed", type(defect).__name__, payment.call)
            outcome = Unknown("defect")
        fee = fees.of_settlement(self._s.fees, payment.facilitator)
        return Answered(payment.claim_key, outcome, fee, self._s.clock.monotonic_us() - asked_us)

    async def _take(self, batch: _Batch) -> None:
        """Record the answers that are here."""
        answers, batch.answers = batch.answers, []
        if answers:
            self._s.reached("answered")
            await self._record(answers)
            self._s.reached("collected")
        batch.not_sent |= {each.claim_key for each in answers if isinstance(each.outcome, NotSent)}

    async def _record(self, answers: Sequence[Answered]) -> None:
        """Commit what came of asking; what the books refuse costs no other."""
        for some in in_units(answers):
            for answer, now in await together(self._commit, some, self._tripped):
                if now.payment.state is not State.OWED:
                    self._s.observer.saw(settled(now, answer.settle_us))
                if now.payment.state is State.DEFAULTED:
                    detail = f"delivered, and its settlement was refused: {now.payment.reason}"
                    self._attention("payment_defaulted", detail, now.payment.call)

    async def _commit(self, answers: Sequence[Answered]) -> list[Recorded]:
        unit = partial(answers_unit, answers=answers, now_us=self._s.clock.now_us())
        return await self._s.commits.insist(unit, "")

    def _tripped(self, defect: Exception, _: Sequence[Answered]) -> None:
        self._attention("collecting_failed", type(defect).__name__)

    def _attention(self, code: str, detail: str, call: str = "") -> None:
        self._s.observer.saw(NeedsAttention(code, detail, call))


def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
