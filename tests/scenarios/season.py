"""A season of misfortune: one sidecar, a payer for each hostile mode, an honest sale after each, then time.

Everything is done once, in order; the tests read what came of it.
"""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from sidecar.sandbox import chain_modes, facilitator_modes, keys
from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox
from tests.scenarios import money
from tests.scenarios.money import Books
from tests.scenarios.stand import Running, Stand, refusal, set_up, until
from tests.scenarios.wire import HEADER, Wire, paid
from tests.sidecar.sandbox.live_chain import Chain

SETTLE_S: Final = 2
SLOW_S: Final = 3.0
HOUR_S: Final = 3_600
BLOCKS: Final = 4  # what any mode lets a transaction wait for
PURSE: Final = 1_000_000  # what a payer has, in the token's units
BODY: Final = b'{"ask":"anything"}'
AUTHORIZATION_STATE: Final = "0xe94a0102"

Told = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Modes:
    """How facilitator and chain behave."""

    facilitator: str = facilitator_modes.HONEST
    chain: str = chain_modes.HONEST

    def __str__(self) -> str:
        return "+".join(each for each in (self.facilitator, self.chain) if each != facilitator_modes.HONEST)


HONEST: Final = Modes()


@dataclass(slots=True)
class Attempt:
    """One payment as its buyer saw it.

    `statuses` is all that the official client was answered, `payments` all that it sent. `told` is its
    answer, `at_once`, `later` and `last` are those to the same payment again: under the same modes, with
    all honest again, and when time had passed. `blocks` has its settlement's block when the buyer got the
    receipt, and at last. `used` tells whether the chain took the money.
    """

    payer: TestAccount
    statuses: Sequence[int]
    payments: Sequence[str]
    told: Told
    transaction: str
    blocks: list[str]
    at_once: Told = (0, "")
    later: Told = (0, "")
    last: Told = (0, "")
    used: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """The books, and what `sidecar reconcile` says, at one time."""

    books: Books
    code: int
    reconciled: Mapping[str, Any]

    @property
    def till(self) -> Mapping[str, Any]:
        """The one there is."""
        (till,) = self.reconciled["items"]
        found: Mapping[str, Any] = till
        return found


@dataclass(slots=True)
class Season:
    """All of it: the views are of before and after time had passed, and after all had tried again."""

    running: Running
    stand: Stand
    attempts: dict[Modes, Attempt] = field(default_factory=dict)
    honest: list[Told] = field(default_factory=list)
    views: list[View] = field(default_factory=list)

    @property
    def sandbox(self) -> Sandbox:
        """The chain, the facilitator, and those who pay."""
        return self.stand.sandbox

    def live_through(self, every: Sequence[Modes]) -> None:
        """Let a payer of its own meet each of the modes, and then an hour pass."""
        self._sell()
        for modes in every:
            attempt = self.attempts[modes] = self._buy(modes)
            self._sell()
            attempt.later = self._again(attempt)
        self._look()
        self.sandbox.pass_time(HOUR_S)
        assert until(self._is_quiet)
        self._look()
        for attempt in self.attempts.values():
            attempt.last = self._again(attempt)
            attempt.used = self._used(attempt)
            attempt.blocks.append(self._block_of(attempt.transaction))
        self._look()

    def _buy(self, modes: Modes) -> Attempt:
        """Let the official client buy a call, repeat it at once, and see what will be mined mined."""
        payer = keys.published(f"payer under {modes}")
        Chain(self.sandbox.rpc_url).give(self.sandbox.buyers[0], payer.address, PURSE)
        self.sandbox.set_chain(modes.chain)
        self.sandbox.set_facilitator(modes.facilitator, delay_s=SLOW_S)
        wire = Wire()
        answer = asyncio.run(paid(self.running.url + "/chat", payer, wire, content=BODY))
        transaction = _transaction(answer)
        block = self._block_of(transaction)
        attempt = Attempt(payer, wire.statuses, wire.payments, refusal(answer), transaction, [block])
        attempt.at_once = self._again(attempt)
        if modes.facilitator == "slow":
            assert until(lambda: self._used(attempt))
        for _ in range(BLOCKS):
            self.sandbox.rpc("evm_mine")
        self.sandbox.set_facilitator(HONEST.facilitator)
        self.sandbox.set_chain(HONEST.chain)
        return attempt

    def _sell(self) -> None:
        payment = self.running.signed(self.sandbox.buyers[4], "/chat")
        self.honest.append(refusal(self.running.send("/chat", payment, content=BODY)))

    def _again(self, attempt: Attempt) -> Told:
        """Ask again with the same payment, and once more as long as the call before is being closed."""
        told: list[Told] = []

        def is_closed() -> bool:
            answer = self.running.send("/chat", content=BODY, headers={HEADER: attempt.payments[0]})
            told.append(refusal(answer))
            return told[-1][1] != "call_in_progress"

        until(is_closed)
        return told[-1]

    def _is_quiet(self) -> bool:
        """Mine, and tell whether nothing is open, nor still to be booked; the audit is clean all the way."""
        self.sandbox.rpc("evm_mine")
        books = money.read(self.running)
        assert books.broken == {}, books.broken
        booked = books.of("token") == self.sandbox.balance_of(self.stand.pay_to)
        return booked and books.of("authorized") == books.of("reported") == 0

    def _look(self) -> None:
        command = [sys.executable, "-m", "sidecar", "reconcile", "--json", "--config", str(self.stand.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        self.views.append(View(money.read(self.running), done.returncode, json.loads(done.stdout)))

    def _used(self, attempt: Attempt) -> bool:
        nonce = _document(attempt.payments[0])["payload"]["authorization"]["nonce"]
        data = AUTHORIZATION_STATE + attempt.payer.address[2:].lower().rjust(64, "0") + nonce[2:]
        return int(self.sandbox.rpc("eth_call", {"to": self.sandbox.asset, "data": data}, "latest"), 16) == 1

    def _block_of(self, transaction: str) -> str:
        found = self.sandbox.rpc("eth_getTransactionReceipt", transaction) if transaction else None
        return "" if found is None else str(found["blockHash"])


def lived_through(every: Sequence[Modes], folder: Path, sandbox: Sandbox, agent: str) -> Season:
    """Run a sidecar through *every* mode, and an hour into the future."""
    stand = set_up(folder, sandbox, agent, settle_s=SETTLE_S)
    with stand.serving() as running:
        season = Season(running, stand)
        season.live_through(every)
    return season


def _transaction(answer: httpx.Response) -> str:
    if "payment-response" not in answer.headers:
        return ""
    return str(_document(answer.headers["payment-response"])["transaction"])


def _document(header: str) -> Any:
    return json.loads(base64.b64decode(header))
