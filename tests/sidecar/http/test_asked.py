"""A buyer's request becomes evidence bound to it, and the request that leaves for the agent."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.call import Verified
from sidecar.domain.target import Target, canonical
from sidecar.domain.verification import Checked
from sidecar.http.asked import Asked
from sidecar.http.paid_body import PaidBody
from sidecar.ports import Headers
from sidecar.tokens import Tokens
from tests.sidecar.builders import NOW_US, a_payment_header, an_endpoint, checked_at
from tests.sidecar.stall import CALLS_SECRET, ORIGIN_SECRET
from tests.sidecar.x402.signing import NOW_S, WALLET

ENDPOINT = an_endpoint(agent="researcher", workflow="reports")
TOKENS = Tokens(origin=ORIGIN_SECRET, calls=CALLS_SECRET)
BODIES: list[PaidBody] = []


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Drop the bodies a test has made."""
    yield
    while BODIES:
        BODIES.pop().close()


def asked(
    method: str = "POST",
    target: bytes = b"/research?deep=1",
    body: bytes = b"{}",
    fields: Headers = (),
) -> Asked:
    path, _, query = target.partition(b"?")
    found = canonical(path, query)
    assert isinstance(found, Target), found
    whole = PaidBody()
    whole.add(body)
    BODIES.append(whole)
    return Asked(method, found, fields, whole, "call_1", NOW_US)


def verified(request: Asked) -> Verified:
    checked = checked_at(a_payment_header(), ENDPOINT)
    assert isinstance(checked, Checked), checked
    return request.verified(checked)


async def whole(body: bytes | Any | None) -> bytes:
    if isinstance(body, AsyncIterator):
        return b"".join([piece async for piece in body])
    return body or b""


def test_a_payment_is_bound_to_method_path_query_and_body() -> None:
    """Whatever of these differs, it is another request; labels and other fields do not matter."""
    digests = [
        asked().digest,
        asked(method="PUT").digest,
        asked(target=b"/researcher?deep=1").digest,
        asked(target=b"/research?deep=2").digest,
        asked(target=b"/research").digest,
        asked(body=b"{ }").digest,
        asked(body=b"").digest,
    ]

    assert len(set(digests)) == len(digests)
    assert asked(fields=[(b"sidecar-run-id", b"run-9"), (b"accept", b"*/*")]).digest == digests[0]
    assert {len(digest) for digest in digests} == {32}


PATHS = st.text("abc123", max_size=6).map(lambda text: b"/" + text.encode())
REQUESTS = st.tuples(st.sampled_from(["GET", "POST", "GETS"]), PATHS, st.binary(max_size=6))


@given(REQUESTS, REQUESTS)
def test_two_requests_share_a_digest_only_if_they_are_one(
    one: tuple[str, bytes, bytes], two: tuple[str, bytes, bytes]
) -> None:
    """No way of moving bytes from one part to the next gives the same digest."""
    assert (asked(*one).digest == asked(*two).digest) == (one == two)


def test_a_verified_call_knows_what_was_asked() -> None:
    """Method, target, digest, the buyer's labels; the endpoint's terms are the seller's."""
    request = asked(fields=[(b"sidecar-run-id", b"run-7"), (b"sidecar-session-id", b"s-1")])
    context = verified(request).context

    assert (context.call, context.at_us) == ("call_1", NOW_US)
    assert (context.method, context.target) == ("POST", "/research?deep=1")
    assert (context.run, context.session) == ("run-7", "s-1")
    assert context.request_digest == request.digest
    assert context.endpoint is ENDPOINT


def test_doubled_labels_are_no_labels() -> None:
    """A buyer that says two things about its run has said none."""
    context = verified(asked(fields=[(b"sidecar-run-id", b"a"), (b"sidecar-run-id", b"b")])).context

    assert (context.run, context.session) == ("", "")


async def test_the_agent_can_check_that_the_call_came_through_us() -> None:
    """`Sidecar-Signature` verifies over what the agent receives: method, target and body as sent."""
    request = asked()
    outgoing = request.outgoing(verified(request), TOKENS)

    fields = dict(outgoing.headers)
    at, _, code = fields[b"sidecar-signature"].decode().partition(",v1=")
    at_s = at.removeprefix("t=")
    body = hashlib.sha256(await whole(outgoing.body)).hexdigest()
    message = f"{at_s}.{outgoing.method}.{outgoing.target.decode()}.{body}"
    assert code == hmac.new(ORIGIN_SECRET, message.encode(), hashlib.sha256).hexdigest()
    assert int(at_s) == NOW_S


def test_the_agent_is_told_who_pays_how_much_for_what() -> None:
    """The payer in lower case, the price with all its places, a token for this call."""
    fields = [(b"sidecar-payer", b"0xking"), (b"x-own", b"1"), (b"payment-signature", b"e30=")]
    request = asked(fields=fields)
    outgoing = request.outgoing(verified(request), TOKENS)

    sent = dict(outgoing.headers)
    assert len(sent) == len(outgoing.headers)
    assert sent[b"sidecar-payer"] == WALLET.address.lower().encode()
    assert sent[b"sidecar-price"] == b"0.050000000"
    assert sent[b"sidecar-endpoint"] == b"POST /research"
    assert sent[b"sidecar-call-id"] == b"call_1"
    assert sent[b"sidecar-call-token"].decode() == TOKENS.for_call("call_1", NOW_S)
    assert sent[b"x-own"] == b"1"
    assert b"payment-signature" not in sent
    assert outgoing.headers_timeout_s == ENDPOINT.timeout_s


@pytest.mark.parametrize(
    ("size", "streams"), [(0, False), (1, False), (64 * 1024, False), (64 * 1024 + 1, True), (300_000, True)]
)
async def test_a_body_leaves_whole_and_with_its_length(size: int, streams: bool) -> None:
    """Small ones from memory, larger ones streamed; an empty one is none and has no length."""
    content = bytes(range(256)) * (size // 256 + 1)
    request = asked(body=content[:size])
    outgoing = request.outgoing(verified(request), TOKENS)

    lengths = [value for name, value in outgoing.headers if name == b"content-length"]
    assert lengths == ([b"%d" % size] if size else [])
    assert (outgoing.body is None) == (size == 0)
    assert isinstance(outgoing.body, AsyncIterator) == streams
    assert await whole(outgoing.body) == content[:size]
