"""A prepared 402 says what a plain one says."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x402.http.utils import decode_payment_required_header
from x402.schemas.v1 import PaymentRequiredV1

from sidecar.domain.target import Target, canonical
from sidecar.x402 import codec, version1
from sidecar.x402.challenge import prepare
from sidecar.x402.documents import Requirements, Resource
from sidecar.x402.identifier import Demand, declared
from tests.sidecar.x402 import legacy
from tests.sidecar.x402.signing import OFFER, an_offer

PATHS = st.text(alphabet="abcXYZ019-._~!$&'()*+,=:@/", max_size=30).map(
    lambda text: ("/" + text.strip("/").replace("//", "/")).encode()
)
OFFERS = st.lists(
    st.builds(
        an_offer,
        network=st.sampled_from(["eip155:84532", "eip155:8453", "eip155:10"]),
        amount=st.integers(0, 10**30),
        extra=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    ),
    max_size=3,
)
PROBLEM = {"type": "about:blank", "status": 402, "code": "payment_required", "call": "call_1"}
ENCODED_PROBLEM = json.dumps(PROBLEM, separators=(",", ":")).encode()
TEXTS = st.none() | st.text(max_size=20)


@given(
    offers=OFFERS,
    base=st.sampled_from(["https://agent.example", "http://127.0.0.1:8402", "https://a.example/base"]),
    description=TEXTS,
    mime_type=TEXTS,
    path=PATHS,
    error=st.from_regex("[a-z][a-z0-9_]{0,40}", fullmatch=True),
    identifier=st.sampled_from(Demand),
)
def test_decoding_a_prepared_402_equals_decoding_a_plain_one(
    offers: list[Requirements],
    base: str,
    description: str | None,
    mime_type: str | None,
    path: bytes,
    error: str,
    identifier: Demand,
) -> None:
    """Splicing the path in changes no member of header or body, whatever the lengths before the seam."""
    prepared = prepare(offers, Resource(base, description, mime_type), identifier)
    resource = Resource(base + path.decode(), description, mime_type)
    header = base64.b64decode(prepared.header(path, error.encode()), validate=True)
    plain_header = json.loads(base64.b64decode(codec.encode_required(offers, resource, error)))
    if identifier is not Demand.OFF:
        plain_header["extensions"] = declared(identifier)
    entries = [] if identifier is Demand.REQUIRED else version1.accepts(offers, resource)
    plain_body = codec.encode_required_body(error, PROBLEM, entries)

    assert json.loads(header) == plain_header
    assert json.loads(prepared.body(path, error.encode(), ENCODED_PROBLEM)) == json.loads(plain_body)


@pytest.mark.parametrize("tail", [b"", b"a", b"ab", b"%20x"])
@pytest.mark.parametrize("name", ["U", "US", "USD"])
def test_the_official_client_reads_a_prepared_402(name: str, tail: bytes) -> None:
    """Every alignment of the seam, with a path that a target can have."""
    path = b"/research/" + tail
    assert isinstance(canonical(path, b""), Target)
    offer = an_offer(extra={**OFFER.extra, "name": name})
    encoded = prepare([offer], Resource("https://agent.example")).header(path, b"payment_required")
    document = decode_payment_required_header(encoded.decode("ascii"))

    assert document.x402_version == 2
    assert document.error == "payment_required"
    assert document.model_dump(by_alias=True)["resource"]["url"] == "https://agent.example" + path.decode()


def test_a_version_1_client_reads_a_prepared_body() -> None:
    """Each entry is for the path that was asked for; what version 1 cannot name is not among them."""
    offers = [OFFER, an_offer(network="eip155:10"), an_offer(network="eip155:8453")]
    prepared = prepare(offers, Resource("https://agent.example"))
    body = prepared.body(b"/research/a%20b", b"payment_required", ENCODED_PROBLEM)
    document = PaymentRequiredV1.model_validate_json(body)

    assert document.error == "payment_required"
    assert [(entry.network, entry.resource) for entry in document.accepts] == [
        ("base-sepolia", "https://agent.example/research/a%20b"),
        ("base", "https://agent.example/research/a%20b"),
    ]
    assert [legacy.faults(entry) for entry in json.loads(body)["accepts"]] == [[], []]


@pytest.mark.parametrize(
    ("network", "identifier"), [("eip155:10", Demand.OPTIONAL), ("eip155:84532", Demand.REQUIRED)]
)
def test_a_route_without_an_offer_for_version_1_says_so(network: str, identifier: Demand) -> None:
    """An empty list, not a missing one: clients go through it before anything else."""
    body = prepare([an_offer(network=network)], Resource("https://agent.example"), identifier).body(
        b"/", b"payment_required", ENCODED_PROBLEM
    )
    assert json.loads(body) == {"x402Version": 1, "error": "payment_required", "accepts": [], **PROBLEM}
