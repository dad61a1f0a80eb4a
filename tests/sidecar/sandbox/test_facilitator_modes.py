"""The table of modes: who is honest, and what each lie is about."""

import pytest

from sidecar.sandbox.facilitator_modes import HONEST, MODES, Answers, Asked, Settles, invented

ASKED = Asked(payer="0x" + "0a" * 20, nonce="0x" + "0b" * 32, network="eip155:84532", amount="50000")
TRUTH = {
    "success": True,
    "transaction": "0x" + "0c" * 32,
    "network": ASKED.network,
    "payer": ASKED.payer,
    "amount": ASKED.amount,
}


@pytest.mark.parametrize("mode", MODES)
def test_a_lie_is_about_one_member(mode: str) -> None:
    """A mode that is named after a lie changes that member of a success; no other mode changes anything."""
    told = MODES[mode].told(TRUTH, ASKED)
    wrong = {name for name in TRUTH if told[name] != TRUTH[name]}
    lie = mode.removeprefix("lying-")
    assert wrong == ({lie} if mode.startswith("lying-") and lie != "success" else set())


def test_an_invented_success_agrees_with_what_was_asked() -> None:
    """Nothing in it gives it away, and no two payments get the same transaction."""
    lie = invented(ASKED)
    assert {name: lie[name] for name in ("success", "network", "payer")} == {
        name: TRUTH[name] for name in ("success", "network", "payer")
    }
    assert lie["transaction"] == ASKED.nonce


def test_the_first_mode_is_the_default_and_does_nothing_unusual() -> None:
    """Honest is what a facilitator is, unless something else is said."""
    assert next(iter(MODES)) == HONEST
    honest = MODES[HONEST]
    assert (honest.settles, honest.answers) == (Settles.ALWAYS, Answers.IN_WORDS)
    assert (honest.blocks_later, honest.delays, honest.listens) == (0, False, True)
    assert [name for name, mode in MODES.items() if not mode.listens] == ["down"]
