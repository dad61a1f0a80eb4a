"""Header hygiene, both ways: what passes, what is added, and what nobody else may say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.http import headers
from sidecar.http.headers import Introduction, answer, free_request, label, paid_answer, paid_request

CALL = Introduction(
    call="call_1",
    endpoint="POST /research",
    payer="0xpayer",
    price="0.050000000",
    run="run-7",
    session="s-1",
    token="call_1.99.mac",
)
SIGNATURE = b"t=1,v1=aa"
TRACE = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
KEPT = [
    (b"accept", b"text/plain"),
    (b"authorization", b"Bearer of the agent"),
    (b"content-type", b"application/json"),
    (b"cookie", b"a=1"),
    (b"x-forwarded-for", b"10.0.0.1"),
    (b"accept", b"application/json"),
]
HOP = [
    (b"connection", b"keep-alive, X-Named"),
    (b"connection", b"x-other"),
    (b"keep-alive", b"timeout=5"),
    (b"proxy-authenticate", b"Basic"),
    (b"proxy-authorization", b"Basic YTpi"),
    (b"proxy-connection", b"keep-alive"),
    (b"te", b"trailers"),
    (b"trailer", b"x"),
    (b"transfer-encoding", b"chunked"),
    (b"upgrade", b"websocket"),
    (b"x-named", b"1"),
    (b"x-other", b"2"),
]
PAYMENT = [
    (b"payment-signature", b"e30="),
    (b"payment-required", b"e30="),
    (b"payment-response", b"e30="),
    (b"x-payment", b"e30="),
    (b"x-payment-response", b"e30="),
    (b"settlement-overrides", b"{}"),
    (b"x-litellm-response-cost", b"0.1"),
]
SPOOFED = [
    (b"sidecar-payer", b"0xking"),
    (b"sidecar-price", b"0"),
    (b"sidecar-signature", b"t=1,v1=00"),
    (b"sidecar-call-token", b"stolen"),
    (b"sidecar-anything", b"1"),
    (b"sidecar_payer", b"0xking"),
    (b"sidecar_call_id", b"call_0"),
    (b"payment_signature", b"e30="),
    (b"alephant-workflow", b"x"),
    (b"alephant_run", b"x"),
    (b"sidecar.payer", b"0xking"),
    (b"sidecar!price", b"0"),
    (b"x.payment", b"e30="),
    (b"transfer_encoding", b"chunked"),
    (b"x-http-method-override", b"DELETE"),
    (b"x_http_method_override", b"DELETE"),
    (b"x-http-method", b"DELETE"),
    (b"x-method-override", b"DELETE"),
    (b"x-original-url", b"/dear"),
    (b"x-rewrite-url", b"/dear"),
]

Fields = list[tuple[bytes, bytes]]


def test_a_paid_request_keeps_what_is_the_agents_and_nothing_else() -> None:
    """End-to-end fields pass in their order, doubled ones too; then comes what only we can say."""
    ours = [
        (b"host", b"sidecar"),
        (b"content-length", b"2"),
        (b"expect", b"100-continue"),
        (b"accept-encoding", b"gzip"),
        (b"accept_encoding", b"gzip"),
    ]

    sent = paid_request([*KEPT, *HOP, *PAYMENT, *SPOOFED, *ours], CALL, SIGNATURE)

    assert sent[: len(KEPT)] == KEPT
    added = dict(sent[len(KEPT) :])
    assert len(added) == len(sent) - len(KEPT)
    assert added.pop(b"traceparent").startswith(b"00-")
    assert added == {
        b"accept-encoding": b"identity",
        b"sidecar-call-id": b"call_1",
        b"sidecar-payer": b"0xpayer",
        b"sidecar-endpoint": b"POST /research",
        b"sidecar-price": b"0.050000000",
        b"sidecar-call-token": b"call_1.99.mac",
        b"sidecar-signature": SIGNATURE,
        b"sidecar-run-id": b"run-7",
        b"sidecar-session-id": b"s-1",
    }


def test_labels_that_nobody_gave_are_not_invented() -> None:
    """Without a run and a session the agent is told none."""
    names = {name for name, _ in paid_request([], replace(CALL, run="", session=""), SIGNATURE)}

    assert not names & {b"sidecar-run-id", b"sidecar-session-id"}


def test_a_free_request_passes_as_it_came() -> None:
    """Only hops, payments and spoofs are taken out; length, coding and trace are the buyer's own."""
    own = [(b"content-length", b"2"), (b"accept-encoding", b"gzip"), (b"traceparent", TRACE)]
    hop = [(b"host", b"sidecar"), (b"expect", b"100-continue")]

    sent = free_request([*KEPT, *own, *HOP, *hop, *PAYMENT, *SPOOFED], "call_1")

    assert sent == [*KEPT, *own, (b"sidecar-call-id", b"call_1")]


def test_an_agents_answer_tells_nothing_that_is_ours_or_the_hops() -> None:
    """Costs, overrides and receipts of its own end here; date and server are written by our server."""
    own = [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"etag", b'"1"'),
    ]
    servers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT"), (b"server", b"agent/1.0")]
    reported = [(b"sidecar-cost", b"0.0036;kind=tool"), (b"alephant-cost", b"1")]

    assert answer([*own, *servers, *reported, *HOP, *PAYMENT, *SPOOFED]) == own


def test_a_paid_answer_is_for_its_buyer_alone() -> None:
    """No shared cache may keep it, and what the agent says about caching stays beside that."""
    own = [(b"content-type", b"text/plain"), (b"cache-control", b"max-age=60"), (b"vary", b"Accept")]

    assert paid_answer([*own, *PAYMENT], [(b"payment-response", b"cmVjZWlwdA==")]) == [
        *own,
        (b"cache-control", b"private"),
        (b"vary", b"PAYMENT-SIGNATURE, X-PAYMENT"),
        (b"access-control-expose-headers", headers.EXPOSED),
        (b"payment-response", b"cmVjZWlwdA=="),
    ]
    assert b"payment-response" not in dict(paid_answer(own, []))


def test_a_connection_field_cannot_take_our_own_words_away() -> None:
    """What is named is removed of the buyer's fields; ours are added afterwards."""
    sent = paid_request([(b"connection", b"sidecar-payer, sidecar-signature")], CALL, SIGNATURE)

    assert dict(sent)[b"sidecar-payer"] == b"0xpayer"
    assert dict(sent)[b"sidecar-signature"] == SIGNATURE


NAMES = st.sampled_from([name for name, _ in [*KEPT, *HOP, *PAYMENT, *SPOOFED]])


@given(
    st.lists(st.tuples(NAMES, st.sampled_from([b"1", b"a, b"])), max_size=12),
    st.lists(NAMES, max_size=3),
)
def test_nothing_reserved_ever_crosses(fields: Fields, named: list[bytes]) -> None:
    """In any order and number, a reserved name never passes, and any other passes unless a hop named it."""
    given_fields = [*fields, (b"connection", b" , ".join(name.upper() for name in named))]
    passed = headers.passing(given_fields)

    reserved = {name for name, _ in [*PAYMENT, *SPOOFED]} | headers.HOP_BY_HOP
    gone = (
        reserved | set(named) | {token for n, v in fields if n == b"connection" for token in v.split(b", ")}
    )
    assert passed == [(name, value) for name, value in fields if name not in gone]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([b"run-7"], "run-7"),
        ([b"A.b_c~1:2@x-y"], "A.b_c~1:2@x-y"),
        ([b"x" * 64], "x" * 64),
        ([b"x" * 65], ""),
        ([], ""),
        ([b""], ""),
        ([b"a", b"a"], ""),
        ([b"a, b"], ""),
        ([b"a b"], ""),
        ([b"a/b"], ""),
        ([b"a\n"], ""),
        ([b"\xc3\xa9"], ""),
    ],
)
def test_a_buyers_label_is_one_plain_word_or_none(values: list[bytes], read: str) -> None:
    """Absent, doubled or odd, it is no label; a slash would reach into another buyer's names."""
    assert label([(b"sidecar-run-id", value) for value in values], b"sidecar-run-id") == read


@pytest.mark.parametrize(
    "given_traces",
    [
        [],
        [TRACE, TRACE],
        [b"ff" + TRACE[2:]],
        [TRACE + b"-more"],
        [b"0" + TRACE],
        [b"01" + TRACE[2:] + b"more"],
        [TRACE.upper()],
        [b"00-" + b"0" * 32 + b"-" + b"b" * 16 + b"-01"],
        [b"00-" + b"a" * 32 + b"-" + b"0" * 16 + b"-01"],
        [TRACE + b"\n"],
        [b"00-" + b"a" * 31 + b"-" + b"b" * 16 + b"-01"],
    ],
)
def test_a_trace_is_carried_on_or_begun(given_traces: list[bytes]) -> None:
    """A sound traceparent leaves as it came; anything else is replaced by one named after the call."""
    carried = paid_request([(b"traceparent", TRACE)], CALL, SIGNATURE)
    begun = paid_request([(b"traceparent", value) for value in given_traces], CALL, SIGNATURE)
    other = paid_request([], replace(CALL, call="call_2"), SIGNATURE)

    assert dict(carried)[b"traceparent"] == TRACE
    trace = dict(begun)[b"traceparent"]
    version, trace_id, parent, flags = trace.split(b"-")
    assert (version, len(trace_id), len(parent), flags) == (b"00", 32, 16, b"01")
    assert int(trace_id, 16) > 0
    assert int(parent, 16) > 0
    assert trace not in given_traces
    assert trace != dict(other)[b"traceparent"]
    assert [name for name, _ in begun].count(b"traceparent") == 1


@pytest.mark.parametrize(
    ("sent", "wallet"),
    [
        ([b"0x" + b"aB" * 20], bytes([0xAB]) * 20),
        ([b"0x" + b"ab" * 19], None),
        ([b"0x" + b"ab" * 21], None),
        ([b"0X" + b"ab" * 20], None),
        ([b"0x" + b"gg" * 20], None),
        ([b"0x" + b"ab" * 20 + b"\n"], None),
        ([b"0x" + b"ab" * 20] * 2, None),
        ([b""], None),
        ([], None),
    ],
)
def test_a_wallet_is_a_hint_or_nothing(sent: list[bytes], wallet: bytes | None) -> None:
    """It proves nothing, so an odd one is not worth a refusal."""
    assert headers.wallet([(b"sidecar-wallet", value) for value in sent]) == wallet


@pytest.mark.parametrize("later", [b"01" + TRACE[2:], b"cc" + TRACE[2:] + b"-more"])
def test_a_trace_of_a_later_version_goes_on_as_the_one_we_know(later: bytes) -> None:
    """Its ids and flags are where they were; what it says beyond them we cannot speak for."""
    assert dict(paid_request([(b"traceparent", later)], CALL, SIGNATURE))[b"traceparent"] == TRACE


def test_the_state_of_a_trace_goes_with_it_or_not_at_all() -> None:
    """A trace that is begun here has no state that another one left."""
    state = (b"tracestate", b"vendor=1")

    assert state in paid_request([(b"traceparent", TRACE), state], CALL, SIGNATURE)
    assert state not in paid_request([state], CALL, SIGNATURE)
    assert state not in paid_request([(b"traceparent", b"odd"), state], CALL, SIGNATURE)
