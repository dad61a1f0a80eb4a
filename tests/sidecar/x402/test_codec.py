"""The wire agrees with the official SDK, and nothing on it raises."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x402.http.utils import (
    decode_payment_required_header,
    decode_payment_response_header,
    decode_payment_signature_header,
)
from x402.schemas import PaymentPayload, PaymentRequired, PaymentRequirements, VerifyRequest

from sidecar.x402 import codec, matching, version1
from sidecar.x402.documents import (
    ExactPayment,
    Malformed,
    Requirements,
    Resource,
    SettleReply,
    Supported,
    TooLarge,
    VerifyReply,
)
from sidecar.x402.exact import LocallyValid, Window, check
from tests.sidecar.x402.answers import (
    KINDS,
    KINDS_ANSWER,
    PAYER,
    SETTLE_ANSWERS,
    SETTLED,
    TRANSACTION,
    VERIFY_ANSWERS,
)
from tests.sidecar.x402.official import paid_by_the_official_client
from tests.sidecar.x402.signing import (
    CHAIN_ID,
    OFFER,
    WALLET,
    a_document,
    a_document_v1,
    a_payment,
    an_offer,
    header,
)

RESOURCE = Resource("https://agent.example/research", "Deep research", "application/json")
VALID_DOCUMENT = a_document()


@pytest.mark.parametrize("offer", [OFFER, an_offer(asset=OFFER.asset.lower(), pay_to=OFFER.pay_to.lower())])
def test_what_the_official_client_signs_for_our_402_is_locally_valid(offer: Requirements) -> None:
    """The whole way: our 402, its signature, our decoding, matching and check."""
    offers = [an_offer(network="eip155:10"), offer]
    signed = paid_by_the_official_client(codec.encode_required(offers[1:], RESOURCE, "payment_required"))

    payment = codec.decode_payment(signed)
    assert isinstance(payment, ExactPayment)
    assert payment.resource == RESOURCE.url
    assert matching.match(payment, offers) is offer
    now_s = payment.authorization.valid_before - offer.max_timeout_s
    verdict = check(payment, offer, CHAIN_ID, now_s, Window(120, 360))
    assert isinstance(verdict, LocallyValid)
    assert verdict.payer == PAYER


def test_our_reading_of_a_payment_is_the_official_one() -> None:
    """Every member means the same to both."""
    signed = paid_by_the_official_client(codec.encode_required([OFFER], RESOURCE, "payment_required"))
    official = decode_payment_signature_header(signed.decode("ascii"))
    assert isinstance(official, PaymentPayload)
    ours = codec.decode_payment(signed)
    assert isinstance(ours, ExactPayment)

    assert ours.version == official.x402_version
    assert ours.accepted == official.accepted.model_dump(by_alias=True)
    assert ours.signature.hex() == official.payload["signature"][2:]
    message = official.payload["authorization"]
    assert ours.authorization.from_ == bytes.fromhex(message["from"][2:])
    assert ours.authorization.value == int(message["value"])
    assert ours.authorization.nonce == bytes.fromhex(message["nonce"][2:])


def test_a_402_reads_the_same_to_the_official_client() -> None:
    """`resource` and `extra` are always there, and nothing is null."""
    required = codec.encode_required([OFFER, an_offer(extra={})], RESOURCE, "payment_required")
    document = decode_payment_required_header(required.decode("ascii"))

    assert isinstance(document, PaymentRequired)
    assert document.error == "payment_required"
    assert document.resource is not None
    assert document.resource.url == RESOURCE.url
    assert [accepted.extra for accepted in document.accepts] == [OFFER.extra, {}]
    assert "null" not in base64.b64decode(required).decode()


@pytest.mark.parametrize("offers", [[], [OFFER]])
def test_the_body_of_a_402_is_a_version_1_document(offers: list[Requirements]) -> None:
    """Version 1 clients read the body; the problem members stand beside it."""
    accepts = version1.accepts(offers, RESOURCE)
    body = codec.encode_required_body("payment_invalid", {"status": 402, "code": "payment_invalid"}, accepts)

    assert json.loads(body) == {
        "x402Version": 1,
        "error": "payment_invalid",
        "accepts": accepts,
        "status": 402,
        "code": "payment_invalid",
    }


@pytest.mark.parametrize(
    "reply",
    [
        SettleReply(True, TRANSACTION, OFFER.network, PAYER, 50_000),
        SettleReply(True, TRANSACTION, OFFER.network, PAYER),
        SettleReply(True, "", OFFER.network, PAYER, 0),
        SettleReply(False, "", OFFER.network, None, None, "insufficient_funds"),
    ],
)
def test_a_receipt_reads_the_same_to_the_official_client_and_to_us(reply: SettleReply) -> None:
    """PAYMENT-RESPONSE has the members of a settle answer, and nothing null."""
    encoded = codec.encode_response(reply)
    official = decode_payment_response_header(encoded.decode("ascii"))

    assert (official.success, official.transaction, official.network) == (
        reply.success,
        reply.transaction,
        reply.network,
    )
    assert (official.error_reason, official.amount) == (
        reply.reason,
        None if reply.amount is None else str(reply.amount),
    )
    assert b"null" not in base64.b64decode(encoded)
    assert codec.parse_settle(base64.b64decode(encoded)) == reply


@pytest.mark.parametrize(
    ("reply", "members"),
    [
        (
            SettleReply(True, TRANSACTION, OFFER.network, PAYER, 50_000),
            {"success": True, "transaction": TRANSACTION, "network": "base-sepolia", "payer": WALLET.address},
        ),
        (
            SettleReply(False, "", "eip155:10", None, None, "insufficient_funds"),
            {
                "success": False,
                "transaction": "",
                "network": "eip155:10",
                "errorReason": "insufficient_funds",
            },
        ),
    ],
)
def test_a_version_1_receipt_names_the_network_as_version_1_does(
    reply: SettleReply, members: dict[str, object]
) -> None:
    """X-PAYMENT-RESPONSE has the members of version 1 and no other; a network without a name keeps its id."""
    encoded = codec.encode_response_v1(reply)

    assert json.loads(base64.b64decode(encoded, validate=True)) == members
    assert decode_payment_response_header(encoded.decode("ascii")).network == members["network"]


def test_a_payment_at_the_limit_is_read_and_one_byte_above_it_is_not() -> None:
    """The limit counts header bytes and comes before any other work."""
    signed = header(VALID_DOCUMENT)

    assert isinstance(codec.decode_payment(signed, limit=len(signed)), ExactPayment)
    assert codec.decode_payment(signed, limit=len(signed) - 1) == TooLarge(len(signed) - 1)
    assert codec.decode_payment(b"\xff" * 16_385) == TooLarge(16_384)


@pytest.mark.parametrize(
    "raw",
    [
        b"e30",  # {} without its padding
        b"e30==",
        b"e30=\n",
        b" e30=",
        b"e3 0=",
        b"e31=",  # bits behind the end
        b"e30=e30=",
        b"eyJhIjoi8J-YgCJ9",  # the alphabet for URLs
        b"{}",
        b"\xff\xfe",
        header(VALID_DOCUMENT)[:-1],
        header(VALID_DOCUMENT) + b"=",
    ],
)
def test_only_standard_padded_base64_is_read(raw: bytes) -> None:
    """One header value for one document: nothing is repaired or skipped."""
    assert codec.decode_payment(raw) == Malformed("invalid_payload", "base64")


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"x402Version":2,"x402Version":2}', b"\xff"])
def test_only_one_json_object_is_read(text: bytes) -> None:
    """What bounded_json refuses is malformed here."""
    assert codec.decode_payment(base64.b64encode(text)) == Malformed("invalid_payload", "json")


@pytest.mark.parametrize("version", [0, 3, -1, 2**40, "1", "2", None, True, [1], ...])
def test_a_version_that_nobody_reads_is_named_as_such(version: object) -> None:
    """A document is read by its own version, which is a whole number and is there."""
    document = {k: v for k, v in ({**VALID_DOCUMENT, "x402Version": version}).items() if v is not ...}
    assert codec.decode_payment(header(document)) == Malformed("invalid_x402_version", "x402Version")


@pytest.mark.parametrize(("document", "version"), [(VALID_DOCUMENT, 2), (a_document_v1(), 1)])
def test_a_document_is_read_by_its_own_version(document: dict[str, Any], version: int) -> None:
    """Whatever header it came in: the decoder is not told."""
    payment = codec.decode_payment(header(document))

    assert isinstance(payment, ExactPayment)
    assert (payment.version, payment.authorization) == (version, a_payment().authorization)


def test_the_mapping_sent_is_kept() -> None:
    """What the payer said it accepted, with members we do not know."""
    document = copy.deepcopy(VALID_DOCUMENT)
    document["accepted"]["extra"]["paymentFlow"] = "authorization"
    document["accepted"]["other"] = [1]
    payment = codec.decode_payment(header(document))

    assert isinstance(payment, ExactPayment)
    assert payment.accepted == document["accepted"]


def test_the_facilitators_body_is_rebuilt_from_values_alone() -> None:
    """The same stored columns give the same bytes, in the official shape."""
    payment = a_payment()
    body = codec.facilitator_body(payment.authorization, payment.signature, OFFER, RESOURCE.url)
    official = VerifyRequest.model_validate_json(body)

    assert codec.facilitator_body(payment.authorization, payment.signature, OFFER, RESOURCE.url) == body
    assert official.payment_requirements == PaymentRequirements.model_validate(VALID_DOCUMENT["accepted"])
    assert official.payment_payload.accepted == official.payment_requirements
    assert official.payment_payload.resource is not None
    assert official.payment_payload.resource.url == RESOURCE.url
    again = codec.decode_payment(header(json.loads(body)["paymentPayload"]))
    assert isinstance(again, ExactPayment)
    assert (again.authorization, again.signature) == (payment.authorization, payment.signature)


def test_without_a_resource_the_facilitators_body_has_none() -> None:
    """Never null: strict facilitators refuse it."""
    payment = a_payment()
    body = codec.facilitator_body(payment.authorization, payment.signature, OFFER)

    assert set(json.loads(body)["paymentPayload"]) == {"x402Version", "payload", "accepted"}


@pytest.mark.parametrize(("body", "reply"), VERIFY_ANSWERS)
def test_a_verify_answer_is_typed_or_malformed(body: object, reply: VerifyReply | Malformed) -> None:
    """Only a clean true is a yes, and only machine codes are handed on."""
    assert codec.parse_verify(json.dumps(body).encode()) == reply


@pytest.mark.parametrize(("change", "reply"), SETTLE_ANSWERS)
def test_a_settle_answer_is_typed_or_malformed(
    change: dict[str, Any], reply: SettleReply | Malformed
) -> None:
    """An answer that is odd anywhere proves nothing; members we do not read may be anything."""
    assert codec.parse_settle(json.dumps(SETTLED | change).encode()) == reply


def test_a_settle_answer_that_names_no_transaction_is_malformed() -> None:
    """Only an empty string says that nothing was sent; silence does not."""
    body = {"success": False, "network": OFFER.network, "errorReason": "insufficient_funds"}
    assert codec.parse_settle(json.dumps(body).encode()) == Malformed("invalid_payload", "transaction")


def test_kinds_that_cannot_be_read_are_not_supported() -> None:
    """One odd entry does not take the others away."""
    assert codec.parse_supported(json.dumps(KINDS_ANSWER).encode()) == Supported(KINDS)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"kinds":{}}', b'{"kinds":[' + b" " * 65_536 + b"]}"])
def test_an_answer_without_kinds_is_malformed(body: bytes) -> None:
    """Not the same as a facilitator that supports nothing; an answer above 64 KiB is not read."""
    assert isinstance(codec.parse_supported(body), Malformed)


BYTES = st.binary(max_size=100) | st.binary(max_size=100).map(base64.b64encode)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(raw=BYTES)
def test_no_bytes_make_the_codec_raise(raw: bytes) -> None:
    """Whatever arrives, from buyers or facilitators, is a value."""
    assert isinstance(codec.decode_payment(raw), ExactPayment | Malformed)
    assert isinstance(codec.parse_verify(raw), VerifyReply | Malformed)
    assert isinstance(codec.parse_settle(raw), SettleReply | Malformed)
    assert isinstance(codec.parse_supported(raw), Supported | Malformed)


@given(data=st.data(), odd=ODD)
def test_no_member_of_another_type_makes_the_codec_raise(data: st.DataObject, odd: object) -> None:
    """Any one member replaced by anything, at any depth."""
    document = copy.deepcopy(VALID_DOCUMENT)
    place: dict[str, Any] = document
    name = data.draw(st.sampled_from(sorted(place)))
    while isinstance(place[name], dict) and data.draw(st.booleans()):
        place = place[name]
        name = data.draw(st.sampled_from(sorted(place)))
    place[name] = odd
    kinds = {"kinds": [odd, {"x402Version": 2, "scheme": odd, "network": "x"}]}

    assert isinstance(codec.decode_payment(header(document)), ExactPayment | Malformed)
    assert isinstance(codec.parse_supported(json.dumps(kinds).encode()), Supported | Malformed)
    for member in SETTLED:
        body = json.dumps(SETTLED | {"isValid": False, member: odd}).encode()
        assert isinstance(codec.parse_settle(body), SettleReply | Malformed)
        assert isinstance(codec.parse_verify(body), VerifyReply | Malformed)
