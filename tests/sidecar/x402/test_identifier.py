"""A purchase's name is declared as the official SDK does it, and read in one way or not at all."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from eth_account import Account
from hypothesis import example, given
from hypothesis import strategies as st
from x402.client import x402ClientSync
from x402.http.utils import decode_payment_required_header, encode_payment_signature_header
from x402.mechanisms.evm.exact import ExactEvmClientScheme
from x402.schemas import PaymentPayload, PaymentRequired
from x402.server import x402ResourceServerSync

from sidecar.x402 import codec, identifier
from sidecar.x402.challenge import prepare
from sidecar.x402.documents import ExactPayment, Malformed, Resource
from sidecar.x402.identifier import KEY, Demand, Unechoed, declared, read
from tests.sidecar.x402.official import Naming, payment_identifier
from tests.sidecar.x402.signing import OFFER, WALLET, a_document

OFFICIAL = payment_identifier()
NAME = "pay_0123456789ab"
MALFORMED = Malformed("invalid_payment_identifier", "extensions.payment-identifier.info.id")
ASKING = [Demand.OPTIONAL, Demand.REQUIRED]
NAMES = st.text(alphabet="abzAZ09_-", min_size=14, max_size=18) | st.text(max_size=130)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([KEY, "info", "id", "required", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def named(name: object = NAME, *, required: object = False, **more: object) -> dict[str, Any]:
    """Build a payment's extensions with a name in them."""
    return {KEY: {"info": {"required": required, "id": name, **more}}}


@pytest.mark.parametrize("demand", ASKING)
def test_our_declaration_is_the_official_one_byte_for_byte(demand: Demand) -> None:
    """Clients that compare, hash or validate by the schema meet nothing new."""
    official = OFFICIAL.declare_payment_identifier_extension(required=demand is Demand.REQUIRED)

    assert json.dumps(declared(demand)) == json.dumps({KEY: official})


def test_where_nothing_is_asked_nothing_is_declared_or_read() -> None:
    """Off means off, whatever a payment says."""
    assert declared(Demand.OFF) == {}
    assert read(named(), Demand.OFF) == ""
    assert read(named("short"), Demand.OFF) == ""


@pytest.mark.parametrize(
    ("extensions", "found"),
    [
        ({}, ""),
        ({"bazaar": {"info": {}}}, ""),
        ({KEY: {"info": {"required": False}}}, ""),
        (named(None), ""),
        (named(), NAME),
        (named("Z" * 128), "Z" * 128),
        (named(NAME, note="mine"), NAME),
        (named("x" * 15), MALFORMED),
        (named("x" * 129), MALFORMED),
        (named(""), MALFORMED),
        (named(NAME + "\n"), MALFORMED),
        (named("pay 0123456789abc"), MALFORMED),
        (named("pay_0123456789\u00e9bc"), MALFORMED),
        (named(1234567890123456), MALFORMED),
        (named([NAME]), MALFORMED),
        ({KEY: {"required": False}}, ""),
        ({KEY: {"required": False, "id": NAME}}, NAME),
        ({KEY: {"info": None, "required": False, "id": NAME}}, Unechoed()),
        ({KEY: {"required": True, "id": NAME}}, Unechoed()),
        ({KEY: None}, Unechoed()),
        ({KEY: {}}, Unechoed()),
        ({KEY: []}, Unechoed()),
        ({KEY: {"info": {"id": NAME}}}, Unechoed()),
        ({KEY: {"info": {"id": NAME, "required": 0}}}, Unechoed()),
        (named(required=True), Unechoed()),
        (named("short", required=True), Unechoed()),
    ],
)
def test_a_name_is_read_under_limits(extensions: dict[str, Any], found: object) -> None:
    """16 to 128 letters, digits, '-' and '_'; what we declared comes back with it, and may be added to."""
    assert read(extensions, Demand.OPTIONAL) == found


@given(name=NAMES)
def test_a_text_is_a_name_if_the_official_sdk_says_so(name: str) -> None:
    """But for a line break at the end, which its expression lets pass and which is no name."""
    valid = OFFICIAL.is_valid_payment_id(name) and not name.endswith("\n")

    assert read(named(name), Demand.OPTIONAL) == (name if valid else MALFORMED)


@given(extensions=st.dictionaries(st.sampled_from([KEY, "x"]), JSON), demand=st.sampled_from(ASKING))
@example(extensions={KEY: {"required": False}}, demand=Demand.OPTIONAL)
def test_whatever_is_sent_is_a_name_or_none_or_refused(extensions: dict[str, Any], demand: Demand) -> None:
    """Nothing raises; and what the official server takes for an echo, and only that, we take for one.

    It compares 0 with false as equal, which JSON does not.
    """
    found = read(extensions, demand)
    echoed = _echoed(extensions, demand)

    assert isinstance(found, str | Malformed | Unechoed)
    if not isinstance(found, Unechoed):
        assert echoed
    elif type(_required(extensions)) is not int:
        assert not echoed


def _required(extensions: dict[str, Any]) -> object:
    info = extensions[KEY].get("info", extensions[KEY]) if isinstance(extensions[KEY], dict) else None
    return info.get("required") if isinstance(info, dict) else None


def _echoed(extensions: dict[str, Any], demand: Demand) -> bool:
    document = a_document()
    payload = PaymentPayload.model_validate({**document, "extensions": extensions})
    required = PaymentRequired.model_validate(
        {"x402Version": 2, "accepts": [document["accepted"]], "extensions": declared(demand)}
    )
    return bool(x402ResourceServerSync().validate_extensions(required, payload).valid)


@pytest.mark.parametrize("demand", list(Demand))
@pytest.mark.parametrize("naming", [True, False])
def test_the_official_client_names_its_purchase(demand: Demand, naming: bool) -> None:
    """It answers our 402, with its helper or without; where nothing is declared the helper adds nothing."""
    client = x402ClientSync()
    client.register("eip155:*", ExactEvmClientScheme(Account.from_key(WALLET.key)))
    if naming:
        client.register_extension(Naming(NAME))
    required = prepare([OFFER], Resource("https://agent.example"), demand).header(b"/a", b"payment_required")
    signed = client.create_payment_payload(decode_payment_required_header(required.decode("ascii")))
    payment = codec.decode_payment(encode_payment_signature_header(signed).encode("ascii"))

    assert isinstance(payment, ExactPayment)
    assert read(payment.extensions, demand) == (NAME if naming and demand is not Demand.OFF else "")


@pytest.mark.parametrize(
    ("sent", "found"), [({}, {}), ({"extensions": None}, {}), ({"extensions": named()}, named())]
)
def test_a_payments_extensions_are_kept_as_sent(sent: dict[str, Any], found: dict[str, Any]) -> None:
    """Left out and null are the same: there are none."""
    payment = codec.decode_payment(base64.b64encode(json.dumps({**a_document(), **sent}).encode()))

    assert isinstance(payment, ExactPayment)
    assert payment.extensions == found


@pytest.mark.parametrize("sent", ["", [], 0, False, "payment-identifier"])
def test_extensions_that_are_no_object_are_malformed(sent: object) -> None:
    """They can be read in no way."""
    document = json.dumps({**a_document(), "extensions": sent}).encode()

    assert codec.decode_payment(base64.b64encode(document)) == Malformed("invalid_payload", "extensions")


@pytest.mark.parametrize(
    ("extensions", "name"),
    [
        (named(), NAME),
        (named(required="odd"), NAME),
        ({KEY: {"id": NAME}}, NAME),
        (named("short"), ""),
        (named(None), ""),
        ({KEY: {"info": [NAME]}}, ""),
        ({KEY: NAME}, ""),
        ({}, ""),
    ],
)
def test_a_name_is_told_whatever_was_declared(extensions: dict[str, Any], name: str) -> None:
    """It tells payloads apart also after the seller has changed what it asks for."""
    assert identifier.given(extensions) == name
