"""Judging: which of all that was said of a call's costs is booked, and what one more report changes. Pure.

The booked lines of a call are at any time the strongest of all that is known by
then (`pricing.cost.standing`), in whatever order it became known.
"""

from collections.abc import Sequence

from ledger.values import value
from pricing.cost import CostLine, standing, strongest
from pricing.disputes import Dispute, disputes
from sidecar.domain.costs import Evidence


@value
class Judged:
    """What *new* lines change: which of them are booked, and which known lines rise to it or fall."""

    new: tuple[bool, ...]
    risen: tuple[Evidence, ...]
    fallen: tuple[Evidence, ...]
    disputes: tuple[Dispute, ...]


def judge(known: Sequence[Evidence], new: Sequence[CostLine]) -> Judged:
    """Hold *new* lines of a call against all that is known of it; both in the order they came."""
    if not known and len(new) <= 1:
        return Judged((True,) * len(new), (), (), ())  # alone it is the strongest, and agrees with itself
    lines = [each.line for each in known]
    booked = standing([*lines, *new])
    told = set(disputes(*strongest(lines)))
    now = list(zip(known, booked[: len(known)], strict=True))
    return Judged(
        new=booked[len(known) :],
        risen=tuple(each for each, stands in now if stands and not each.booked),
        fallen=tuple(each for each, stands in now if each.booked and not stands),
        disputes=tuple(each for each in disputes(*strongest([*lines, *new])) if each not in told),
    )
