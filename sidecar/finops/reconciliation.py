"""Reconciliation: the books against the chain, transfer by transfer, in both directions. Pure.

Whatever moved at a till in a range of final blocks is named: what the books hold must have come, and
what came must be in the books or be nobody's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from sidecar.domain.payments import Proof, State
from sidecar.domain.transfers import TransferLog
from sidecar.finops.tills import WAITED_FOR, Claim, Place, Till, incoming, place_of


@dataclass(frozen=True, slots=True)
class Seen:
    """What the chain tells of a till: all its Transfers from one block to another, both included.

    `opening` is what it held before the first; None where no node remembers. `timestamp_s` is the last
    block's.
    """

    from_block: int
    to_block: int
    timestamp_s: int
    balance: int
    opening: int | None
    transfers: Sequence[TransferLog]


class Kind(StrEnum):
    """What a payment or a Transfer turned out to be, the worst first."""

    MISSING = "missing"  # the books have it, the chain does not
    DIFFERENT = "different"  # both have it, and not the same
    SUSPENDED = "suspended"  # the books say that a person must decide
    UNAPPLIED = "unapplied"  # it came, and no payment waits for it
    DEFAULTED = "defaulted"  # delivered, and nothing came for it
    OWED = "owed"  # delivered, and nothing came for it yet
    REPORTED = "reported"  # known, and not final in the books yet
    OWNER_MOVEMENT = "owner_movement"  # it left
    MATCHED = "matched"  # one payment, one Transfer


@dataclass(frozen=True, slots=True)
class Finding:
    """One payment, one Transfer, or the two together."""

    kind: Kind
    claim: Claim | None = None
    transfer: TransferLog | None = None

    @property
    def units(self) -> int:
        """Return what moved; where nothing did, what should have."""
        if self.transfer is not None:
            return self.transfer.value
        assert self.claim is not None, "a finding is about something"
        return self.claim.amount


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How books and chain of one till agree.

    `opening` is what the till held before the range that no payment brought, `unexplained` what is left of
    its balance when everything is told; negative if the books have more.
    """

    till: Till
    seen: Seen
    opening: int
    unexplained: int
    findings: tuple[Finding, ...]

    @property
    def explained(self) -> bool:
        """Tell whether every unit and every payment has its counterpart or its reason."""
        return self.unexplained == 0 and not self.wrong

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """Return what contradicts the books."""
        return tuple(each for each in self.findings if each.kind in {Kind.MISSING, Kind.DIFFERENT})

    @property
    def ratio(self) -> Fraction:
        """Return the share of findings that are explained."""
        if not self.findings:
            return Fraction(1)
        return 1 - Fraction(len(self.wrong), len(self.findings))

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        """Return the findings of one kind."""
        return tuple(each for each in self.findings if each.kind is kind)


def reconcile(
    till: Till,
    known: Sequence[Claim],
    late: Sequence[Claim],
    seen: Seen,
    found: Mapping[bytes, Sequence[TransferLog]],
) -> Reconciled:
    """Hold the books against the chain.

    *known* is of the same moment as the till, and of one before the chain was read; *late* came since
    then. *found* has, by claim key, the Transfers of the authorizations that were asked for.
    """
    came = incoming(till, seen.transfers)
    outgoing = [each for each in seen.transfers if each.payer == till.pay_to != each.pay_to]
    here = {place_of(each): each for each in came}
    open_claims = [claim for claim in known if claim.booked_at is None]

    booked, before = _booked(known, here, seen)
    unbooked = sum(each.value for each in here.values())
    by_nonce = _by_nonce([*open_claims, *late], here, found)
    by_word = _by_word([each for each in open_claims if each.key not in by_nonce], here, seen)
    findings = [
        *booked,
        *by_nonce.values(),
        *by_word,
        *(Finding(Kind.UNAPPLIED, _whose(each, known, found), each) for each in here.values()),
        *(Finding(Kind.OWNER_MOVEMENT, None, each) for each in outgoing),
    ]
    findings.sort(key=lambda each: _ORDER.index(each.kind))

    gone = sum(each.value for each in outgoing)
    opening = seen.opening
    if opening is None:
        opening = seen.balance - sum(each.value for each in came) + gone
    expected = till.booked - before + opening + unbooked - gone
    return Reconciled(till, seen, opening - before, seen.balance - expected, tuple(findings))


_ORDER: Final = tuple(Kind)
_Here = dict[Place, TransferLog]


def _booked(known: Iterable[Claim], here: _Here, seen: Seen) -> tuple[list[Finding], int]:
    """Take the Transfers of *here* that are booked; also return what is booked for ones before the range."""
    findings, before = [], 0
    for claim in known:
        if claim.booked_at is None:
            continue
        transfer = here.pop(claim.booked_at, None)
        if transfer is not None:
            same = (transfer.payer, transfer.value) == (claim.payer, claim.amount)
            findings.append(Finding(Kind.MATCHED if same else Kind.DIFFERENT, claim, transfer))
        elif claim.from_block + 1 < seen.from_block:
            before += claim.amount
        else:
            findings.append(Finding(Kind.MISSING, claim))
    return findings, before


def _by_nonce(
    candidates: Iterable[Claim], here: _Here, found: Mapping[bytes, Sequence[TransferLog]]
) -> dict[bytes, Finding]:
    """Take the Transfers that the books do not have yet, and will have: by claim key."""
    findings = {}
    for claim in candidates:
        if not claim.looked_for and claim.booked_at is None:
            continue
        for transfer in found.get(claim.key, ()):
            exact = (transfer.payer, transfer.value) == (claim.payer, claim.amount)
            if exact and here.pop(place_of(transfer), None) is not None:
                findings[claim.key] = Finding(Kind.REPORTED, claim, transfer)
                break
    return findings


def _by_word(candidates: Iterable[Claim], here: _Here, seen: Seen) -> list[Finding]:
    """Judge the payments that somebody says are settled, or that were delivered for, without a Transfer."""
    findings = []
    for claim in candidates:
        if claim.proof is Proof.DISPROVED or claim.state is State.SUSPENDED:
            findings.append(Finding(Kind.SUSPENDED, claim))
        elif claim.state is State.DEFAULTED:
            findings.append(Finding(Kind.DEFAULTED, claim))
        elif claim.state in WAITED_FOR:
            findings.append(Finding(Kind.OWED, claim))
        if claim.proof is not Proof.WORD:
            continue
        named = [
            place
            for place, each in here.items()
            if (each.transaction, each.payer) == (claim.transaction, claim.payer)
        ]
        if named:
            findings.append(Finding(Kind.DIFFERENT, claim, here.pop(named[0])))
        elif seen.timestamp_s > claim.valid_before and claim.from_block + 1 >= seen.from_block:
            findings.append(Finding(Kind.MISSING, claim))
        else:
            findings.append(Finding(Kind.REPORTED, claim))
    return findings


def _whose(
    transfer: TransferLog, known: Iterable[Claim], found: Mapping[bytes, Sequence[TransferLog]]
) -> Claim | None:
    """Return the payment that this is the Transfer of, although nobody looks for it any more."""
    return next((claim for claim in known if transfer in found.get(claim.key, ())), None)
