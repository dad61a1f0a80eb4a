"""A prepared 402 says what a plain one says."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x402.http.utils import decode_payment_required_header

from sidecar.domain.target import Target, canonical
from sidecar.x402 import codec
from sidecar.x402.challenge import prepare
from sidecar.x402.documents import Requirements, Resource
from tests.sidecar.x402.signing import OFFER, an_offer

PATHS = st.text(alphabet="abcXYZ019-._~!$&'()*+,=:@/", max_size=30).map(
    lambda text: ("/" + text.strip("/").replace("//", "/")).encode()
)
OFFERS = st.lists(
    st.builds(
        an_offer,
        amount=st.integers(0, 10**30),
        extra=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    ),
    max_size=3,
)
TEXTS = st.none() | st.text(max_size=20)


@given(
    offers=OFFERS,
    base=st.sampled_from(["https://agent.example", "http://127.0.0.1:8402", "https://a.example/base"]),
    description=TEXTS,
    mime_type=TEXTS,
    path=PATHS,
    error=st.from_regex("[a-z][a-z0-9_]{0,40}", fullmatch=True),
)
def test_decoding_a_prepared_402_equals_decoding_a_plain_one(
    offers: list[Requirements],
    base: str,
    description: str | None,
    mime_type: str | None,
    path: bytes,
    error: str,
) -> None:
    """Splicing the path in changes no member, whatever the lengths before the seam."""
    prepared = prepare(offers, Resource(base, description, mime_type)).header(path, error.encode())
    plain = codec.encode_required(offers, Resource(base + path.decode(), description, mime_type), error)

    assert json.loads(base64.b64decode(prepared, validate=True)) == json.loads(base64.b64decode(plain))


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
