"""Delivered before it is paid: however a facilitator or a chain misbehaves then, it is paid, or a debt."""

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.sandbox import keys
from sidecar.sandbox.keys import TestAccount
from sidecar.sandbox.process import Sandbox, start_sandbox
from tests.scenarios import money
from tests.scenarios.money import Books
from tests.scenarios.season import BLOCKS, HONEST, HOUR_S, PURSE, SETTLE_S, SLOW_S, Modes, Told
from tests.scenarios.stand import NANO_PER_UNIT, Running, Stand, refusal, set_up, until
from tests.sidecar.sandbox.live_chain import Chain

PRICE: Final = 10_000_000  # nano-USD
UNITS: Final = 10_000
CHAT: Final = '"POST /chat": {price: "$0.01"}'
SERVED: Final = (200, "")
MISFORTUNES: Final = (
    *(
        Modes(name)
        for name in (
            "timeout-before", "timeout-after", "5xx-before", "5xx-after", "pending", "lying-amount",
            "lying-transaction", "lying-success", "duplicate", "slow", "hangs-up", "down",
        )
    ),
    *(Modes(chain=name) for name in ("delay", "reorg", "reorg-lost", "frontrun", "silent-nonce")),
)  # fmt: skip


def deferring(folder: Path, sandbox: Sandbox, agent: str, *, flush_every: str = "1s") -> Stand:
    """Write a config that sells `/chat` deferred."""
    stand = set_up(folder, sandbox, agent, settle_s=SETTLE_S)
    text = stand.config.read_text().replace(CHAT, CHAT.replace("}", ", settle: deferred}"))
    stand.config.write_text(text.replace("flush_every: 1s", f"flush_every: {flush_every}"))
    return stand


@dataclass(frozen=True, slots=True)
class Bought:
    """What one payer was told and shown: at once, and to its next payment when all was over."""

    payer: TestAccount
    told: Told
    receipt: bool
    afterwards: Told
    receipt_afterwards: bool


@dataclass(frozen=True, slots=True)
class Lived:
    """How it ended: what each was told, the books, and what moved on chain by payer."""

    bought: Mapping[Modes, Bought]
    books: Books
    taken: Mapping[str, int]
    balance: int


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, agent: str) -> Iterator[Lived]:
    """Let a payer of its own meet each misfortune, and then an hour pass, on a chain of its own."""
    with start_sandbox() as alone:
        stand = deferring(tmp_path_factory.mktemp("deferred"), alone, agent)
        with stand.serving() as running:
            yield _live(stand, running)


def _live(stand: Stand, running: Running) -> Lived:
    payers = {modes: keys.published(f"owing payer under {modes}") for modes in MISFORTUNES}
    for payer in payers.values():
        Chain(stand.sandbox.rpc_url).give(stand.sandbox.buyers[0], payer.address, PURSE)
        assert running.send("/chat", running.signed(payer, "/chat")).status_code == 200
    money.settled_down(stand, running)

    told = {modes: _buy(stand, running, modes, payer) for modes, payer in payers.items()}
    stand.sandbox.pass_time(HOUR_S)
    assert until(lambda: _is_quiet(stand, running))
    books, taken = money.read(running), stand.taken()
    balance = stand.sandbox.balance_of(stand.pay_to)
    bought = {}
    for modes, payer in payers.items():
        (first, with_receipt), again = told[modes], running.send("/chat", running.signed(payer, "/chat"))
        late = "payment-response" in again.headers
        bought[modes] = Bought(payer, first, with_receipt, refusal(again), late)
    return Lived(bought, books, taken, balance)


def _buy(stand: Stand, running: Running, modes: Modes, payer: TestAccount) -> tuple[Told, bool]:
    """Buy a call while all goes wrong, and let it be asked for; then all is honest again."""
    payment = running.signed(payer, "/chat")
    stand.sandbox.set_chain(modes.chain)
    stand.sandbox.set_facilitator(modes.facilitator, delay_s=SLOW_S)
    answer = running.send("/chat", payment)
    if modes.facilitator != "down":
        assert until(lambda: not money.read(running).to_collect)
    for _ in range(BLOCKS):
        stand.sandbox.rpc("evm_mine")
    stand.sandbox.set_facilitator(HONEST.facilitator)
    stand.sandbox.set_chain(HONEST.chain)
    # A facilitator that fails five times in a row is left alone: what comes between is no misfortune.
    honest = stand.sandbox.buyers[4]
    assert running.send("/chat", running.signed(honest, "/chat")).status_code == 200
    assert until(lambda: not money.read(running).to_collect)
    return refusal(answer), "payment-response" in answer.headers


def _is_quiet(stand: Stand, running: Running) -> bool:
    """Mine, and tell whether nothing is open any more; the audit is clean all the way."""
    stand.sandbox.rpc("evm_mine")
    books = money.read(running)
    assert books.broken == {}, books.broken
    return books.of("authorized") == books.of("reported") == 0


@pytest.mark.parametrize("modes", MISFORTUNES, ids=str)
def test_a_buyer_notices_nothing(modes: Modes, lived: Lived) -> None:
    """It has its answer at once, and no receipt for what is not paid yet."""
    bought = lived.bought[modes]

    assert (bought.told, bought.receipt) == (SERVED, False)


@pytest.mark.parametrize("modes", MISFORTUNES, ids=str)
def test_who_did_not_pay_pays_first(modes: Modes, lived: Lived) -> None:
    """A debtor's next call is settled before anything else; everybody else is served and trusted again."""
    bought = lived.bought[modes]
    failed = [call for call in _calls_of(lived, bought) if call["settlement"] == "failed"]
    # The chain is an hour ahead by now: it takes nothing that is signed today, so who pays first is refused.
    expected = ((402, "settlement_failed"), True) if failed else (SERVED, False)

    assert (bought.afterwards, bought.receipt_afterwards) == expected


@pytest.mark.parametrize("modes", MISFORTUNES, ids=str)
def test_a_payer_pays_for_what_it_got_or_owes_it(modes: Modes, lived: Lived) -> None:
    """Two calls each: what is settled moved on chain, and what somebody lied about is unknown."""
    bought = lived.bought[modes]
    paid = lived.taken.get(bought.payer.address.lower(), 0) // UNITS
    words = sorted(call["settlement"] for call in _calls_of(lived, bought))

    assert words in (["settled", "settled"], ["failed", "settled"], ["settled", "unknown"])
    assert words.count("settled") == paid
    assert lived.books.owed_to(bought.payer.address) == 0


def test_in_the_end_the_ledger_is_the_chain(lived: Lived) -> None:
    """What moved is booked, what was lied about is in suspense, what never came is bad debt."""
    books = lived.books
    stands = Counter(call["settlement"] for call in books.calls)
    moved = sum(lived.taken.values())

    assert books.broken == {}
    assert books.of("token") == lived.balance == moved
    assert books.of("bad_debt") == stands["failed"] * PRICE
    assert books.of("revenue") == 3 * len(MISFORTUNES) * PRICE, "with the honest ones in between"
    assert books.of("suspense") + books.of("bad_debt") + books.of("onchain") == books.of("revenue")
    assert stands["settled"] * PRICE == moved * NANO_PER_UNIT
    assert books.of("suspense") == stands["unknown"] * PRICE
    assert books.of("deposit") == books.of("authorized") == books.of("reported") == 0


def test_a_drain_collects_what_is_owed(tmp_path: Path, sandbox: Sandbox, agent: str) -> None:
    """Told to stop, it asks for what it delivered before it ends; nothing waits for the next start."""
    stand = deferring(tmp_path, sandbox, agent, flush_every="30s")
    payer = sandbox.buyers[2]
    with stand.serving() as running:
        assert running.send("/chat", running.signed(payer, "/chat")).status_code == 200
        money.settled_down(stand, running)
        for _ in range(3):
            answer = running.send("/chat", running.signed(payer, "/chat"))
            assert "payment-response" not in answer.headers
        assert until(lambda: len(money.read(running).to_collect) == 3), "a call is closed after its last byte"
        running.process.send_signal(signal.SIGTERM)
        assert running.ended() == 0

    assert stand.taken() == {payer.address.lower(): 4 * UNITS}
    with stand.serving() as running:
        assert money.settled_down(stand, running).sold_to(payer.address) == 4 * PRICE


def _calls_of(lived: Lived, bought: Bought) -> list[dict[str, Any]]:
    return [call for call in lived.books.calls if call["buyer"] == bought.payer.address.lower()]
