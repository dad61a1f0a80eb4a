"""The `exact` scheme: what was signed is precisely what we asked for, or the reason is named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.x402 import codec, matching
from sidecar.x402.documents import Malformed, Requirements, TooLarge
from sidecar.x402.exact import (
    Invalid,
    LocallyValid,
    Signed,
    Window,
    check,
    claim_key,
    payment_digest,
    read,
    write,
)
from sidecar.x402.matching import Mismatch
from tests.sidecar.x402.mutations import (
    EDITED_AFTERWARDS,
    RECIPIENT,
    SIGNATURE,
    VALID_AFTER,
    VALID_BEFORE,
    VALUE,
    edited,
    with_signature,
)
from tests.sidecar.x402.official import facilitator_verdict
from tests.sidecar.x402.signing import (
    CHAIN_ID,
    NOW_S,
    OFFER,
    STRANGER,
    WALLET,
    WINDOW,
    a_document,
    a_payment,
    an_offer,
    header,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
PAYER = bytes.fromhex(WALLET.address[2:])


def judged(document: object, offers: tuple[Requirements, ...] = (OFFER,)) -> str:
    """Decode, match and check, as a paid call does; "valid" or the reason."""
    payment = codec.decode_payment(header(document))
    if isinstance(payment, Malformed):
        return f"{payment.reason} at {payment.where}"
    assert not isinstance(payment, TooLarge)
    offer = matching.match(payment, offers)
    if isinstance(offer, Mismatch):
        return offer.reason
    verdict = check(payment, offer, CHAIN_ID, NOW_S, WINDOW)
    return verdict.reason if isinstance(verdict, Invalid) else "valid"


def upper_half(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((55 - signature[64],))


@pytest.mark.parametrize(("path", "value", "verdict"), EDITED_AFTERWARDS)
def test_a_payment_that_was_changed_after_signing_is_refused_by_name(
    path: str, value: Any, verdict: str
) -> None:
    """One changed member, one verdict; what carries no meaning may differ (attack X16)."""
    assert judged(edited(path, value)) == verdict


@pytest.mark.parametrize(
    ("signed", "verdict"),
    [
        ({}, "valid"),
        ({"validAfter": str(NOW_S)}, "valid"),
        ({"validBefore": str(NOW_S + WINDOW.min_remaining_s)}, "valid"),
        ({"validBefore": str(NOW_S + WINDOW.max_remaining_s)}, "valid"),
        ({"wallet": STRANGER}, SIGNATURE),
        ({"wallet": STRANGER, "from": STRANGER.address}, "valid"),
        ({"to": STRANGER.address}, RECIPIENT),
        ({"value": "49999"}, VALUE),
        ({"value": "50001"}, VALUE),
        ({"value": "0"}, VALUE),
        ({"value": str(2**256 - 1)}, VALUE),
        ({"validAfter": str(NOW_S + 1)}, VALID_AFTER),
        ({"validAfter": str(2**256 - 1)}, VALID_AFTER),
        ({"validBefore": "0"}, VALID_BEFORE),
        ({"validBefore": str(NOW_S - 1)}, VALID_BEFORE),
        ({"validBefore": str(NOW_S + WINDOW.min_remaining_s - 1)}, VALID_BEFORE),
        ({"validBefore": str(NOW_S + WINDOW.max_remaining_s + 1)}, VALID_BEFORE),
        ({"validBefore": str(2**256 - 1)}, VALID_BEFORE),
        ({"domain": {"name": "USD Coin"}}, SIGNATURE),
        ({"domain": {"version": "1"}}, SIGNATURE),
        ({"domain": {"chainId": 8453}}, SIGNATURE),
        ({"domain": {"verifyingContract": STRANGER.address}}, SIGNATURE),
    ],
)
def test_a_payment_signed_for_something_else_is_refused_by_name(signed: dict[str, Any], verdict: str) -> None:
    """Each signed term counts, and the time window includes its ends."""
    assert judged(a_document(**signed)) == verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (upper_half, SIGNATURE),
        (lambda signature: signature[:64] + bytes((signature[64] - 27,)), "valid"),
        (lambda signature: signature[:64] + bytes((signature[64] ^ 7,)), SIGNATURE),
        (lambda signature: signature[:64] + bytes((55 - signature[64],)), SIGNATURE),
        (lambda signature: signature[:64], SIGNATURE),
        (lambda signature: signature + b"\x00", SIGNATURE),
        (lambda signature: signature + b"\x64\x92" * 16, SIGNATURE),
        (lambda signature: bytes((signature[0] ^ 1,)) + signature[1:], SIGNATURE),
    ],
)
def test_only_the_canonical_signature_counts(change: Callable[[bytes], bytes], verdict: str) -> None:
    """No second signature of a message is accepted, and no length but 65."""
    assert judged(with_signature(change)) == verdict


@pytest.mark.parametrize(
    ("failures", "reason"),
    [
        (["scheme", "network", "asset", "to", "value", "after", "before", "signature"], "unsupported_scheme"),
        (["network", "asset", "to", "value", "after", "before", "signature"], "invalid_network"),
        (["asset", "to", "value", "after", "before", "signature"], "invalid_payment_requirements"),
        (["to", "value", "after", "before", "signature"], RECIPIENT),
        (["value", "after", "before", "signature"], VALUE),
        (["after", "before", "signature"], VALID_AFTER),
        (["before", "signature"], VALID_BEFORE),
        (["domain", "signature"], "missing_eip712_domain"),
        (["signature"], SIGNATURE),
    ],
)
def test_the_first_failure_in_the_documented_order_is_the_reason(failures: list[str], reason: str) -> None:
    """A payment with several faults has one stable reason."""
    payment, offer = a_payment(), OFFER
    change: dict[str, Callable[[], Any]] = {
        "scheme": lambda: replace(payment, chosen=replace(payment.chosen, scheme="upto")),
        "network": lambda: replace(payment, chosen=replace(payment.chosen, network="eip155:1")),
        "asset": lambda: replace(payment, chosen=replace(payment.chosen, asset=STRANGER.address)),
        "to": lambda: replace(payment, authorization=replace(payment.authorization, to=bytes(20))),
        "value": lambda: replace(payment, authorization=replace(payment.authorization, value=1)),
        "after": lambda: replace(
            payment, authorization=replace(payment.authorization, valid_after=NOW_S + 1)
        ),
        "before": lambda: replace(payment, authorization=replace(payment.authorization, valid_before=NOW_S)),
        "signature": lambda: replace(payment, signature=bytes(65)),
    }
    for failure in failures:
        if failure == "domain":
            offer = an_offer(extra={"name": "USDC"})
        else:
            payment = change[failure]()

    assert check(payment, offer, CHAIN_ID, NOW_S, WINDOW) == Invalid(reason)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ({}, "valid"),
        ({"wallet": STRANGER}, "invalid_exact_evm_payload_signature"),
        ({"to": STRANGER.address}, "invalid_exact_evm_payload_recipient_mismatch"),
        ({"value": "49999"}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"validAfter": "4000000000"}, "invalid_exact_evm_payload_authorization_valid_after"),
        ({"validBefore": "1"}, "invalid_exact_evm_payload_authorization_valid_before"),
        ({"domain": {"chainId": 1}}, "invalid_exact_evm_payload_signature"),
    ],
)
def test_the_official_facilitator_agrees_with_our_check(seen: dict[str, Any], verdict: str) -> None:
    """On the body that we rebuild, it finds what we found before asking."""
    payment = a_payment(**({"validBefore": "4000000000"} | seen))
    body = codec.facilitator_body(payment.authorization, payment.signature, OFFER)
    ours = check(payment, OFFER, CHAIN_ID, NOW_S, Window(0, 4_000_000_000))

    assert facilitator_verdict(body) == verdict
    assert (ours.reason if isinstance(ours, Invalid) else "valid") == verdict


def test_the_evidence_names_payer_claim_and_payload() -> None:
    """The claim key is chain id, asset, payer and nonce as raw bytes; the digest adds the rest."""
    payment = a_payment()
    verdict = check(payment, OFFER, CHAIN_ID, NOW_S, WINDOW)
    key = CHAIN_ID.to_bytes(32, "big") + bytes.fromhex(OFFER.asset[2:]) + PAYER + b"\x5a" * 32
    rest = bytes.fromhex(OFFER.pay_to[2:]) + b"".join(n.to_bytes(32, "big") for n in (50_000, 0, NOW_S + 180))

    assert verdict == LocallyValid(
        payer=PAYER,
        claim_key=key,
        payment_digest=hashlib.sha256(key + rest + payment.signature).digest(),
    )


def test_the_claim_is_the_same_in_every_spelling() -> None:
    """Letter case, v and unsigned members do not make another payment of one authorization."""
    spelled = with_signature(lambda signature: signature[:64] + bytes((signature[64] - 27,)))
    message = spelled["payload"]["authorization"]
    message |= {"from": message["from"].lower(), "to": "0x" + message["to"][2:].upper()}
    del spelled["resource"]
    payment = codec.decode_payment(header(spelled))
    assert not isinstance(payment, Malformed | TooLarge)

    assert payment.signature == a_payment().signature
    assert check(payment, OFFER, CHAIN_ID, NOW_S, WINDOW) == check(
        a_payment(), OFFER, CHAIN_ID, NOW_S, WINDOW
    )


@pytest.mark.parametrize(
    "change",
    [{"to": bytes(20)}, {"value": 1}, {"valid_after": 1}, {"valid_before": 1}],
)
def test_another_payload_with_the_same_nonce_has_another_digest(change: dict[str, Any]) -> None:
    """One claim, two payloads: told apart without keeping the document."""
    payment = a_payment()
    message = payment.authorization
    key = claim_key(CHAIN_ID, bytes(20), message.from_, message.nonce)
    other = replace(message, **change)

    assert claim_key(CHAIN_ID, bytes(20), other.from_, other.nonce) == key
    assert payment_digest(key, other, payment.signature) != payment_digest(key, message, payment.signature)
    assert payment_digest(key, message, bytes(65)) != payment_digest(key, message, payment.signature)


MEMBERS = st.sampled_from(["signature", "authorization", "from", "to", "value", "validAfter", "nonce"])
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=70)
    | st.sampled_from(["0x", "0", WALLET.address]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(MEMBERS, inner, max_size=7),
    max_leaves=12,
)


@given(payload=ODD)
def test_reading_never_raises_and_what_is_read_is_written_back(payload: object) -> None:
    """Whatever stands in `payload`, it is a signed message or a named fault."""
    found = read(payload)
    if isinstance(found, Signed):
        assert read(write(found)) == found
    else:
        assert found.reason == "invalid_payload"
