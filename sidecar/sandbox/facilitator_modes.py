"""How the facilitator may misbehave, as a table. Pure; the facilitator does what a mode says.

Each is something that a seller has seen, or must expect, of somebody who is asked to move money.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

Document = Mapping[str, Any]

DELAY_MAX_S: Final = 3_600
DELAY_DEFAULT_S: Final = 10.0
SOMEBODY_ELSE: Final = "0x" + "5e" * 20
ANOTHER_NETWORK: Final = "eip155:1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a settlement was asked for, spelled as on the wire."""

    payer: str
    nonce: str
    network: str
    amount: str


class Settles(Enum):
    """Whether the money moves."""

    ALWAYS = auto()
    NEVER = auto()
    ONCE = auto()  # and never again


class Answers(Enum):
    """What the caller sees of it."""

    IN_WORDS = auto()
    WITH_500 = auto()
    NEVER = auto()
    BY_HANGING_UP = auto()
    BY_REFUSING = auto()  # nobody listens at all


Told = Callable[[Document, Asked], Document]


def _truth(answer: Document, _: Asked) -> Document:
    return answer


def _payer(answer: Document, _: Asked) -> Document:
    return {**answer, "payer": SOMEBODY_ELSE}


def _amount(answer: Document, asked: Asked) -> Document:
    return {**answer, "amount": str(int(asked.amount) + 1)}


def _network(answer: Document, _: Asked) -> Document:
    return {**answer, "network": ANOTHER_NETWORK}


def _transaction(answer: Document, _: Asked) -> Document:
    return {**answer, "transaction": ""}


def invented(asked: Asked) -> Document:
    """Write a perfect success about a transaction that never was."""
    return {"success": True, "transaction": asked.nonce, "network": asked.network, "payer": asked.payer}


@dataclass(frozen=True, slots=True)
class FacilitatorMode:
    """What it does when asked to settle. The default is an honest facilitator.

    `told` changes what is said of a success. `blocks_later`: the transaction is named at once and mined
    so many blocks later. `delays`: it first waits for as long as it was set to.
    """

    tells: str
    settles: Settles = Settles.ALWAYS
    answers: Answers = Answers.IN_WORDS
    told: Told = _truth
    blocks_later: int = 0
    delays: bool = False

    @property
    def listens(self) -> bool:
        """Tell whether anybody answers the door."""
        return self.answers is not Answers.BY_REFUSING


HONEST: Final = "honest"

MODES: Final[Mapping[str, FacilitatorMode]] = {
    HONEST: FacilitatorMode("settles, and tells the truth"),
    "timeout-before": FacilitatorMode("never answers, and settles nothing", Settles.NEVER, Answers.NEVER),
    "timeout-after": FacilitatorMode("settles, and never answers", answers=Answers.NEVER),
    "5xx-before": FacilitatorMode("answers 500, and settles nothing", Settles.NEVER, Answers.WITH_500),
    "5xx-after": FacilitatorMode("settles, and answers 500", answers=Answers.WITH_500),
    "pending": FacilitatorMode("says settlement_pending, and settles three blocks later", blocks_later=3),
    "lying-payer": FacilitatorMode("settles, and names another payer", told=_payer),
    "lying-amount": FacilitatorMode("settles, and names another amount", told=_amount),
    "lying-network": FacilitatorMode("settles, and names another network", told=_network),
    "lying-transaction": FacilitatorMode("settles, and names no transaction", told=_transaction),
    "lying-success": FacilitatorMode("says that it settled, and settles nothing", Settles.NEVER),
    "duplicate": FacilitatorMode("settles nothing, and names the settlement before", Settles.ONCE),
    "slow": FacilitatorMode("waits before it settles", delays=True),
    "hangs-up": FacilitatorMode("closes each connection unanswered", Settles.NEVER, Answers.BY_HANGING_UP),
    "down": FacilitatorMode("refuses connections", Settles.NEVER, Answers.BY_REFUSING),
}
"""The modes by name; the first is the default."""
