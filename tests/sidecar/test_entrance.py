"""Entrance: what is closed to new payments still tells old ones how they stand."""

from pathlib import Path

from sidecar.domain.refusals import Code, Refusal
from sidecar.entrance import admit, knows
from sidecar.ports import StorageUnavailable, TimedOut
from tests.sidecar.builders import verified
from tests.sidecar.stall import open_stall

TOO_LATE = Refusal(Code.PAYMENT_INVALID, reason="too_late")


async def test_a_closed_entrance_begins_nothing(tmp_path: Path) -> None:
    """A new payment is refused with what closed it, and leaves no trace."""
    async with open_stall(tmp_path) as stall:
        assert await admit(stall.services, verified(), TOO_LATE) == TOO_LATE
        assert stall.books.select("SELECT 1 FROM payments UNION ALL SELECT 1 FROM calls") == []


async def test_without_anybody_to_settle_it_is_closed(tmp_path: Path) -> None:
    """Who has listed no kind of ours cannot be asked: the payment may come again later."""
    async with open_stall(tmp_path, listed=False) as stall:
        refused = await admit(stall.services, verified(), None)

        assert refused == Refusal(Code.FACILITATOR_UNAVAILABLE, retry_after_s=2)


async def test_a_payment_that_was_here_is_known(tmp_path: Path) -> None:
    """Known by its claim alone, whatever became of it; storage that cannot tell is asked again."""
    async with open_stall(tmp_path) as stall:
        asked = verified()
        key = asked.evidence.claim_key
        assert not await knows(stall.services, key)
        stall.facilitator.settles = [TimedOut("no answer")]
        assert (await stall.buy()).status == 503
        stored = (await stall.stored()).claim_key
        assert await knows(stall.services, stored)

        stall.storage.faults["known_unit"] = [StorageUnavailable("the disk is full")]
        assert await knows(stall.services, key)
        stall.storage.faults["admit_unit"] = [StorageUnavailable("the disk is full")]
        assert await admit(stall.services, asked, TOO_LATE) == Refusal(
            Code.STORAGE_UNAVAILABLE, retry_after_s=2
        )
