"""A real database in which calls were sold, by the domain's own units of work."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from ledger import book, sealing
from ledger.book import Created
from ledger.money import nano
from ledger.signing import Signer
from ledger.stores.sqlite import SqliteStore
from pricing.cost import Basis, CostLine, Kind, Source
from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.storage.schema import SCHEMA
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain import entries
from sidecar.domain.closing import Ending, close_unit, release_and_close_unit
from sidecar.domain.collecting import Answered, answers_unit, naming_unit
from sidecar.domain.costs import Report
from sidecar.domain.outcomes import Failed, Outcome, Paid, Unknown
from sidecar.domain.payments import State
from sidecar.domain.records import CallRow, Closing, Payment
from sidecar.domain.reporting import Bounds, Taken, report_unit
from sidecar.domain.settling import result_unit, sending_unit

NETWORK: Final = "eip155:84532"
FACILITATOR: Final = "https://facilitator.example:8443"
PAYER: Final = bytes([0xAA]) * 20
OTHER_PAYER: Final = bytes([0xBB]) * 20
NOON_US: Final = 1_777_636_800_000_000  # 2026-05-01T12:00:00Z
DAY_US: Final = 86_400_000_000
CAP: Final = nano(1_000_000_000)


def line(
    kind: Kind = Kind.MODEL,
    name: str = "gpt-4o",
    units: int | None = 12_000_000,
    basis: Basis = Basis.MEASURED,
    provider: str = "openai",
    source: Source = Source.USAGE,
) -> CostLine:
    """Build a cost line of *units* nano-USD; None is unknown."""
    amount = None if units is None else nano(units)
    known = Basis.UNKNOWN if units is None else basis
    return CostLine(kind, name, amount, known, "prices 2026-05-01", source, provider=provider)


TOOL: Final = line(Kind.TOOL, "web_search", 3_600_000, Basis.REPORTED, provider="")
FEE: Final = line(Kind.FEE, "facilitator", 1_000_000, provider=FACILITATOR, source=Source.TARIFF)
PLATFORM_FEE: Final = line(Kind.FEE, "platform", 500_000, provider="", source=Source.TARIFF)


@dataclass(frozen=True, slots=True)
class Sale:
    """What is sold, to whom and when. `price_nano` is rounded up by `surplus_nano`."""

    number: int = 1
    endpoint: str = "POST /research"
    payer: bytes = PAYER
    price_nano: int = 50_000_000
    surplus_nano: int = 0
    at_us: int = NOON_US
    run: str = ""
    session: str = ""
    workflow: str = "competitor-research"
    agent: str = "research-agent"
    workspace: str = "growth"

    @property
    def call(self) -> str:
        """Return an id that sorts by number."""
        return f"call_{self.number:026d}"


class Shop:
    """Sells; every method is a unit of work or a row of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(path, now_us=lambda: NOON_US, tx=RecordsSqliteTx, extra_schema=SCHEMA)

    async def admit(self, sale: Sale) -> Payment:
        """Claim, book and hold; the call runs from here on."""
        payment = _payment(sale)
        await self.store.run(partial(_admit, sale=sale, payment=payment))
        return payment

    async def settle(self, payment: Payment, outcome: Outcome, fee: CostLine | None = FEE) -> Payment:
        """Ask to settle, with *outcome*."""
        at_us = payment.admitted_us
        await self.store.run(
            partial(sending_unit, claim_key=payment.claim_key, facilitator=FACILITATOR, now_us=at_us)
        )
        recorded = await self.store.run(
            partial(
                result_unit,
                claim_key=payment.claim_key,
                outcome=outcome,
                fee=fee,
                settle_us=204_500,
                now_us=at_us,
            )
        )
        return recorded.payment

    async def close(
        self,
        payment: Payment,
        ending: Ending,
        outcome: str,
        *lines: CostLine,
        status: int = 200,
        platform_fee: CostLine | None = None,
    ) -> None:
        """Make the last commit of a call."""
        await self.store.run(
            partial(
                close_unit,
                payment=payment,
                ending=ending,
                closing=Closing(outcome, status, 1_250_900, lines),
                platform_fee=platform_fee,
                now_us=payment.admitted_us,
            )
        )

    async def serve(self, sale: Sale, *lines: CostLine, platform_fee: CostLine | None = None) -> None:
        """Sell a call that is paid and delivered."""
        payment = await self.settle(await self.admit(sale), paid(sale))
        await self.close(payment, Ending.DELIVERED, "served", *lines, platform_fee=platform_fee)

    async def defer(self, sale: Sale, *lines: CostLine) -> Payment:
        """Sell a call that is delivered and not paid yet."""
        payment = await self.admit(sale)
        await self.close(payment, Ending.OWED, "served", *lines)
        return payment

    async def collect(self, payment: Payment, outcome: Outcome | None) -> None:
        """Ask for the money of a delivered call; None: no answer is on disk yet."""
        named, at_us = {payment.claim_key: FACILITATOR}, payment.admitted_us
        await self.store.run(partial(naming_unit, named=named, owner="run_1", now_us=at_us))
        if outcome is not None:
            answers = [Answered(payment.claim_key, outcome, FEE, 204_500)]
            await self.store.run(partial(answers_unit, answers=answers, now_us=at_us))

    async def break_off(self, sale: Sale, *lines: CostLine) -> None:
        """Sell a call that is paid and not delivered."""
        payment = await self.settle(await self.admit(sale), paid(sale))
        await self.close(payment, Ending.UNDELIVERED, "failed", *lines)

    async def lose(self, sale: Sale, *lines: CostLine) -> None:
        """Sell a call whose settlement stays unknown."""
        payment = await self.settle(await self.admit(sale), Unknown("answer_lost"))
        outcome = "refused:settlement_unknown"
        await self.close(payment, Ending.AS_IT_IS, outcome, *lines, status=503)

    async def fail(self, sale: Sale, *lines: CostLine) -> None:
        """Sell a call whose settlement fails."""
        payment = await self.settle(await self.admit(sale), Failed("insufficient_funds"))
        outcome = "refused:settlement_failed"
        await self.close(payment, Ending.AS_IT_IS, outcome, *lines, status=402)

    async def report(self, sale: Sale, *reports: Report) -> None:
        """Report costs of a call, running or closed."""
        bounds, at_us = Bounds(reports_max=100, window_us=DAY_US), sale.at_us
        taken = await self.store.run(lambda tx: report_unit(tx, sale.call, reports, bounds, at_us))
        assert isinstance(taken, Taken), taken

    async def seal(self) -> None:
        """Sign all that is booked, with the key beside the database."""
        signer = Signer(load_secrets(self.path).checkpoints)
        await self.store.run(partial(sealing.seal, signer=signer))

    async def release(self, sale: Sale) -> None:
        """Admit a call and let its payment go before anybody was asked."""
        payment = await self.admit(sale)
        await self.store.run(
            partial(
                release_and_close_unit,
                payment=payment,
                reason="upstream_unreachable",
                closing=Closing("refused:upstream_unreachable", 502, 5_000),
                now_us=sale.at_us,
                final=False,
                watch=True,
            )
        )


def paid(sale: Sale) -> Paid:
    """Return a settlement by word, in a transaction of the sale's own."""
    return Paid(f"0x{sale.number:064x}")


@contextmanager
def forced(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file past everything that protects it, to plant what must be found."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection
    finally:
        connection.close()


def _admit(tx: RecordsSqliteTx, sale: Sale, payment: Payment) -> None:
    assert tx.claim(payment)
    assert isinstance(book.submit(tx, entries.admit(payment, CAP, sale.at_us)), Created)
    tx.open_call(
        CallRow(
            id=sale.call,
            at_us=sale.at_us,
            endpoint=sale.endpoint,
            method="POST",
            target="/research",
            buyer=payment.buyer,
            network=NETWORK,
            price_nano=payment.price_nano,
            held_nano=payment.amount_nano,
            price_version=1,
            owner="run_1",
            run=sale.run,
            session=sale.session,
            workflow=sale.workflow,
            agent=sale.agent,
            workspace=sale.workspace,
        )
    )


def _payment(sale: Sale) -> Payment:
    nonce = sale.number.to_bytes(32, "big")
    amount_nano = sale.price_nano + sale.surplus_nano
    return Payment(
        claim_key=b"key" + nonce,
        payment_digest=nonce,
        request_digest=nonce,
        call=sale.call,
        state=State.OPEN,
        entries=1,
        chain_id=84532,
        network=NETWORK,
        asset=bytes([0x03]) * 20,
        asset_decimals=6,
        payer=sale.payer,
        pay_to=bytes([0xCC]) * 20,
        amount=amount_nano // 1000,
        valid_after=0,
        valid_before=sale.at_us // 1_000_000 + 600,
        nonce=nonce,
        signature=bytes(65),
        endpoint=sale.endpoint,
        price_version=1,
        price_nano=sale.price_nano,
        amount_nano=amount_nano,
        owner="run_1",
        from_block=7,
        admitted_us=sale.at_us,
        changed_us=sale.at_us,
    )
