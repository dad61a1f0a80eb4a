"""Resources: what a thing the operator can read or write consists of. Knows none of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from ledger.signing import Signer
from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.storage.reading import AnyReader, Place
from sidecar.bookkeeping import Bookkeeping
from sidecar.ports import Clock

Readiness = Callable[[], Mapping[str, tuple[bool, str]]]
"""Tells of each dependency by name whether it is ready, and a detail without secrets."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What resources read from, and write to.

    `policies` are those in force, as they are answered. `audit_place` is the database, opened
    anew for an audit; `auditing` lets one run at a time.
    `signer` has the key that the books are signed with; `bookkeeping` writes.
    """

    reader: AnyReader
    metrics: MetricsObserver
    readiness: Readiness
    clock: Clock
    audit_place: Place
    policies: Mapping[str, object]
    signer: Signer
    bookkeeping: Bookkeeping
    auditing: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Resource:
    """One path and a method. `parameters` are its query's, each with a sentence; others are refused.

    What is written is POSTed as a JSON object; `body` has a sentence for each of its members.
    """

    path: str
    summary: str
    answer: Callable[[Request, Sources], Awaitable[Response]]
    parameters: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
    method: Literal["GET", "POST"] = "GET"
    body: Mapping[str, str] = field(default_factory=dict)
