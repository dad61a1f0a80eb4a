"""The registry of payment schemes: a new scheme is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sidecar.x402 import exact
from sidecar.x402.documents import ExactPayment, Malformed, Requirements
from sidecar.x402.exact import Invalid, LocallyValid, Signed, Window


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a scheme brings: reading and writing `payload`, and the local checks of a whole payment."""

    name: str
    read: Callable[[object], Signed | Malformed]
    write: Callable[[Signed], str]
    check: Callable[[ExactPayment, Requirements, int, int, Window], LocallyValid | Invalid]
    identify: Callable[[ExactPayment, Requirements, int], LocallyValid | Invalid]


SCHEMES: Final[Mapping[str, Scheme]] = {
    exact.NAME: Scheme(exact.NAME, exact.read, exact.write, exact.check, exact.identify),
}
