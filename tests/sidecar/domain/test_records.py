"""Records: a stored payment as the books see it."""

from ledger.money import nano
from tests.sidecar.builders import PAYER, Books, an_endpoint, verified


async def test_a_payment_tells_its_money_and_its_payer(books: Books) -> None:
    """Price and signed amount are dollars, and one wallet has one spelling."""
    payment = await books.admitted(verified(an_endpoint(nano(1_500))))

    assert (payment.price, payment.signed) == (nano(1_500), nano(2_000))
    assert payment.buyer == "0x" + PAYER.hex()
    assert payment.buyer == payment.buyer.lower()
