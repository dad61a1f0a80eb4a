"""One payment as we and the official SDK judge it, and what it shows of itself where we differ."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import decode

from sidecar.x402 import codec, matching
from sidecar.x402.documents import ExactPayment, Malformed, Requirements, TooLarge
from sidecar.x402.exact import Invalid, LocallyValid
from sidecar.x402.matching import Mismatch
from sidecar.x402.schemes import SCHEMES
from tests.sidecar.x402.changes import MAGIC
from tests.sidecar.x402.drafts import OFFERS, Draft
from tests.sidecar.x402.signing import NOW_S, WINDOW


@dataclass(frozen=True, slots=True)
class Taken:
    """What we take: the payment, for which offer, and the evidence."""

    payment: ExactPayment
    offer: Requirements
    evidence: LocallyValid


def ours(header: bytes) -> Taken | str:
    """Decode, match and check, as a paid call does."""
    payment = codec.decode_payment(header)
    if isinstance(payment, TooLarge):
        return "too large"
    if isinstance(payment, Malformed):
        return f"{payment.reason} at {payment.where}"
    offer = matching.match(payment, OFFERS)
    if isinstance(offer, Mismatch):
        return offer.reason
    chain_id = int(offer.network.removeprefix("eip155:"))
    evidence = SCHEMES[offer.scheme].check(payment, offer, chain_id, NOW_S, WINDOW)
    return evidence.reason if isinstance(evidence, Invalid) else Taken(payment, offer, evidence)


@dataclass(frozen=True)
class Seen:
    """One payment, and what became of it on both sides."""

    draft: Draft
    header: bytes
    taken: Taken | str
    official: frozenset[str]

    @property
    def verdict(self) -> str:
        return self.taken if isinstance(self.taken, str) else "valid"

    @property
    def agreed(self) -> bool:
        return (self.verdict == "valid") == ("valid" in self.official)

    @cached_property
    def text(self) -> str:
        """The JSON as the SDK reads it: what is not base64 is skipped."""
        return base64.b64decode(self.header).decode()

    def member(self, path: str) -> Any:
        """What stands at *path*; `...` if nothing does."""
        place: Any = json.loads(self.text)
        for name in path.split("."):
            place = place.get(name, ...) if isinstance(place, dict) else ...
        return place

    @property
    def remaining_s(self) -> int:
        return int(self.member("payload.authorization.validBefore")) - NOW_S

    @property
    def signature(self) -> bytes:
        return bytes.fromhex(self.member("payload.signature")[2:])

    @cached_property
    def in_json(self) -> frozenset[str]:
        """What stands in the JSON that programs read in different ways."""
        found = set()

        def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
            found.update(["repeated key"] if len(dict(pairs)) < len(pairs) else [])
            return dict(pairs)

        def whole(digits: str) -> int:
            found.update(["wide number"] if abs(int(digits)) >= 2**63 else [])
            return int(digits)

        def fraction(_: str) -> int:
            found.add("fraction")
            return 0

        document = json.loads(
            self.text, object_pairs_hook=once, parse_int=whole, parse_float=fraction, parse_constant=fraction
        )
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            found.add("half character")
        found.update(["depth"] if depth(document) > 16 else [])
        return frozenset(found)


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def spelled_otherwise(pattern: str, path: str) -> Callable[[Seen], bool]:
    """That a member is not text of the one form we read."""

    def holds(seen: Seen) -> bool:
        member = seen.member(path)
        return not isinstance(member, str) or not re.fullmatch(pattern, member)

    return holds


def has_in_json(name: str) -> Callable[[Seen], bool]:
    return lambda seen: name in seen.in_json


def wrapped_without_deployment(seen: Seen) -> bool:
    if seen.signature[-32:] != MAGIC:
        return False
    factory, calldata, inner = decode(["address", "bytes", "bytes"], seen.signature[:-32])
    return len(inner) == 65 and (int(factory, 16) == 0 or not calldata)


def other_case(seen: Seen) -> bool:
    offer = seen.taken.offer if isinstance(seen.taken, Taken) else None
    pairs = offer and [
        (offer.asset, seen.member("accepted.asset")),
        (offer.pay_to, seen.member("accepted.payTo")),
    ]
    return any(mine != theirs and mine.lower() == theirs.lower() for mine, theirs in pairs or ())


def odd_where_we_do_not_read(seen: Seen) -> bool:
    """What the SDK holds to a type, and we leave alone."""
    texts = [
        seen.member(f"resource.{name}") for name in ("description", "mimeType", "serviceName", "iconUrl")
    ]
    tags, extensions = seen.member("resource.tags"), seen.member("extensions")
    return (
        any(text is not ... and not isinstance(text, str | None) for text in texts)
        or (isinstance(tags, list) and any(not isinstance(tag, str) for tag in tags))
        or (tags not in (..., None) and not isinstance(tags, list))
        or (extensions not in (..., None) and not isinstance(extensions, dict))
    )
