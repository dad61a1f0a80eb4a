"""The whole wire against the official Python SDK: thousands of payments, and why we differ where we do.

Both read the header, find the offer and verify the payment, at the same moment and for the
same offers. The SDK's chain says that funds are fine. Where the verdicts differ, a row of
DIFFERENCES must say why, by what the payment itself shows and not by how it was made.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Final, NamedTuple

import pytest

from sidecar.x402 import codec
from tests.sidecar.x402.changes import ORDER
from tests.sidecar.x402.drafts import OFFERS
from tests.sidecar.x402.judged import (
    Seen,
    Taken,
    has_in_json,
    odd_where_we_do_not_read,
    other_case,
    ours,
    spelled_otherwise,
    wrapped_without_deployment,
)
from tests.sidecar.x402.mutants import mutants
from tests.sidecar.x402.official import OfficialSeller, facilitator_verdict
from tests.sidecar.x402.signing import NOW_S, WINDOW

SEED: Final = 402
COMBINED: Final = 10_000
OFFICIAL_CLOCKS: Final = (
    "x402.mechanisms.evm.exact.facilitator.time",
    "x402.mechanisms.evm.exact.v1.facilitator.time",
)
SIGNATURE: Final = "invalid_exact_evm_payload_signature"
VALID_BEFORE: Final = "invalid_exact_evm_payload_authorization_valid_before"


class Difference(NamedTuple):
    """A kind of payment on which we differ: our verdict, theirs, what the payment shows, and why."""

    ours: str
    theirs: str
    shows: Callable[[Seen], bool]
    why: str


MESSAGE: Final = "payload.authorization"
WHOLE: Final = r"0|[1-9][0-9]{0,77}"
ADDRESS: Final = r"0x[0-9A-Fa-f]{40}"
JSON: Final = "invalid_payload at json"

DIFFERENCES: Final = (
    # We refuse what they take: rules.
    Difference(
        VALID_BEFORE,
        "valid",
        lambda seen: 6 <= seen.remaining_s < WINDOW.min_remaining_s,
        "they need 6 s of validity left; we need the time of the work and of settling it",
    ),
    Difference(
        VALID_BEFORE,
        "valid",
        lambda seen: seen.remaining_s > WINDOW.max_remaining_s,
        "they set no end; what is open for long is exposure, so we take twice what we asked for",
    ),
    Difference(
        SIGNATURE,
        "valid",
        lambda seen: int.from_bytes(seen.signature[32:64], "big") > ORDER // 2 and len(seen.signature) == 65,
        "they recover from a high s too; tokens refuse it, and one message would have two signatures",
    ),
    Difference(
        SIGNATURE,
        "valid",
        wrapped_without_deployment,
        "they unwrap ERC-6492 around a plain signature; what is settled must be what was sent",
    ),
    # We refuse what they take: one document for one value.
    Difference(
        "too large", "valid", lambda seen: len(seen.header) > 16_384, "they set no limit before they decode"
    ),
    Difference(
        "invalid_payload at base64",
        "valid",
        lambda seen: base64.b64encode(base64.b64decode(seen.header)) != seen.header,
        "they skip what is no base64 and read no further than the padding",
    ),
    Difference(
        JSON, "valid", has_in_json("repeated key"), "they take the last of two; others take the first"
    ),
    Difference(JSON, "valid", has_in_json("fraction"), "no member has one; a float is never exact"),
    Difference(JSON, "valid", has_in_json("wide number"), "many languages round it without a word"),
    Difference(JSON, "valid", has_in_json("half character"), "it cannot be written as UTF-8 again"),
    Difference(JSON, "valid", has_in_json("depth"), "no payment is so deep; recursion is what it is for"),
    Difference(
        "invalid_x402_version at x402Version",
        "valid",
        lambda seen: type(seen.member("x402Version")) is not int or seen.member("x402Version") not in (1, 2),
        "they read any number, text, true or nothing as a version",
    ),
    *(
        Difference(
            f"invalid_payload at {MESSAGE}.{name}",
            "valid",
            spelled_otherwise(WHOLE, f"{MESSAGE}.{name}"),
            "they read bare numbers, spaces, signs, leading zeros, underscores and other scripts' digits",
        )
        for name in ("value", "validAfter", "validBefore")
    ),
    *(
        Difference(
            f"invalid_payload at {path}",
            "valid",
            spelled_otherwise(r"0x(?:[0-9A-Fa-f]{2})*", path),
            "they read hex without its 0x and with spaces in it",
        )
        for path in (f"{MESSAGE}.nonce", "payload.signature")
    ),
    *(
        Difference(
            f"invalid_payload at {MESSAGE}.{name}",
            "valid",
            spelled_otherwise(ADDRESS, f"{MESSAGE}.{name}"),
            "they read 0X as 0x; many libraries do not",
        )
        for name in ("from", "to")
    ),
    Difference(
        "invalid_payload at accepted.maxTimeoutSeconds",
        "valid",
        lambda seen: type(seen.member("accepted.maxTimeoutSeconds")) is not int,
        "they make a number of text, and read `max_timeout_seconds`",
    ),
    Difference(
        "invalid_payload at accepted.payTo",
        "valid",
        lambda seen: seen.member("accepted.payTo") is ... and seen.member("accepted.pay_to") is not ...,
        "they read `pay_to`, which the specification does not have",
    ),
    Difference(
        "invalid_payload at resource",
        "valid",
        lambda seen: (
            not seen.member("resource.url").isprintable() or not 0 < len(seen.member("resource.url")) <= 8192
        ),
        "they keep any text as a URL; it goes on to facilitators and into records",
    ),
    # We take what they refuse: nothing of it is signed, and nothing of it is passed on.
    Difference(
        "valid", "no match", other_case, "letter case of an address means nothing; some wallets rewrite it"
    ),
    Difference(
        "valid", "unreadable", odd_where_we_do_not_read, "a hint that we do not use is not held to a type"
    ),
    Difference(
        "valid",
        "invalid_permit2_spender",
        lambda seen: seen.member("payload.permit2Authorization") is not ...,
        "they settle the other method if both are sent; we sell by one, and pass only that one on",
    ),
)

# With one thing wrong: what they call it, where we call it something else.
OTHER_NAMES: Final = {
    SIGNATURE: {
        SIGNATURE,
        "invalid_exact_evm_failed_to_verify_signature",  # an unknown v, or bytes that are no point
        "invalid_exact_evm_payload_undeployed_smart_wallet",  # not 65 bytes
        "eip6492_factory_not_allowed",
    },
    "invalid_network": {"no match"},
    "invalid_payment_requirements": {"no match", "unreadable"},  # `extra` may not be null there
}


@pytest.fixture(scope="module")
def seen() -> Iterator[list[Seen]]:
    """Every mutant with both verdicts; the SDK's clock stands at the moment we check for."""
    with pytest.MonkeyPatch.context() as patch:
        for clock in OFFICIAL_CLOCKS:
            patch.setattr(clock, SimpleNamespace(time=lambda: NOW_S))
        seller = OfficialSeller(OFFERS)
        made = [(draft, draft.header()) for draft in mutants(SEED, COMBINED)]
        yield [Seen(draft, header, ours(header), seller.verdicts(header)) for draft, header in made]


def rows(seen: Seen) -> list[int]:
    """The rows of DIFFERENCES that explain it."""
    return [
        n
        for n, row in enumerate(DIFFERENCES)
        if seen.verdict == row.ours and row.theirs in seen.official and row.shows(seen)
    ]


def told(seen: Seen) -> tuple[object, ...]:
    """What one needs to know of a payment that breaks a claim."""
    return seen.draft.version, seen.draft.changed, seen.verdict, sorted(seen.official)


def test_there_are_many_payments_and_each_reason_among_them(seen: list[Seen]) -> None:
    """The comparison means something only where both verdicts, and all our reasons, are common."""
    reasons = Counter(each.verdict.split(" at ")[0] for each in seen)
    both = sum(each.agreed for each in seen if each.verdict == "valid")

    assert len(seen) >= 10_000
    assert both >= 400
    assert set(reasons) == {
        "valid",
        "too large",
        "invalid_payload",
        "invalid_x402_version",
        "unsupported_scheme",
        "invalid_network",
        "invalid_payment_requirements",
        "invalid_exact_evm_payload_recipient_mismatch",
        "invalid_exact_evm_payload_authorization_value_mismatch",
        "invalid_exact_evm_payload_authorization_valid_after",
        VALID_BEFORE,
        "missing_eip712_domain",
        SIGNATURE,
    }
    assert min(reasons.values()) >= 20, reasons


def test_every_payment_has_the_official_verdict_or_a_listed_difference(seen: list[Seen]) -> None:
    """Taken by both or refused by both; otherwise the table says what it is about this payment."""
    assert [told(each) for each in seen if not each.agreed and not rows(each)] == []


def test_every_listed_difference_exists(seen: list[Seen]) -> None:
    """A row that explains no payment is a row that nobody would miss."""
    used = {row for each in seen if not each.agreed for row in rows(each)}
    assert [DIFFERENCES[row].why for row in range(len(DIFFERENCES)) if row not in used] == []


def test_what_we_take_the_official_facilitator_takes_as_we_pass_it_on(seen: list[Seen]) -> None:
    """However odd it came in: a call is never served for what cannot be settled."""
    taken = [each.taken for each in seen if isinstance(each.taken, Taken)]
    bodies = [
        codec.facilitator_body(
            each.payment.authorization, each.payment.signature, each.offer, each.payment.resource
        )
        for each in taken
    ]
    assert {facilitator_verdict(body) for body in bodies} == {"valid"}
    assert {each.payment.signature[64] for each in taken} == {27, 28}, "tokens refuse every other v"


def test_what_we_take_is_claimed_by_whom_and_for_what_was_signed(seen: list[Seen]) -> None:
    """Payer and claim are those of the wallet and of its message, in either version."""
    for each in seen:
        if isinstance(each.taken, Taken):
            message, evidence = each.draft.message, each.taken.evidence
            assert evidence.payer == message["from_"]
            assert evidence.claim_key[-52:] == message["from_"] + message["nonce"]
            assert each.taken.offer == each.draft.offer


def test_with_one_thing_wrong_both_name_the_same_reason(seen: list[Seen]) -> None:
    """A reason that clients know means the same from us; with several wrong, the order differs."""
    single = [each for each in seen if len(each.draft.changed) == 1 and "version" in each.draft.offer.extra]
    refused = [
        each for each in single if " at " not in each.verdict and each.verdict not in {"valid", "too large"}
    ]
    other = [
        each
        for each in refused
        if each.agreed and not each.official & OTHER_NAMES.get(each.verdict, {each.verdict})
    ]

    assert len(refused) >= 200
    assert [told(each) for each in other] == []
