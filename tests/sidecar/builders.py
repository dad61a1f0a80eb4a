"""What a seller, its buyers and their payments are, with good defaults: a test names only what matters.

Payments are signed for real by eth_account, checked by `verification` and kept in a real SQLite file.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

from eth_account import Account

from ledger import reports
from ledger.accounts import Side
from ledger.audit import audit
from ledger.money import Amount, nano
from pricing.cost import CostLine
from pricing.price import FixedPrice, Price
from sidecar.adapters.storage.auditing import CHECKS
from sidecar.adapters.storage.opening import OpenStorage
from sidecar.adapters.storage.postgres import PostgresStorage
from sidecar.adapters.storage.reading import Opened, open_read_only
from sidecar.adapters.storage.sqlite import SqliteStorage
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain import verification
from sidecar.domain.admission import Bounds, Repeated, admit_unit
from sidecar.domain.call import Admitted, CallContext, Endpoint, Flow, Offer, Verified
from sidecar.domain.closing import Ending, close_unit
from sidecar.domain.collecting import naming_unit
from sidecar.domain.days import UNBOUNDED, DayLimits, PayerDay, day_of
from sidecar.domain.outcomes import Outcome, Paid, Unknown
from sidecar.domain.quoting import Method, offer
from sidecar.domain.records import Closing, Payment
from sidecar.domain.refusals import Refusal
from sidecar.domain.resolving import arrived_unit
from sidecar.domain.sales import NO_RULES, Rules, Sale
from sidecar.domain.settling import Recorded, release_unit, result_unit, sending_unit, stored
from sidecar.domain.terms import Terms
from sidecar.domain.transfers import TransferLog
from sidecar.domain.verification import Checked
from sidecar.x402.evm_text import address_bytes
from sidecar.x402.terms import requirements_members
from tests.sidecar.shop import FACILITATOR, FEE
from tests.sidecar.x402.signing import NOW_S, OFFER, WALLET, header, signed_by

R = TypeVar("R")

NOW_US: Final = NOW_S * 1_000_000
HEADER_BYTES_MAX: Final = 16_384
PRICE: Final = nano(50_000_000)
AMPLE: Final = nano(10**12)
P: Final = PRICE.units
RUN: Final = "run_1"
OTHER_WALLET: Final = Account.from_key(b"\x33" * 32)
PAYER: Final = address_bytes(WALLET.address)

USDC: Final = Method(
    chain_id=84532,
    network=OFFER.network,
    asset=address_bytes(OFFER.asset),
    asset_text=OFFER.asset,
    decimals=6,
    domain_name="USDC",
    domain_version="2",
    pay_to=address_bytes(OFFER.pay_to),
    pay_to_text=OFFER.pay_to,
)


def an_offer(
    price: Amount = PRICE,
    method: Method = USDC,
    timeout_s: int = 60,
    flow: Flow = Flow.AUTHORIZATION,
) -> Offer:
    return offer(price, method, timeout_s, flow)


def an_endpoint(price: Amount = PRICE, *methods: Method, **changes: Any) -> Endpoint:
    """Build an endpoint with an offer per method; an authorization for it is good for 120 to 360 seconds."""
    timeout_s, flow = changes.get("timeout_s", 60), changes.get("flow", Flow.AUTHORIZATION)
    endpoint = Endpoint(
        name="POST /research",
        price=price,
        price_version=1,
        offers=tuple(an_offer(price, method, timeout_s, flow) for method in methods or (USDC,)),
        timeout_s=timeout_s,
    )
    return replace(endpoint, **changes)


def a_method(offered: Offer) -> Method:
    """Return the way to be paid that an offer is made in."""
    terms = offered.requirements
    return Method(
        chain_id=offered.chain_id,
        network=offered.network,
        asset=offered.asset,
        asset_text=terms.asset,
        decimals=offered.asset_decimals,
        domain_name=str(terms.extra["name"]),
        domain_version=str(terms.extra["version"]),
        pay_to=offered.pay_to,
        pay_to_text=terms.pay_to,
    )


def some_terms(price: Price | None = None, endpoint: Endpoint | None = None, **changes: Any) -> Terms:
    """Build the terms of an endpoint, at its own price unless told another."""
    endpoint = endpoint or an_endpoint()
    terms = Terms(
        price=price or FixedPrice(endpoint.price),
        own={},
        methods=tuple(a_method(each) for each in endpoint.offers),
        timeout_s=endpoint.timeout_s,
        flow=endpoint.flow,
        version=endpoint.price_version,
    )
    return replace(terms, **changes)


def a_sale(*terms: Terms, endpoint: Endpoint | None = None, rules: Rules = NO_RULES) -> Sale:
    """Build what sells an endpoint on *terms*, those in force first."""
    endpoint = endpoint or an_endpoint()
    fees = endpoint.fees
    return Sale(endpoint, terms or (some_terms(endpoint=endpoint),), lambda _: fees, rules)


def a_payment_document(
    paid: Offer | None = None,
    *,
    wallet: Any = WALLET,
    nonce: int = 1,
    domain: Mapping[str, Any] | None = None,
    **signed: str,
) -> dict[str, Any]:
    """Build a payment for an offer; *signed* and *domain* are what the wallet signs instead."""
    paid = paid or an_offer()
    terms = paid.requirements
    message = {
        "from": wallet.address,
        "to": terms.pay_to,
        "value": str(terms.amount),
        "validAfter": "0",
        "validBefore": str(NOW_S + 180),
        "nonce": f"0x{nonce:064x}",
        **signed,
    }
    named = {name: terms.extra[name] for name in ("name", "version")}
    ours = {**named, "chainId": paid.chain_id, "verifyingContract": terms.asset}
    return {
        "x402Version": 2,
        "accepted": requirements_members(terms),
        "payload": {
            "signature": signed_by(wallet, message, domain={**ours, **(domain or {})}),
            "authorization": message,
        },
    }


def a_payment_header(paid: Offer | None = None, **payment: Any) -> bytes:
    return header(a_payment_document(paid, **payment))


@cache
def _header(paid: Offer, wallet: Any, nonce: int, valid_before: str) -> bytes:
    return a_payment_header(paid, wallet=wallet, nonce=nonce, validBefore=valid_before)


def checked_at(sent: bytes, *open_to: Endpoint, bytes_max: int = HEADER_BYTES_MAX) -> Checked | Refusal:
    """Read a payment and check it against what its payer may have signed."""
    payment = verification.decode(sent, bytes_max)
    return payment if isinstance(payment, Refusal) else verification.check(payment, open_to, NOW_S)


def verified(
    endpoint: Endpoint | None = None,
    *,
    call: str = "call_1",
    body: bytes = b"{}",
    wallet: Any = WALLET,
    nonce: int = 1,
    valid_before_s: int = NOW_S + 180,
    identifier: str = "",
) -> Verified:
    """Check a payment as the paid path does, for a request with this *body*."""
    endpoint = endpoint or an_endpoint()
    sent = _header(endpoint.offers[0], wallet, nonce, str(valid_before_s))
    checked = checked_at(sent, endpoint)
    assert isinstance(checked, Checked), checked
    context = CallContext(
        call=call,
        at_us=NOW_US,
        endpoint=endpoint,
        method="POST",
        target="/research",
        request_digest=hashlib.sha256(body).digest(),
    )
    return Verified(context, checked.offer, checked.payment, checked.evidence, identifier)


def a_transaction(number: int = 1) -> str:
    return f"0x{number:064x}"


def a_log(payment: Payment, number: int = 1, **changes: Any) -> TransferLog:
    """Build the exact Transfer of *payment*, in transaction *number*."""
    log = TransferLog(a_transaction(number), 0, 9, payment.payer, payment.pay_to, payment.amount)
    return replace(log, **changes)


def a_storage(folder: Path) -> SqliteStorage:
    storage = SqliteStorage(folder / "sidecar.db", lambda: NOW_US)
    storage.open()
    return storage


def shared_storage(address: str) -> PostgresStorage:
    storage = PostgresStorage(address, lambda: NOW_US, "writer", beat_ms=20)
    storage.open()
    return storage


class Books:
    """A seller's books: units of work on a real file or database, and what an auditor reads of it."""

    def __init__(self, folder: Path, address: str = "") -> None:
        self.place = address or folder / "sidecar.db"
        self.storage: OpenStorage = shared_storage(address) if address else a_storage(folder)
        self.kept: Opened | None = None

    @contextmanager
    def reader(self) -> Iterator[Opened]:
        """Give a reader of its own, or the one that a test keeps open which reads after each step."""
        if self.kept is not None:
            yield self.kept
            return
        with closing(open_read_only(self.place)) as connection:
            yield connection

    async def run(self, unit: Callable[..., R], *given: Any, **named: Any) -> R:
        """Run a unit of work with *given* after the transaction; a method is that of its own class."""
        name = getattr(unit, "__name__", "")
        return await self.storage.run(lambda tx: getattr(type(tx), name, unit)(tx, *given, **named))

    async def admit(
        self,
        asked: Verified | None = None,
        *,
        exposure: Amount = AMPLE,
        reentries: int = 3,
        days: DayLimits = UNBOUNDED,
        owner: str = RUN,
        from_block: int = 7,
        closed: Refusal | None = None,
        watched: frozenset[str] = frozenset(),
    ) -> Admitted | Repeated | Refusal:
        bounds = Bounds(exposure, reentries, owner, days, watched)
        return await self.storage.run(
            partial(
                admit_unit,
                verified=asked or verified(),
                bounds=bounds,
                from_block=from_block,
                now_us=NOW_US,
                closed=closed,
            )
        )

    async def admitted(self, asked: Verified | None = None, **named: Any) -> Payment:
        found = await self.admit(asked, **named)
        assert isinstance(found, Admitted), found
        return found.payment

    async def sending(self, payment: Payment) -> Payment:
        return await self.run(sending_unit, payment.claim_key, FACILITATOR, NOW_US)

    async def result(self, payment: Payment, outcome: Outcome, fee: CostLine | None = FEE) -> Recorded:
        return await self.run(result_unit, payment.claim_key, outcome, fee, 200_000, NOW_US)

    async def asked(
        self, outcome: Outcome, asked: Verified | None = None, fee: CostLine | None = FEE
    ) -> Payment:
        """Admit, name the facilitator and record *outcome*; return the payment as it stands then."""
        payment = await self.sending(await self.admitted(asked))
        return (await self.result(payment, outcome, fee)).payment

    async def settled(self, asked: Verified | None = None, number: int = 1) -> Payment:
        return await self.asked(Paid(a_transaction(number)), asked)

    async def credited(self, asked: Verified | None = None, number: int = 1) -> Payment:
        """Sell a call that is paid and not delivered: its money is the buyer's credit."""
        payment = await self.settled(asked, number)
        await self.close(payment, Ending.UNDELIVERED)
        return await self.payment(payment)

    async def unknown(self, asked: Verified | None = None) -> Payment:
        return await self.asked(Unknown("answer_lost"), asked)

    async def release(
        self, payment: Payment, reason: str = "upstream_timeout", *, final: bool = False, watch: bool = True
    ) -> Payment:
        return await self.run(
            release_unit, payment.claim_key, NOW_US, reason=reason, final=final, watch=watch
        )

    async def close(
        self,
        payment: Payment,
        ending: Ending,
        *lines: CostLine,
        outcome: str = "",
        platform_fee: CostLine | None = None,
    ) -> None:
        closing_ = Closing(outcome or _OUTCOMES[ending], 200, 1_000, lines)
        await self.run(close_unit, payment, ending, closing_, platform_fee, NOW_US)

    async def owe(self, payment: Payment, *lines: CostLine) -> Payment:
        """Deliver the call of *payment* before anybody is asked for its money."""
        await self.close(payment, Ending.OWED, *lines)
        return await self.payment(payment)

    async def owed(self, asked: Verified | None = None) -> Payment:
        """Sell a call that is delivered and not paid yet."""
        return await self.owe(await self.admitted(asked))

    async def collecting(self, payment: Payment) -> Payment:
        """Name whom a delivered call's money is asked of."""
        (named,) = await self.run(naming_unit, {payment.claim_key: FACILITATOR}, RUN, NOW_US)
        return named

    async def collected(self, outcome: Outcome, asked: Verified | None = None) -> Payment:
        """Sell a call that is delivered first and then asked for, with *outcome*."""
        payment = await self.collecting(await self.owed(asked))
        return (await self.result(payment, outcome)).payment

    async def arrived(self, payment: Payment, log: TransferLog | None = None) -> bool:
        return await self.run(arrived_unit, payment.claim_key, log or a_log(payment), FEE, NOW_US)

    async def payment(self, of: Payment | bytes) -> Payment:
        """Return what is stored of a payment, or under a claim key."""
        claim_key = of if isinstance(of, bytes) else of.claim_key
        return await self.run(stored, claim_key)

    async def day(self, buyer: str = "0x" + PAYER.hex()) -> PayerDay:
        """Return what is summed up of a buyer's calls today."""
        return await self.run(RecordsSqliteTx.payer_day, buyer, day_of(NOW_US))

    def balances(self) -> dict[str, int]:
        """Return what is posted by account, without network and names, and what is held; no zeros."""
        found: Counter[str] = Counter()
        with self.reader() as connection:
            for line in reports.balances(connection):
                kind, *names = line.account.id
                found[f"{kind}:{names[0]}" if kind in {"cost", "fee"} else kind] += line.balance.net(
                    line.account.side
                )
                if line.account.side is Side.CREDIT:
                    found["held"] += line.balance.debits_pending
        return {name: units for name, units in found.items() if units}

    def accounts(self) -> dict[str, int]:
        """Return the trial balance by full account name."""
        with self.reader() as connection:
            return {row.account: row.balance for row in reports.trial_balance(connection)}

    def lines(self, call: str = "call_1") -> list[tuple[str, str, int | None, str]]:
        """Return kind, name, amount in nano-USD and basis of a call's cost lines."""
        return self.select(
            "SELECT kind, name, amount_nano, basis FROM cost_lines WHERE call_id = ? ORDER BY n", call
        )

    def call(self, call: str = "call_1") -> dict[str, Any]:
        """Return the stored row of a call."""
        with self.reader() as connection:
            found = connection.execute("SELECT * FROM calls WHERE id = ?", (call,))
            names = [column[0] for column in found.description]
            return dict(zip(names, found.fetchone(), strict=True))

    def select(self, sql: str, *parameters: object) -> list[Any]:
        with self.reader() as connection:
            return connection.execute(sql, parameters).fetchall()

    def trace(self) -> dict[str, list[Any]]:
        """Return every row of every table."""
        names = self.select("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        return {name: self.select(f"SELECT * FROM {name}") for (name,) in names}

    def findings(self) -> dict[str, tuple[Any, ...]]:
        """Return what the ledger's audit and the sidecar's own checks find wrong."""
        with self.reader() as connection:
            return {check.id: check.rows for check in audit(connection, CHECKS).checks if check.rows}


_OUTCOMES: Final = {
    Ending.DELIVERED: "served",
    Ending.OWED: "served",
    Ending.UNDELIVERED: "failed",
    Ending.AS_IT_IS: "refused:settlement_unknown",
}


@asynccontextmanager
async def open_books(folder: Path, address: str = "") -> AsyncIterator[Books]:
    """Open books in *folder*, or at *address*, and audit them at the end."""
    books = Books(folder, address)
    try:
        yield books
        assert books.findings() == {}
    finally:
        await books.storage.close()
