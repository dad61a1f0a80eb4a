"""A payment comes back from its row as it was, and typed."""

from pathlib import Path

from sidecar.adapters.storage.payment_rows import COLUMNS, digest, payment_from, values_of
from tests.sidecar.builders import open_books


async def test_a_payment_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every field has a column, and plain values only: no database knows our types."""
    async with open_books(tmp_path) as books:
        payment = await books.admitted()
        claim, *row = values_of(payment)

        assert claim == digest(payment.claim_key)
        assert dict(zip(COLUMNS, row, strict=True))["call_id"] == payment.call
        assert {type(value) for value in row} <= {bytes, int, str}
        assert payment_from(row) == payment
        assert type(payment_from(row).watched) is bool
