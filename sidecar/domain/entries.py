"""The journals: each event of a paid call as balanced entries on the chart. Pure.

Journal ids are derived from the call and the event's role, so the same event
booked twice is the same journal and changes nothing.
"""

from collections.abc import Sequence

from ledger.accounts import Account
from ledger.money import Amount
from ledger.transfers import Entry, Journal, Pending, Post, Transfer, Void
from pricing.cost import CostLine
from sidecar.domain import chart
from sidecar.domain.cost_entries import accounts
from sidecar.domain.records import Payment


def admit(payment: Payment, cap: Amount, at_us: int) -> Journal:
    """Authorized money comes in as the buyer's deposit, and the price is held out of it.

    On credit nothing comes in: the price is held out of the buyer's credit.
    """
    if payment.on_credit:
        return _admit_on_credit(payment, at_us)
    authorized = chart.authorized(payment.network, payment.buyer, cap)
    deposit = chart.deposit(payment.buyer)
    role = f"{payment.call}/admit"
    entries: list[Entry] = [Transfer(f"{role}/0", debit=authorized, credit=deposit, amount=payment.signed)]
    for hold_id, account, amount in _holds(payment):
        entries.append(Pending(hold_id, debit=deposit, credit=account, amount=amount))
    return Journal(role, "admit", tuple(entries), at_us, subject=payment.call)


def _admit_on_credit(payment: Payment, at_us: int) -> Journal:
    role = f"{payment.call}/admit"
    credit = chart.buyer(payment.buyer)
    holds = [
        Pending(hold_id, debit=credit, credit=account, amount=amount)
        for hold_id, account, amount in _holds(payment)
    ]
    return Journal(role, "admit", tuple(holds), at_us, subject=payment.call)


def release(payment: Payment, at_us: int) -> Journal:
    """Nothing was charged: the hold is void and the authorization returned; on credit there is none."""
    role = f"{payment.call}/release"
    if payment.on_credit:
        return Journal(role, "release", _voids(payment, role), at_us, subject=payment.call)
    authorized = chart.authorized(payment.network, payment.buyer)
    back = Transfer(
        f"{role}/back", debit=chart.deposit(payment.buyer), credit=authorized, amount=payment.signed
    )
    return Journal(role, "release", (*_voids(payment, role), back), at_us, subject=payment.call)


def settled_by_word(payment: Payment, fee: Amount | None, at_us: int) -> Journal:
    """The facilitator says the money moved; its fee is owed also when the call fails later."""
    role = f"{payment.call}/settled"
    reported = chart.reported(payment.network, payment.facilitator)
    authorized = chart.authorized(payment.network, payment.buyer)
    moved = Transfer(f"{role}/0", debit=reported, credit=authorized, amount=payment.signed)
    return Journal(role, "settled", (moved, *_fee(payment, fee, role)), at_us, subject=payment.call)


def settled_by_chain(payment: Payment, fee: Amount | None, at_us: int) -> Journal:
    """What nobody vouched for was found on chain, final: it needs nobody's word."""
    role = f"{payment.call}/settled"
    authorized = chart.authorized(payment.network, payment.buyer)
    entries = (*_arrival(payment, authorized, role), *_fee(payment, fee, role))
    return Journal(role, "settled", entries, at_us, subject=payment.call)


def seen(payment: Payment, at_us: int) -> Journal:
    """A reported settlement is final on chain."""
    role = f"{payment.call}/seen"
    reported = chart.reported(payment.network, payment.facilitator)
    return Journal(role, "seen", _arrival(payment, reported, role), at_us, subject=payment.call)


def disproved(payment: Payment, at_us: int) -> Journal:
    """A facilitator reported a settlement that the chain does not have: a person must look."""
    return _moved(
        payment,
        "disproved",
        debit=chart.suspense(payment.network),
        credit=chart.reported(payment.network, payment.facilitator),
        at_us=at_us,
    )


def undecidable(payment: Payment, at_us: int) -> Journal:
    """No evidence can be had any more: the money waits in suspense, the deposit stays."""
    return _moved(
        payment,
        "undecidable",
        debit=chart.suspense(payment.network),
        credit=chart.authorized(payment.network, payment.buyer),
        at_us=at_us,
    )


def defaulted(payment: Payment, at_us: int) -> Journal:
    """Delivered, and nothing was or will be paid for it: a loss until somebody pays after all."""
    return _moved(
        payment,
        "defaulted",
        debit=chart.bad_debt(payment.endpoint),
        credit=chart.authorized(payment.network, payment.buyer),
        at_us=at_us,
    )


def debt_arrived(payment: Payment, fee: Amount | None, at_us: int) -> Journal:
    """The transfer came after the call was booked as a loss: it pays that debt."""
    role = f"{payment.call}/debt_arrived"
    source = chart.bad_debt(payment.endpoint)
    entries = (*_arrival(payment, source, role), *_fee(payment, fee, role))
    return Journal(role, "debt_arrived", entries, at_us, subject=payment.call)


def repaid(payment: Payment, at_us: int) -> Journal:
    """The payer's credit pays its debt, whole."""
    return _moved(
        payment,
        "repaid",
        debit=chart.buyer(payment.buyer),
        credit=chart.bad_debt(payment.endpoint),
        at_us=at_us,
    )


def late(payment: Payment, fee: Amount | None, at_us: int) -> Journal:
    """A transfer for a call that was not charged: the buyer has paid, so it is the buyer's credit."""
    role = f"{payment.call}/late"
    entries = (*_arrival(payment, chart.buyer(payment.buyer), role), *_fee(payment, fee, role))
    return Journal(role, "late", entries, at_us, subject=payment.call)


def delivered(payment: Payment, platform_fee: Amount | None, at_us: int) -> Journal:
    """The answer left: the hold becomes revenue, and the platform its share."""
    role = f"{payment.call}/delivered"
    entries: list[Entry] = [
        Post(f"{role}/{n}", pending_id=hold_id, amount=amount)
        for n, (hold_id, _, amount) in enumerate(_holds(payment))
    ]
    if platform_fee is not None and platform_fee.units > 0:
        debit, credit = chart.platform_fee(), chart.platform_payable()
        entries.append(Transfer(f"{role}/platform", debit=debit, credit=credit, amount=platform_fee))
    return Journal(role, "delivered", tuple(entries), at_us, subject=payment.call)


def undelivered(payment: Payment, at_us: int) -> Journal:
    """Paid and not delivered: all of it becomes the buyer's credit."""
    role = f"{payment.call}/undelivered"
    deposit, credit = chart.deposit(payment.buyer), chart.buyer(payment.buyer)
    returned = Transfer(f"{role}/credit", debit=deposit, credit=credit, amount=payment.signed)
    return Journal(role, "undelivered", (*_voids(payment, role), returned), at_us, subject=payment.call)


def costs(call: str, endpoint: str, lines: Sequence[CostLine], at_us: int, *, retry: bool) -> Journal | None:
    """Book the lines metered or declared that have an amount; None when there is none to book.

    *retry*: their work was not delivered. Whom it is owed to is the same.

    The facilitator's and the platform's fees are not among them: they are owed
    by other events and booked with those.
    """
    role = f"{call}/costs"
    entries: list[Entry] = []
    for n, line in enumerate(lines):
        if line.amount is None or line.amount.units <= 0:
            continue
        debit, credit = accounts(line, endpoint, retry=retry)
        entries.append(Transfer(f"{role}/{n}", debit=debit, credit=credit, amount=line.amount))
    return Journal(role, "costs", tuple(entries), at_us, subject=call) if entries else None


def _holds(payment: Payment) -> tuple[tuple[str, Account, Amount], ...]:
    """Name the holds of a call: the price, and what rounding it up to an atomic unit added."""
    price = (f"{payment.call}/hold", chart.revenue(payment.endpoint), payment.price)
    surplus = payment.signed - payment.price
    if surplus.units == 0 or payment.on_credit:
        return (price,)
    return (price, (f"{payment.call}/hold/rounding", chart.rounding(), surplus))


def _voids(payment: Payment, role: str) -> tuple[Void, ...]:
    holds = enumerate(_holds(payment))
    return tuple(Void(f"{role}/{n}", pending_id=hold_id) for n, (hold_id, _, _) in holds)


def _fee(payment: Payment, fee: Amount | None, role: str) -> tuple[Transfer, ...]:
    if fee is None or fee.units == 0:
        return ()
    name = payment.facilitator
    debit, credit = chart.facilitator_fee(name), chart.facilitator_payable(name)
    return (Transfer(f"{role}/fee", debit=debit, credit=credit, amount=fee),)


def _moved(payment: Payment, event: str, *, debit: Account, credit: Account, at_us: int) -> Journal:
    """All that was signed goes from one place to another."""
    role = f"{payment.call}/{event}"
    moved = Transfer(f"{role}/0", debit=debit, credit=credit, amount=payment.signed)
    return Journal(role, event, (moved,), at_us, subject=payment.call)


def _arrival(payment: Payment, source: Account, role: str) -> tuple[Transfer, ...]:
    """Money final on chain: its USD value out of *source*, and the token's own units beside it."""
    asset, pay_to = chart.hexed(payment.asset), chart.hexed(payment.pay_to)
    held = chart.token(payment.network, asset, pay_to, payment.asset_decimals)
    bridge = chart.bridge(payment.network, asset, payment.asset_decimals)
    value = chart.onchain(payment.network, asset, pay_to)
    return (
        Transfer(f"{role}/usd", debit=value, credit=source, amount=payment.signed),
        Transfer(f"{role}/units", debit=held, credit=bridge, amount=Amount(payment.amount, held.asset)),
    )
