"""Evidence: only what is final counts, and only the exact Transfer is a payment."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.evidence import GRACE_S, Arrived, Dead, Heads, Undecidable, Verdict, Wait, weigh
from sidecar.domain.records import Payment
from tests.sidecar.builders import OTHER_WALLET, Books, a_log
from tests.sidecar.x402.signing import NOW_S

STRANGER = bytes.fromhex(OTHER_WALLET.address[2:])
DEATH_S = NOW_S + 180


@pytest.fixture
async def payment(books: Books) -> Payment:
    return await books.admitted()


@pytest.mark.parametrize(
    ("used", "final_s", "verdict"),
    [
        (False, NOW_S, Wait()),
        (True, NOW_S, Wait()),
        (False, DEATH_S - 1, Wait()),
        (False, DEATH_S, Wait()),
        (False, DEATH_S + 1, Dead()),
        (False, DEATH_S + GRACE_S + 1, Dead()),
        (True, DEATH_S + 1, Wait()),
        (True, DEATH_S + GRACE_S, Wait()),
        (True, DEATH_S + GRACE_S + 1, Undecidable()),
        (False, 0, Wait()),
    ],
)
@pytest.mark.parametrize("stray", [False, True])
def test_without_its_transfer_a_payment_waits_until_it_is_dead(
    payment: Payment, used: bool, final_s: int, verdict: Verdict, stray: bool
) -> None:
    """Unused and past its end it is dead; used without a Transfer to us it waits, and then needs a person."""
    logs = [a_log(payment, pay_to=STRANGER)] if stray else []

    assert weigh(payment, logs, nonce_used=used, final_timestamp_s=final_s) == verdict


@pytest.mark.parametrize("final_s", [NOW_S, DEATH_S + 1, DEATH_S + GRACE_S + 1])
def test_the_exact_transfer_is_proof_at_any_time(payment: Payment, final_s: int) -> None:
    """Payer, recipient and value are those that were signed: it has arrived, wherever in the logs it is."""
    log = a_log(payment, log_index=3)
    others = [a_log(payment, pay_to=STRANGER), a_log(payment, value=payment.amount + 1)]

    for logs in ([log], [*others, log], [log, *others]):
        assert weigh(payment, logs, nonce_used=True, final_timestamp_s=final_s) == Arrived(log)


@pytest.mark.parametrize(
    "other",
    [{"payer": STRANGER}, {"pay_to": STRANGER}, {"value": 49_999}, {"value": 50_001}, {"value": 0}],
)
def test_a_transfer_that_differs_proves_nothing(payment: Payment, other: dict[str, Any]) -> None:
    """Another payer, recipient or value is another payment (X7, X10)."""
    verdict = weigh(payment, [a_log(payment, **other)], nonce_used=True, final_timestamp_s=NOW_S)

    assert verdict == Wait()


def test_a_block_is_final_once_enough_stand_above_it() -> None:
    """With two confirmations, block 10 is final when block 12 is seen."""
    heads = Heads(confirmations=2)
    assert (heads.newest, heads.newest_s, heads.final) == (0, 0, (0, 0))

    for number in range(10, 14):
        heads.saw(number, 100 * number)
    assert (heads.newest, heads.newest_s, heads.final) == (13, 1300, (11, 1100))


def test_what_was_not_seen_is_not_final() -> None:
    """Of blocks that were passed over the one below counts: its time is known."""
    heads = Heads(confirmations=2)
    for number in (10, 15, 16):
        heads.saw(number, 100 * number)

    assert heads.final == (10, 1000)


def test_without_confirmations_the_newest_block_is_final() -> None:
    """A network that needs none is believed at once."""
    heads = Heads(confirmations=0)
    heads.saw(10, 1000)

    assert heads.final == (10, 1000)


def test_a_reorganisation_forgets_what_stood_above_it() -> None:
    """A lower or an equal head replaces what was seen from there on."""
    heads = Heads(confirmations=1)
    for number, time in ((10, 1000), (11, 1100), (12, 1200), (11, 1111)):
        heads.saw(number, time)
    assert (heads.newest, heads.final, heads.lasting) == (11, (10, 1000), 10)

    heads.saw(12, 1212)
    assert heads.final == (11, 1111)
    heads.saw(12, 1213)
    assert (heads.newest, heads.final) == (12, (11, 1111))
    heads.saw(5, 500)
    assert (heads.newest, heads.final) == (5, (0, 0))


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 9_999)), min_size=1, max_size=60),
    st.integers(0, 12),
)
def test_a_final_block_has_its_confirmations(seen: list[tuple[int, int]], confirmations: int) -> None:
    """Whatever heads come, the final one was seen, as last said, and stands deep enough."""
    heads = Heads(confirmations)
    last: dict[int, int] = {}
    for number, time in seen:
        heads.saw(number, time)
        last = {block: said for block, said in last.items() if block < number} | {number: time}
        deep = [block for block in last if block <= number - confirmations]
        assert heads.final == ((max(deep), last[max(deep)]) if deep else (0, 0))
        assert heads.final[0] <= heads.lasting == max(0, number - confirmations)


def test_heads_are_bounded() -> None:
    """However long it runs, no more than KEPT blocks are remembered, the newest ones."""
    heads = Heads(confirmations=Heads.KEPT - 1)
    for number in range(1, 2 * Heads.KEPT):
        heads.saw(number, number)

    assert heads.final == (Heads.KEPT, Heads.KEPT)
    assert Heads(confirmations=Heads.KEPT).final == (0, 0)


def test_a_chain_that_stands_still_loses_no_final_block() -> None:
    """The same head, however often it is told, takes the place of one."""
    heads = Heads(confirmations=1)
    for number in (1, *[2] * (Heads.KEPT + 1)):
        heads.saw(number, number)

    assert heads.final == (1, 1)
