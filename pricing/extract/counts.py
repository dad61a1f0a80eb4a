"""Counts out of a provider's usage object, for formats to share. Knows no format's names."""

from collections.abc import Mapping

from ledger.money import Amount
from pricing.extract.members import Found
from pricing.usage import Unmeasured

UNREADABLE = "usage cannot be read"
DETAILS_UNREADABLE = "usage details cannot be read"


def details(usage: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    """Return the object *name* of a usage, empty where the provider left it out; None if it is no object."""
    value = usage.get(name)
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def or_zero(count: object) -> object:
    """Take a count that providers leave out where it is nothing; not for one that they always tell."""
    return 0 if count is None else count


def output_of(read: object, written: object, total: object) -> object:
    """Count as output what the total counts beyond the input: hidden reasoning may be nowhere else."""
    if type(read) is int and type(written) is int and type(total) is int and 0 <= written < total - read:
        return total - read
    return written


def unmeasured(
    model: str | None, response_id: str | None, problem: str, reported: Amount | None = None
) -> Unmeasured:
    """Tell that a model answered, and why what it used is not known."""
    return Unmeasured(provider=None, model=model, response_id=response_id, problem=problem, reported=reported)


def missing(found: Found) -> str:
    """Say why an answer has no usage."""
    return "no usage" if found.whole else "cut off before its usage"
