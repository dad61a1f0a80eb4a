"""Version 1 names what it can, is read strictly, and pays with the same authorization as version 2."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x402.mechanisms.evm.v1.constants import V1_NETWORK_CHAIN_IDS
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequiredV1

from sidecar.x402 import codec, matching, version1
from sidecar.x402.documents import ExactPayment, Malformed, Named, Requirements, Resource, TooLarge
from sidecar.x402.exact import LocallyValid, Window, check
from sidecar.x402.matching import Mismatch
from tests.sidecar.x402 import legacy
from tests.sidecar.x402.official import facilitator_verdict, paid_in_version_1
from tests.sidecar.x402.signing import (
    CHAIN_ID,
    NOW_S,
    OFFER,
    STRANGER,
    WINDOW,
    a_document,
    a_document_v1,
    a_payment,
    an_offer,
    header,
)

RESOURCE = Resource("https://agent.example/research")
NAMED = {f"eip155:{chain_id}": name for name, chain_id in V1_NETWORK_CHAIN_IDS.items()}
UNNAMEABLE = ["eip155:1", "eip155:42161", "eip155:31337", "eip155:1513", "eip155:1514", "base", ""]


def decoded(document: object) -> ExactPayment:
    payment = codec.decode_payment(header(document))
    assert isinstance(payment, ExactPayment), payment
    return payment


def entries(*offers: Requirements, resource: Resource = RESOURCE) -> list[dict[str, Any]]:
    return json.loads(codec.encode_required_body("x", {}, version1.accepts(offers, resource)))["accepts"]  # type: ignore[no-any-return]  # JSON has no types


def test_a_name_means_the_same_chain_to_the_official_client_and_to_the_legacy_one() -> None:
    """Whoever signs for a name signs for the chain that we mean by it."""
    known = {network: name for network, name in NAMED.items() if version1.network_name(network) is not None}

    assert len(known) == 12
    assert {network: version1.network_name(network) for network in known} == known
    assert set(known.values()) <= legacy.NETWORKS


@pytest.mark.parametrize("network", UNNAMEABLE)
def test_other_networks_have_no_name(network: str) -> None:
    """Unknown to version 1, or known by different chain ids to different libraries."""
    assert version1.network_name(network) is None


@given(
    offers=st.lists(
        st.builds(
            an_offer,
            network=st.sampled_from([*NAMED, *UNNAMEABLE]),
            scheme=st.sampled_from(["exact", "exact", "upto"]),
            amount=st.integers(0, 10**30),
            max_timeout_s=st.integers(120, 10**6),
            extra=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        ),
        max_size=4,
    ),
    resource=st.builds(
        Resource,
        st.sampled_from(["https://agent.example/a", "http://127.0.0.1:8402/a/b%20c"]),
        st.none() | st.text(max_size=20),
        st.none() | st.text(max_size=20),
    ),
)
def test_every_entry_suits_the_legacy_client_and_the_official_one(
    offers: list[Requirements], resource: Resource
) -> None:
    """One entry that is wrong would cost a buyer all of them."""
    accepts = entries(*offers, resource=resource)
    document = json.dumps({"x402Version": 1, "error": "payment_required", "accepts": accepts})
    official = PaymentRequiredV1.model_validate_json(document)

    assert [legacy.faults(entry) for entry in accepts] == [[]] * len(accepts)
    assert {(entry.network, entry.max_amount_required) for entry in official.accepts} == {
        (version1.network_name(offer.network), str(offer.amount))
        for offer in offers
        if offer.scheme == "exact" and version1.network_name(offer.network)
    }


def test_an_entry_has_precisely_the_members_of_version_1() -> None:
    """Required strings are there even when empty, and `outputSchema` is not there rather than null."""
    assert entries(OFFER) == [
        {
            "scheme": "exact",
            "network": "base-sepolia",
            "maxAmountRequired": "50000",
            "resource": "https://agent.example/research",
            "description": "",
            "mimeType": "",
            "payTo": OFFER.pay_to,
            "maxTimeoutSeconds": 180,
            "asset": OFFER.asset,
            "extra": {"name": "USDC", "version": "2"},
        }
    ]


def test_of_offers_that_a_version_1_payment_cannot_tell_apart_only_the_first_is_made() -> None:
    """Neither asset nor domain is named in the payment; recipient, value and network tell apart."""
    other_asset = an_offer(asset=STRANGER.address, pay_to=OFFER.pay_to.lower())
    apart = [an_offer(amount=1), an_offer(pay_to=STRANGER.address), an_offer(network="eip155:8453")]
    made = entries(OFFER, other_asset, *apart)

    assert [entry["asset"] for entry in made] == [OFFER.asset] * 4
    assert [(e["maxAmountRequired"], e["payTo"], e["network"]) for e in made] == [
        ("50000", OFFER.pay_to, "base-sepolia"),
        ("1", OFFER.pay_to, "base-sepolia"),
        ("50000", STRANGER.address, "base-sepolia"),
        ("50000", OFFER.pay_to, "base"),
    ]


@pytest.mark.parametrize("offer", [OFFER, an_offer(asset=OFFER.asset.lower(), pay_to=OFFER.pay_to.lower())])
def test_what_the_official_version_1_client_signs_for_our_body_is_locally_valid(offer: Requirements) -> None:
    """The whole way: our body, its signature, our decoding, matching and check."""
    offers = [an_offer(network="eip155:10"), an_offer(amount=1), offer]
    body = codec.encode_required_body("payment_required", {}, version1.accepts(offers[2:], RESOURCE))
    signed = paid_in_version_1(body)

    payment = codec.decode_payment(signed)
    assert isinstance(payment, ExactPayment)
    assert (payment.version, payment.chosen) == (1, Named("exact", OFFER.network))
    assert matching.match(payment, offers) is offer
    now_s = payment.authorization.valid_before - offer.max_timeout_s
    assert isinstance(check(payment, offer, CHAIN_ID, now_s, Window(120, 360)), LocallyValid)


SPELLINGS = [str, str.lower, lambda text: "0x" + text[2:].upper()]


@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize("member", ["from", "to", "nonce", "signature"])
def test_one_authorization_is_one_claim_in_either_version_and_any_case(member: str, spelled: Any) -> None:
    """Claim key, payment digest and what goes to the facilitator are made of what was signed."""
    document = a_document_v1()
    payload = document["payload"]
    place = payload if member == "signature" else payload["authorization"]
    place[member] = spelled(place[member])
    payment = decoded(document)
    offer = matching.match(payment, [OFFER])
    assert offer is OFFER
    verdict = check(payment, offer, CHAIN_ID, NOW_S, WINDOW)

    assert isinstance(verdict, LocallyValid)
    assert verdict == check(a_payment(), OFFER, CHAIN_ID, NOW_S, WINDOW)
    assert codec.facilitator_body(payment.authorization, payment.signature, offer) == codec.facilitator_body(
        a_payment().authorization, a_payment().signature, OFFER
    )


def test_the_official_facilitator_takes_a_version_1_payment_in_version_2_form() -> None:
    """The signed message does not name a version, so one form serves both."""
    payment = decoded(a_document_v1(validBefore="4000000000"))
    body = codec.facilitator_body(payment.authorization, payment.signature, OFFER, payment.resource)

    assert json.loads(body)["x402Version"] == json.loads(body)["paymentPayload"]["x402Version"] == 2
    assert facilitator_verdict(body) == "valid"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"scheme": ...}, "invalid_payload at scheme"),
        ({"scheme": 5}, "invalid_payload at scheme"),
        ({"scheme": "Exact"}, "unsupported_scheme at scheme"),
        ({"scheme": "upto"}, "unsupported_scheme at scheme"),
        ({"network": ...}, "invalid_payload at network"),
        ({"network": ["base-sepolia"]}, "invalid_payload at network"),
        ({"network": "x" * 257}, "invalid_payload at network"),
        ({"payload": ...}, "invalid_payload at payload"),
        ({"payload": {"signature": "0x"}}, "invalid_payload at payload.authorization"),
        ({"payload": {"transaction": "AQ=="}}, "invalid_payload at payload.authorization"),
        ({"x402Version": 2}, "invalid_payload at accepted"),
        ({"x402Version": True}, "invalid_x402_version at x402Version"),
        ({"x402Version": "1"}, "invalid_x402_version at x402Version"),
    ],
)
def test_an_odd_document_is_malformed_by_name(change: dict[str, Any], where: str) -> None:
    """Read by the version it states, with the member at fault named."""
    document = {k: v for k, v in (a_document_v1() | change).items() if v is not ...}
    found = codec.decode_payment(header(document))

    assert isinstance(found, Malformed)
    assert f"{found.reason} at {found.where}" == where


@pytest.mark.parametrize("name", ["base", "Base-Sepolia", "eip155:84532", "solana", "story", "moon"])
def test_another_name_pays_for_nothing(name: str) -> None:
    """Names are version 1's own, letter by letter; a CAIP-2 id is not one."""
    assert matching.match(decoded(a_document_v1(network=name)), [OFFER]) == Mismatch("invalid_network")


def test_terms_of_version_2_in_a_version_1_document_say_nothing() -> None:
    """One document is read by one version; what is unsigned and unknown is left alone."""
    document = a_document_v1() | {"accepted": a_document()["accepted"] | {"amount": "1"}, "resource": 5}

    assert decoded(document) == decoded(a_document_v1())


VALID = a_document_v1()
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data(), odd=ODD, version=st.sampled_from([1, 2]))
def test_no_member_of_another_type_makes_the_decoder_raise(
    data: st.DataObject, odd: object, version: int
) -> None:
    """Any one member replaced by anything, at any depth, is a payment or a named fault."""
    document = copy.deepcopy(VALID) | {"x402Version": version}
    place: dict[str, Any] = document
    name = data.draw(st.sampled_from(sorted(place)))
    while isinstance(place[name], dict) and data.draw(st.booleans()):
        place = place[name]
        name = data.draw(st.sampled_from(sorted(place)))
    place[name] = odd
    found = codec.decode_payment(header(document))

    assert not isinstance(found, TooLarge)
    if isinstance(found, ExactPayment):
        assert found.version == 1
        assert PaymentPayloadV1.model_validate(document).get_scheme() == found.chosen.scheme


@given(
    header_bytes=st.binary(max_size=60)
    | st.builds(
        lambda text, cut, put: text[:cut] + put + text[cut:],
        st.just(header(VALID)),
        st.integers(0, len(header(VALID))),
        st.binary(max_size=4),
    )
)
def test_no_bytes_in_a_version_1_header_make_the_decoder_raise(header_bytes: bytes) -> None:
    """Bytes put anywhere into a good header: the same payment only if nothing was put in."""
    found = codec.decode_payment(header_bytes)

    if header_bytes == header(VALID):
        assert found == decoded(VALID)
    else:
        assert isinstance(found, ExactPayment | Malformed)


@given(
    message=st.fixed_dictionaries(
        {
            "value": st.integers(0, 2**256 - 1).map(str),
            "validAfter": st.integers(0, 2**256 - 1).map(str),
            "validBefore": st.integers(0, 2**256 - 1).map(str),
            "nonce": st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
        }
    ),
    name=st.text(alphabet="abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)
    | st.sampled_from([*NAMED.values()]),
)
def test_whatever_is_well_formed_is_read_as_both_versions_read_it(message: dict[str, str], name: str) -> None:
    """The payload means the same in either version, whatever is signed and whichever network is named."""
    payload = copy.deepcopy(VALID["payload"])
    payload["authorization"] |= message
    older = decoded({**VALID, "network": name, "payload": payload})
    newer = decoded({**a_document(), "payload": payload})

    assert (older.authorization, older.signature) == (newer.authorization, newer.signature)
    assert older.authorization.value == int(message["value"])
    assert older.chosen.network == {n: c for c, n in NAMED.items() if version1.network_name(c)}.get(name)
