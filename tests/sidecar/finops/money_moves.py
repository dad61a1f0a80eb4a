"""Builders of what the books and the chain tell of one till, event by event."""

from dataclasses import dataclass, field, replace
from typing import Any

from sidecar.domain.payments import Proof, State
from sidecar.domain.transfers import TransferLog
from sidecar.finops.reconciliation import Reconciled, Seen, reconcile
from sidecar.finops.tills import Claim, Till

ASSET, PAY_TO, PAYER, STRANGER = (bytes([n]) * 20 for n in (3, 0xCC, 0xAA, 0x99))
FIRST, LAST, DIES_AT = 100, 200, 5_000
ADMITTED_US = 4_000_000_000


@dataclass
class Story:
    """What happened; each method adds one event to the books, to the chain, or to both."""

    opening: int = 0
    till: Till = field(
        default_factory=lambda: Till(
            "eip155:84532", ASSET, PAY_TO, 6, booked=0, first_block=FIRST - 1, unplaced=0
        )
    )
    claims: list[Claim] = field(default_factory=list)
    late: list[Claim] = field(default_factory=list)
    transfers: list[TransferLog] = field(default_factory=list)
    found: dict[bytes, list[TransferLog]] = field(default_factory=dict)
    timestamp_s: int = DIES_AT - 1
    remembers: bool = True

    def matched(self, units: int = 10) -> Claim:
        """A payment is booked for a Transfer."""
        transfer = self.came(units)
        return self._booked(units, transfer)

    def missing(self, units: int = 10) -> Claim:
        """A payment is booked for a Transfer that is not on chain."""
        return self._booked(units, replace(self._transfer(units), transaction="0x" + "ff" * 32))

    def earlier(self, units: int = 10) -> Claim:
        """A payment was booked for a Transfer before the range."""
        self.opening += units
        self.till = replace(self.till, booked=self.till.booked + units)
        place = ("0x" + "ee" * 32, len(self.claims))
        return self.claimed(units, from_block=FIRST - 50, booked_at=place, proof=Proof.CHAIN)

    def reported(self, units: int = 10, *, arrived: bool, **fields: Any) -> Claim:
        """A facilitator says that a payment is settled; its Transfer is there, or not yet."""
        claim = self.claimed(units, proof=Proof.WORD, state=State.DELIVERED, **fields)
        if arrived:
            self.found[claim.key] = [self.came(units)]
        return claim

    def came(self, units: int = 10, payer: bytes = PAYER) -> TransferLog:
        """Money comes."""
        transfer = self._transfer(units, payer=payer)
        self.transfers.append(transfer)
        return transfer

    def left(self, units: int) -> None:
        """The owner takes money out; the till had it before."""
        self.opening += units
        self.transfers.append(self._transfer(units, payer=PAY_TO, pay_to=STRANGER))

    def claimed(self, units: int = 10, **fields: Any) -> Claim:
        """A payment is admitted."""
        claim = self.a_claim(units, **fields)
        self.claims.append(claim)
        return claim

    def a_claim(self, units: int = 10, **fields: Any) -> Claim:
        """Make a payment that is not in the books."""
        number = len(self.claims) + len(self.late)
        claim = Claim(
            key=number.to_bytes(4, "big"),
            call=f"call_{number}",
            state=State.UNKNOWN,
            proof=Proof.NONE,
            watched=False,
            payer=PAYER,
            amount=units,
            nonce=number.to_bytes(32, "big"),
            transaction="",
            from_block=FIRST - 1,
            valid_before=DIES_AT,
            admitted_us=ADMITTED_US,
            booked_at=None,
        )
        return replace(claim, **fields)

    def told(self) -> Reconciled:
        """Reconcile."""
        come = sum(each.value for each in self.transfers if each.pay_to == PAY_TO)
        gone = sum(each.value for each in self.transfers if each.payer == PAY_TO)
        seen = Seen(
            from_block=FIRST,
            to_block=LAST,
            timestamp_s=self.timestamp_s,
            balance=self.opening + come - gone,
            opening=self.opening if self.remembers else None,
            transfers=tuple(self.transfers),
        )
        return reconcile(self.till, self.claims, self.late, seen, self.found)

    def _booked(self, units: int, transfer: TransferLog) -> Claim:
        self.till = replace(self.till, booked=self.till.booked + units)
        place = (transfer.transaction, transfer.log_index)
        return self.claimed(
            units, proof=Proof.CHAIN, state=State.DELIVERED, transaction=place[0], booked_at=place
        )

    def _transfer(self, units: int, *, payer: bytes = PAYER, pay_to: bytes = PAY_TO) -> TransferLog:
        number = len(self.transfers)
        return TransferLog(f"0x{number:064x}", number % 3, FIRST + number, payer, pay_to, units)
