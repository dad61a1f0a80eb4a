"""Evidence: what the chain proves about a payment. Pure.

Only blocks that are final count. EIP-3009 lets an authorization be used while
the block's time is before `validBefore`, so past that, with finality, an unused
one is dead for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.domain.records import Payment
from sidecar.domain.transfers import TransferLog

GRACE_S: Final = 600
"""How long after its death an authorization that is used, yet not paid to us, still waits, in seconds."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The exact Transfer: payer, recipient and value are those that were signed."""

    log: TransferLog


@dataclass(frozen=True, slots=True)
class Dead:
    """The authorization was not used and never can be."""


@dataclass(frozen=True, slots=True)
class Undecidable:
    """Used, dead for long, and yet no exact Transfer: a person must look."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is proven yet."""


Verdict = Arrived | Dead | Undecidable | Wait


def weigh(
    payment: Payment, logs: Sequence[TransferLog], *, nonce_used: bool, final_timestamp_s: int
) -> Verdict:
    """Return what *logs*, the final Transfers of the authorization's use, prove.

    *final_timestamp_s* is the time of the newest final block, and *nonce_used*
    the authorization's state in a final block.
    """
    for log in logs:
        if (log.payer, log.pay_to, log.value) == (payment.payer, payment.pay_to, payment.amount):
            return Arrived(log)
    if final_timestamp_s <= payment.valid_before:
        return Wait()
    if not nonce_used:
        return Dead()
    return Undecidable() if final_timestamp_s > payment.valid_before + GRACE_S else Wait()


class Heads:
    """The newest blocks seen of one network, so that a final block's time needs no further question."""

    KEPT: Final = 4096
    MISSED_MAX: Final = 3

    def __init__(self, confirmations: int) -> None:
        self._confirmations = confirmations
        self._seen: list[tuple[int, int]] = []
        self._missed = 0
        self._why = ""

    def missed(self, why: str) -> None:
        """Note that nobody told a block, and why."""
        self._missed += 1
        self._why = why

    @property
    def away(self) -> str:
        """Return why nobody tells a block; "" while somebody does, or was only missed just now."""
        return self._why if self._missed >= (self.MISSED_MAX if self._seen else 1) else ""

    def saw(self, number: int, timestamp_s: int) -> None:
        """Note the newest block; a lower one than before (a reorganisation) forgets what stood above it."""
        self._missed = 0
        while self._seen and self._seen[-1][0] >= number:
            self._seen.pop()
        self._seen.append((number, timestamp_s))
        del self._seen[: -self.KEPT]

    @property
    def newest(self) -> int:
        """Return the newest block's number; 0 while none was seen."""
        return self._seen[-1][0] if self._seen else 0

    @property
    def lasting(self) -> int:
        """Return the newest block that is not replaced any more, seen or not; 0 while none is known."""
        return max(0, self.newest - self._confirmations)

    @property
    def newest_s(self) -> int:
        """Return the newest block's time; 0 while none was seen."""
        return self._seen[-1][1] if self._seen else 0

    @property
    def final(self) -> tuple[int, int]:
        """Return number and time of the newest block that has its confirmations; zeros if none is known."""
        limit = self.newest - self._confirmations
        for number, timestamp_s in reversed(self._seen):
            if number <= limit:
                return number, timestamp_s
        return 0, 0
