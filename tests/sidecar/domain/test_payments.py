"""The life of a payment: its table, and the money of any life on a real book."""

import asyncio
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.money import nano
from sidecar.adapters.storage.reading import open_read_only
from sidecar.domain.admission import Repeated
from sidecar.domain.call import Admitted, Flow
from sidecar.domain.closing import Ending, abandon_unit, close_orphan_unit
from sidecar.domain.collecting import naming_unit
from sidecar.domain.outcomes import Failed, NotSent, Paid, Unknown
from sidecar.domain.payments import NEXT, SERVED_FIRST, Fact, Proof, State, after, settlement
from sidecar.domain.records import Closing, Payment
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.resolving import confirmed_by_word_unit, dead_unit, undecidable_unit
from sidecar.domain.settling import renamed_unit
from tests.sidecar.builders import NOW_US, OTHER_WALLET, RUN, Books, a_log, an_endpoint, verified
from tests.sidecar.domain.lives import (
    ANSWERS,
    ASKED,
    BOUGHT,
    ENDINGS,
    REFUSED,
    RUNNING,
    WAITING,
    Life,
    an_outcome,
    on_chain,
)
from tests.sidecar.remembering import Undoing
from tests.sidecar.shop import FEE, line
from tests.sidecar.x402.signing import WALLET

R = TypeVar("R")

REENTRIES: Final = 2
COST: Final = 7
FEE_UNITS: Final = 10**6
MODEL: Final = line(units=COST)
ENDS: Final = {State.SUSPENDED}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("fact", Fact)
def test_a_fact_moves_a_payment_by_the_table_or_not_at_all(state: State, fact: Fact) -> None:
    """Every pair is either in the table or a programmer's error that names it."""
    if (state, fact) in NEXT:
        assert after(state, fact) is NEXT[state, fact]
    else:
        with pytest.raises(AssertionError, match=f"that is {state} cannot be {fact}"):
            after(state, fact)


def test_every_state_is_reached_and_only_decided_ones_are_ends() -> None:
    """From its two beginnings a payment can come to every state; only what waits for a person is an end."""
    todo = [State.OPEN, State.SPENDING]
    reached = set(todo)
    while todo:
        here = todo.pop()
        todo += [to for (state, _), to in NEXT.items() if state is here and to not in reached]
        reached |= set(todo)

    assert reached == set(State)
    assert set(State) - {state for state, _ in NEXT} == ENDS
    assert {fact for _, fact in NEXT} == set(Fact)


def test_unknown_is_left_by_evidence_alone() -> None:
    """No answer of ours and no time leads out of unknown: the chain does, a clean word, or a person."""
    assert {fact: to for (state, fact), to in NEXT.items() if state is State.UNKNOWN} == {
        Fact.CONFIRMED: State.CREDITED,
        Fact.EXPIRED: State.FAILED,
        Fact.UNDECIDABLE: State.SUSPENDED,
    }


def test_what_was_delivered_unpaid_is_paid_or_a_debt() -> None:
    """From there no answer, no crash and no time leads to anything but paid, or owed for by its payer."""
    ways = {(state, to) for (state, _), to in NEXT.items() if state in SERVED_FIRST}

    assert {to for _, to in ways} == SERVED_FIRST | {State.DELIVERED}
    assert {fact for (state, fact) in NEXT if state is State.DEFAULTED} == {Fact.CONFIRMED, Fact.REPAID}


@pytest.mark.parametrize(
    ("state", "proof", "word"),
    [
        (State.OWED, Proof.NONE, "pending"),
        (State.COLLECTING, Proof.NONE, "pending"),
        (State.DOUBTFUL, Proof.NONE, "unknown"),
        (State.UNKNOWN, Proof.NONE, "unknown"),
        (State.DEFAULTED, Proof.NONE, "failed"),
        (State.FAILED, Proof.NONE, "failed"),
        (State.RELEASED, Proof.NONE, "none"),
        (State.DELIVERED, Proof.WORD, "settled"),
        (State.CREDITED, Proof.CHAIN, "settled"),
    ],
)
def test_a_settlement_has_a_word_for_reports(state: State, proof: Proof, word: str) -> None:
    """What is not asked for yet is pending; a debt is failed until it is paid."""
    assert settlement(state, proof) == word


def test_every_payments_money_is_in_one_place_whatever_happens() -> None:
    """Calls, crashes, late answers and evidence in any order: the book is explained, and the audit clean.

    Every step is undone once before it is made, and what is remembered is what the file says.
    """
    deep = settings(
        max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    stateful.run_state_machine_as_test(Lives, settings=deep)


class Lives(RuleBasedStateMachine):
    """Three payments of two buyers; one price is finer than the token's unit."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.books = Books(Path(self.folder.name))
        self.books.storage = Undoing(self.books.storage)
        self.books.kept = open_read_only(self.books.place)
        odd = an_endpoint(nano(1_500), name="GET /odd%3A:price")
        self.lives = [
            Life(0, an_endpoint(), WALLET),
            Life(1, odd, WALLET),
            Life(2, an_endpoint(), OTHER_WALLET),
        ]
        self.calls: dict[str, Life] = {}
        self.closed: set[str] = set()
        self.credit: Counter[str] = Counter()
        self.costs: Counter[str] = Counter()
        self.fees = 0
        self.numbers = itertools.count(1)

    @initialize()
    def open(self) -> None:
        """All three payments have come once."""
        for nonce in range(3):
            self.admit(nonce)

    def teardown(self) -> None:
        findings = self.books.findings()
        assert self.books.kept is not None
        self.books.kept.close()
        self.do(self.books.storage.close())
        self.runner.close()
        self.folder.cleanup()
        assert findings == {}

    @rule(nonce=st.integers(0, 2))
    def admit(self, nonce: int) -> None:
        """A payment comes, for the first time or again."""
        life, call = self.lives[nonce], f"call_{next(self.numbers)}"
        asked = verified(life.endpoint, call=call, nonce=nonce, wallet=life.wallet)
        answer = self.do(self.books.admit(asked, reentries=REENTRIES))
        credit, repaid = self.available(life), []
        for debt in self.debts(life):
            if debt.signed > credit:
                break
            credit -= debt.signed
            repaid.append(debt)
        covered, owes = credit >= life.price, repaid != self.debts(life)
        elsewhere = [other.call for other in self.fitting(State.UNKNOWN) if other.wallet is life.wallet]
        if life.state in BOUGHT:
            assert answer == Repeated(self.stored(life))
        elif not self.may_enter(life, covered):
            assert isinstance(answer, Refusal)
            assert life.state is not None
            assert (answer.code, answer.call) == (REFUSED[life.state], life.call)
        elif elsewhere:
            assert isinstance(answer, Refusal)
            assert (answer.code, [answer.call]) == (Code.SETTLEMENT_UNKNOWN, elsewhere)
        else:
            assert isinstance(answer, Admitted)
            assert (answer.payment.entries, answer.earlier) == (life.entries + 1, life.call)
            assert answer.flow is (Flow.UPFRONT if owes else Flow.AUTHORIZATION)
            for debt in repaid:
                debt.state, debt.repaid = State.DELIVERED, True
                self.credit[debt.wallet.address] -= debt.signed
            life.state, life.on_credit = (State.SPENDING if covered else State.OPEN), covered
            life.call, life.entries = call, life.entries + 1
            self.calls[call] = life

    @precondition(lambda self: self.fitting(State.OPEN))
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """A call is about to ask for settlement."""
        life = self.some(data, State.OPEN)
        self.do(self.books.sending(self.stored(life)))
        life.state, life.asked = State.SENDING, True

    @precondition(lambda self: self.fitting(State.OWED))
    @rule(data=st.data())
    def collect(self, data: st.DataObject) -> None:
        """A batch is about to be asked for; what is not owed any more is left out of it."""
        candidates = st.sampled_from(self.fitting(State.OWED, State.DELIVERED))
        chosen = data.draw(st.lists(candidates, unique_by=lambda life: life.nonce, min_size=1))
        named = {life.key: "https://other.example" for life in chosen}
        found = self.do(self.books.run(naming_unit, named, RUN, NOW_US))
        owed = [life for life in chosen if life.state is State.OWED]
        assert {payment.claim_key for payment in found} == {life.key for life in owed}
        for life in owed:
            life.state, life.asked = State.COLLECTING, True

    @precondition(lambda self: self.fitting(*ASKED))
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        """Nothing left for the facilitator, so another one is about to be asked."""
        life = self.some(data, *ASKED)
        renamed = self.do(self.books.run(renamed_unit, life.key, "https://other.example", NOW_US))
        assert (renamed.state, renamed.facilitator) == (life.state, "https://other.example")

    @precondition(lambda self: self.fitting(*ASKED))
    @rule(data=st.data(), what=st.sampled_from(ANSWERS))
    def answer(self, data: st.DataObject, what: str) -> None:
        """The facilitator answers, perhaps with the transaction of another payment."""
        life = self.some(data, *ASKED)
        delivered = life.state is State.COLLECTING
        outcome = an_outcome(what, self.lives[0].own_transaction if what == "lie" else life.own_transaction)
        recorded = self.do(self.books.result(self.stored(life), outcome))
        if isinstance(outcome, Paid) and self.taken(outcome.transaction, life):
            outcome = Unknown("duplicate_settlement")
        assert recorded.outcome == outcome
        match outcome:
            case Paid(transaction=transaction):
                life.state = State.DELIVERED if delivered else State.SETTLED
                life.proof, life.transaction = Proof.WORD, transaction
                self.fees += 1
            case Failed():
                life.state = State.DEFAULTED if delivered else State.FAILED
            case NotSent():
                life.state, life.asked = State.OWED if delivered else State.RELEASED, False
            case Unknown():
                life.state = State.DOUBTFUL if delivered else State.UNKNOWN

    @precondition(lambda self: self.fitting(where=lambda life: life.abandoned))
    @rule(data=st.data(), what=st.sampled_from(ANSWERS))
    def answer_too_late(self, data: st.DataObject, what: str) -> None:
        """The facilitator answers a call that was abandoned meanwhile."""
        life = self.some(data, where=lambda life: life.abandoned)
        recorded = self.do(self.books.result(self.stored(life), an_outcome(what, life.own_transaction)))
        assert isinstance(recorded.outcome, Unknown)

    @precondition(lambda self: self.fitting(State.OPEN))
    @rule(data=st.data(), final=st.booleans(), watch=st.booleans())
    def release(self, data: st.DataObject, final: bool, watch: bool) -> None:
        """A call ends before anybody was asked."""
        life = self.some(data, State.OPEN)
        self.do(self.books.release(self.stored(life), final=final, watch=watch))
        life.state = State.FAILED if final else State.RELEASED

    @precondition(lambda self: self.fitting(State.SPENDING))
    @rule(data=st.data(), watch=st.booleans())
    def return_credit(self, data: st.DataObject, watch: bool) -> None:
        """A call on credit ends without an answer."""
        life = self.some(data, State.SPENDING)
        self.do(self.books.release(self.stored(life), watch=watch))
        life.state = life.put_to_rest

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), ending=st.sampled_from(Ending))
    def close(self, data: st.DataObject, ending: Ending) -> None:
        """A call makes its last commit, perhaps again, perhaps when its payment pays for another one."""
        call = data.draw(st.sampled_from(sorted(self.calls)))
        life, closed = self.calls[call], call in self.closed
        runs = not closed and life.call == call and life.state in RUNNING
        if not closed and ending not in (ENDINGS[life.state] if runs else {Ending.AS_IT_IS}):
            return
        copy = self.stored(life)._replace(call=call)
        self.do(self.books.close(copy, ending, MODEL))
        if runs and ending is Ending.DELIVERED:
            self.credit[life.wallet.address] -= life.price if life.on_credit else 0
            life.state = State.DELIVERED
        elif runs and ending is Ending.OWED:
            life.state = State.OWED
        elif runs:
            self.rest(life)
        self.note_closed(call, "model" if ending.served else "retry")

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        """Nobody runs a call any more: a defect, or another run's recovery."""
        call = data.draw(st.sampled_from(sorted(self.calls)))
        life = self.calls[call]
        self.do(self.books.run(abandon_unit, life.key, call, Closing("failed", 0, 0, (MODEL,)), NOW_US))
        if life.call == call:
            life.abandoned |= life.state in ASKED
            self.rest(life)
        self.note_closed(call, "retry")

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def close_orphan(self, data: st.DataObject) -> None:
        """Recovery finds a call without an open payment."""
        call = data.draw(st.sampled_from(sorted(self.calls)))
        life = self.calls[call]
        if life.call == call and life.state in RUNNING:
            return
        closing = Closing("failed", 0, 0, (MODEL,))
        self.do(self.books.run(close_orphan_unit, call, life.endpoint.name, closing, NOW_US))
        self.note_closed(call, "retry")

    @precondition(lambda self: self.fitting(where=lambda life: life.chain in {"", "used"}))
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """The chain has the exact Transfer of a payment, whatever became of it since it was asked."""
        life = self.some(data, where=lambda life: life.chain in {"", "used"})
        payment = self.stored(life)
        assert self.do(self.books.arrived(payment, a_log(payment, 10 + life.nonce)))
        life.chain = "used"
        if life.proof is Proof.CHAIN or life.state in {State.OPEN, State.SPENDING, *ASKED}:
            return
        if life.state in SERVED_FIRST:
            self.fees += life.asked
            life.state = State.DELIVERED
        elif life.proof is Proof.NONE:
            self.fees += life.asked
            self.credit[life.wallet.address] += life.signed
            life.state = State.DELIVERED if life.state is State.DELIVERED else State.CREDITED
        life.proof, life.transaction = Proof.CHAIN, life.own_transaction

    @precondition(lambda self: self.fitting(*WAITING) and self.fitting(where=on_chain))
    @rule(data=st.data())
    def arrive_with_anothers_transfer(self, data: st.DataObject) -> None:
        """A Transfer that has paid for one payment is found for another."""
        life, paid = self.some(data, *WAITING), self.some(data, where=on_chain)
        if life.proof in {Proof.NONE, Proof.WORD}:
            payment = self.stored(life)
            assert not self.do(self.books.arrived(payment, a_log(payment, 10 + paid.nonce)))

    @rule(data=st.data(), nonce=st.integers(0, 2))
    def confirm_by_word(self, data: st.DataObject, nonce: int) -> None:
        """Asked again, the facilitator says it settled, in this payment's transaction or in another's."""
        life, transaction = self.some(data), self.lives[nonce].own_transaction
        changed = self.do(self.books.run(confirmed_by_word_unit, life.key, transaction, FEE, NOW_US))
        unknown = life.state in {State.UNKNOWN, State.DOUBTFUL}
        assert changed == (unknown and not self.taken(transaction, life))
        if changed:
            credited = life.state is State.UNKNOWN
            life.state = State.CREDITED if credited else State.DELIVERED
            life.proof, life.transaction = Proof.WORD, transaction
            self.credit[life.wallet.address] += life.signed if credited else 0
            self.fees += 1

    @precondition(lambda self: self.fitting(where=lambda life: life.chain != "used"))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """The chain says that an authorization is dead, or that nothing can be told any more."""
        life = self.some(data, where=lambda life: life.chain != "used")
        verdict = life.chain or data.draw(st.sampled_from(("dead", "undecidable")))
        self.do(self.books.run(dead_unit if verdict == "dead" else undecidable_unit, life.key, NOW_US))
        life.chain = verdict
        if life.state is State.UNKNOWN:
            life.state = State.FAILED if verdict == "dead" else State.SUSPENDED
        elif life.state in {State.OWED, State.DOUBTFUL}:
            life.state = State.DEFAULTED
        elif life.proof is Proof.WORD:
            life.proof = Proof.DISPROVED

    @invariant()
    def every_payments_money_is_in_one_place(self) -> None:
        """The book holds what its payments, costs and fees explain, and nothing else."""
        found: Counter[str] = Counter()
        for life in self.lives:
            found.update(life.places())
        assert min(self.credit.values(), default=0) >= 0
        found.update(buyer=sum(self.credit.values()))
        owed = sum(self.costs.values())
        found.update({f"cost:{kind}": units for kind, units in self.costs.items()}, provider_payable=owed)
        fees = self.fees * FEE_UNITS
        found.update({"fee:facilitator": fees, "facilitator_payable": fees})
        assert min(found.values(), default=0) >= 0
        assert self.books.balances() == {name: units for name, units in found.items() if units}
        states = self.books.select("SELECT state, proof FROM payments ORDER BY nonce")
        assert states == [(life.state, life.proof) for life in self.lives if life.state]

    def may_enter(self, life: Life, covered: bool) -> bool:
        if life.state is State.RELEASED:
            return life.entries <= REENTRIES
        return life.state is None or (life.state is State.CREDITED and covered)

    def available(self, life: Life) -> int:
        """Return what the buyer has with us and has not put into a call."""
        spending = [each for each in self.fitting(State.SPENDING) if each.wallet is life.wallet]
        return self.credit[life.wallet.address] - sum(each.price for each in spending)

    def debts(self, life: Life) -> list[Life]:
        """Return what its buyer owes, in the order in which it is paid."""
        owed = [each for each in self.fitting(State.DEFAULTED) if each.wallet is life.wallet]
        return sorted(owed, key=lambda each: each.key)

    def rest(self, life: Life) -> None:
        """Nobody delivers for it any more; what it paid is the buyer's credit."""
        if life.state is State.SETTLED:
            self.credit[life.wallet.address] += life.signed
        life.state = life.put_to_rest

    def do(self, step: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(step)

    def stored(self, life: Life) -> Payment:
        return self.do(self.books.payment(life.key))

    def fitting(self, *states: State, where: Callable[[Life], bool] = bool) -> list[Life]:
        """Return the payments in one of *states*, if any are named."""
        return [life for life in self.lives if life.state in (states or set(State)) and where(life)]

    def some(self, data: st.DataObject, *states: State, where: Callable[[Life], bool] = bool) -> Life:
        return data.draw(st.sampled_from(self.fitting(*states, where=where)))

    def taken(self, transaction: str, by: Life) -> bool:
        others = [life for life in self.lives if life is not by and life.proof is not Proof.NONE]
        return transaction in {life.transaction for life in others}

    def note_closed(self, call: str, kind: str) -> None:
        self.costs[kind] += 0 if call in self.closed else COST
        self.closed.add(call)
