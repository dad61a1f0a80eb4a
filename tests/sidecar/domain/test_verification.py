"""Verification: a payment passes only if every signed term is ours, in time, and policy lets its payer in."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.money import nano
from sidecar.domain.call import Endpoint
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.verification import Checked, decode, max_timeout_s, recognize, window
from sidecar.x402.exact import Window
from sidecar.x402.identifier import KEY, Demand
from tests.sidecar.builders import (
    HEADER_BYTES_MAX,
    OTHER_WALLET,
    PAYER,
    USDC,
    a_payment_document,
    a_payment_header,
    an_endpoint,
    an_offer,
    checked_at,
)
from tests.sidecar.x402.signing import NOW_S, STRANGER, WALLET, header

EVM = "invalid_exact_evm_payload_"
VALID_AFTER = EVM + "authorization_valid_after"
VALID_BEFORE = EVM + "authorization_valid_before"
VALUE = EVM + "authorization_value_mismatch"
RECIPIENT = EVM + "recipient_mismatch"
SIGNATURE = EVM + "signature"
REQUIREMENTS = "invalid_payment_requirements"
BASE = replace(USDC, chain_id=8453, network="eip155:8453")


def judged(sent: bytes, **endpoint: Any) -> Checked | Refusal:
    return checked_at(sent, an_endpoint(**endpoint))


def recognized(sent: bytes, endpoint: Endpoint, refused: Refusal) -> Checked | None:
    payment = decode(sent, HEADER_BYTES_MAX)
    assert not isinstance(payment, Refusal)
    return recognize(payment, endpoint, endpoint.offers, refused)


def test_a_payment_that_passes_is_evidence() -> None:
    """What comes out names our own offer, what was signed, and who can be proven to have signed it."""
    endpoint = an_endpoint()
    checked = checked_at(a_payment_header(), endpoint)

    assert isinstance(checked, Checked)
    assert checked.offer is endpoint.offers[0]
    assert checked.evidence.payer == PAYER == checked.payment.authorization.from_
    assert checked.payment.authorization.value == 50_000
    expected = (84532).to_bytes(32, "big") + USDC.asset + PAYER + (1).to_bytes(32, "big")
    assert checked.evidence.claim_key == expected


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        ({}, ""),
        ({"wallet": STRANGER, "from": WALLET.address}, SIGNATURE),
        ({"wallet": WALLET, "from": STRANGER.address}, SIGNATURE),
        ({"to": STRANGER.address}, RECIPIENT),
        ({"value": "49999"}, VALUE),
        ({"value": "50001"}, VALUE),
        ({"validAfter": str(NOW_S)}, ""),
        ({"validAfter": str(NOW_S + 1)}, VALID_AFTER),
        ({"validBefore": str(NOW_S + 119)}, VALID_BEFORE),
        ({"validBefore": str(NOW_S + 120)}, ""),
        ({"validBefore": str(NOW_S + 360)}, ""),
        ({"validBefore": str(NOW_S + 361)}, VALID_BEFORE),
        ({"domain": {"chainId": 8453}}, SIGNATURE),
        ({"domain": {"verifyingContract": STRANGER.address}}, SIGNATURE),
        ({"domain": {"name": "USD Coin"}}, SIGNATURE),
        ({"domain": {"version": "1"}}, SIGNATURE),
    ],
)
def test_each_signed_term_counts(signed: dict[str, Any], reason: str) -> None:
    """One thing signed otherwise is one reason; the window includes its ends (X16)."""
    verdict = judged(a_payment_header(**signed))

    assert isinstance(verdict, Checked) if reason == "" else verdict == Refusal(Code.PAYMENT_INVALID, reason)


@pytest.mark.parametrize(
    ("member", "value", "code", "reason"),
    [
        ("network", "eip155:8453", Code.PAYMENT_INVALID, "invalid_network"),
        ("asset", STRANGER.address, Code.PAYMENT_INVALID, REQUIREMENTS),
        ("payTo", STRANGER.address, Code.PAYMENT_INVALID, REQUIREMENTS),
        ("amount", "49999", Code.PAYMENT_INVALID, REQUIREMENTS),
        ("maxTimeoutSeconds", 181, Code.PAYMENT_INVALID, REQUIREMENTS),
        ("extra", {}, Code.PAYMENT_INVALID, REQUIREMENTS),
        ("scheme", "upto", Code.PAYMENT_MALFORMED, "unsupported_scheme"),
        ("amount", 50_000, Code.PAYMENT_MALFORMED, "invalid_payload"),
    ],
)
def test_only_our_own_offers_can_be_accepted(member: str, value: object, code: Code, reason: str) -> None:
    """What the payer says it accepts must be what we ask; a scheme we do not know is not read."""
    document = a_payment_document()
    document["accepted"][member] = value

    assert judged(header(document)) == Refusal(code, reason)


def test_what_buys_nothing_any_more_is_recognized_by_its_signature() -> None:
    """Too old, or for another price, it is still the claim it was; unsigned by its payer it is none."""
    refused = Refusal(Code.PAYMENT_INVALID, VALID_BEFORE)
    good = judged(a_payment_header())
    assert isinstance(good, Checked)
    for sent, endpoint in (
        (a_payment_header(validBefore=str(NOW_S - 1)), an_endpoint()),
        (a_payment_header(value="49999"), an_endpoint()),
        (a_payment_header(), an_endpoint(nano(70_000_000))),
    ):
        known = recognized(sent, endpoint, refused)
        assert known is not None
        assert (known.evidence.claim_key, known.closed) == (good.evidence.claim_key, refused)

    forged = a_payment_header(wallet=STRANGER, **{"from": WALLET.address})
    assert recognized(forged, an_endpoint(), refused) is None


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "invalid_payload"),
        (b"!!!", "invalid_payload"),
        (b"e30", "invalid_payload"),
        (base64.b64encode(b"[]"), "invalid_payload"),
        (base64.b64encode(b'{"x402Version":2,"x402Version":2}'), "invalid_payload"),
        (base64.b64encode(b"\xff" * 40), "invalid_payload"),
        (header({}), "invalid_x402_version"),
        (header({**a_payment_document(), "x402Version": 99}), "invalid_x402_version"),
        (header({**a_payment_document(), "payload": {}}), "invalid_payload"),
        (b" " + a_payment_header(), "invalid_payload"),
    ],
)
def test_garbage_is_malformed(sent: bytes, reason: str) -> None:
    """What cannot be read in one way only is refused before anything is checked."""
    assert judged(sent) == Refusal(Code.PAYMENT_MALFORMED, reason)


NAME = "purchase_0000001"
MISMATCH = Refusal(Code.PAYMENT_INVALID, "extension_echo_mismatch")
UNNAMED = Refusal(Code.PAYMENT_IDENTIFIER_REQUIRED)
MALFORMED = Refusal(Code.PAYMENT_MALFORMED, "invalid_payment_identifier")


def naming(name: object, *, required: bool) -> bytes:
    """Sign a payment whose extensions carry a name, or none."""
    info = {"required": required} | ({} if name is None else {"id": name})
    return header({**a_payment_document(), "extensions": {KEY: {"info": info}}})


def in_version_1() -> bytes:
    document = a_payment_document()
    return header(
        {"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": document["payload"]}
    )


@pytest.mark.parametrize(
    ("sent", "off", "optional", "required"),
    [
        (a_payment_header(), "", "", UNNAMED),
        (in_version_1(), "", "", UNNAMED),
        (naming(None, required=False), "", "", MISMATCH),
        (naming(None, required=True), "", MISMATCH, UNNAMED),
        (naming(NAME, required=False), "", NAME, MISMATCH),
        (naming(NAME, required=True), "", MISMATCH, NAME),
        (naming("short", required=False), "", MALFORMED, MISMATCH),
        (naming("short", required=True), "", MISMATCH, MALFORMED),
    ],
)
def test_a_purchase_is_named_where_that_is_asked(
    sent: bytes, off: str, optional: str | Refusal, required: str | Refusal
) -> None:
    """Version 1 cannot name it, and is let in only where none is required."""
    for demand, expected in zip(Demand, (off, optional, required), strict=True):
        found = judged(sent, identifier=demand)
        assert isinstance(found, Checked) is isinstance(expected, str)
        assert (found.identifier if isinstance(found, Checked) else found) == expected


def test_a_payment_is_read_up_to_its_limit() -> None:
    """At the limit it is read, one byte beyond it is not."""
    sent = a_payment_header()

    assert isinstance(checked_at(sent, an_endpoint(), bytes_max=len(sent)), Checked)
    assert checked_at(sent, an_endpoint(), bytes_max=len(sent) - 1) == Refusal(Code.PAYMENT_TOO_LARGE)
    assert judged(b"A" * (HEADER_BYTES_MAX + 1)) == Refusal(Code.PAYMENT_TOO_LARGE)


def test_a_payment_is_for_the_offer_it_names() -> None:
    """Of several ways to pay, the chain and the token that were signed for are the ones that count."""
    endpoint = an_endpoint(an_endpoint().price, USDC, BASE)
    checked = checked_at(a_payment_header(endpoint.offers[1]), endpoint)

    assert isinstance(checked, Checked)
    assert checked.offer is endpoint.offers[1]
    assert checked.evidence.claim_key.startswith((8453).to_bytes(32, "big"))


def test_a_payment_is_for_the_price_it_was_signed_for() -> None:
    """Of several prices that are open to its payer, the first that agrees counts, with its version."""
    low, high = nano(40_000_000), nano(60_000_000)
    now = an_endpoint(high, price_version=3)
    before, alike = an_endpoint(low, price_version=2), an_endpoint(high, price_version=1)
    for signed, endpoint in ((high, now), (low, before)):
        checked = checked_at(a_payment_header(an_offer(signed)), now, before, alike)

        assert isinstance(checked, Checked)
        assert checked.endpoint is endpoint
        assert checked.offer is endpoint.offers[0]

    assert checked_at(a_payment_header(), now, before) == Refusal(Code.PAYMENT_INVALID, REQUIREMENTS)


@pytest.mark.parametrize(
    ("lists", "policy"),
    [
        ({}, None),
        ({"allow": frozenset({PAYER})}, None),
        ({"deny": frozenset({PAYER})}, "routes.deny"),
        ({"allow": frozenset({PAYER}), "deny": frozenset({PAYER})}, "routes.deny"),
        ({"allow": frozenset[bytes]()}, "routes.allow"),
    ],
)
def test_policy_looks_at_a_payer_that_is_proven(lists: dict[str, Any], policy: str | None) -> None:
    """A denial wins over an allowance; the buyer is told neither."""
    verdict = judged(a_payment_header(), **lists)

    if policy is None:
        assert isinstance(verdict, Checked)
    else:
        assert verdict == Refusal(Code.BUYER_DENIED, policy=policy)


def test_nobody_is_denied_in_anothers_name() -> None:
    """The signature is checked before the lists: a forged name does not tell who is on them."""
    forged = a_payment_header(wallet=OTHER_WALLET, **{"from": WALLET.address})

    assert judged(forged, deny=frozenset({PAYER})) == Refusal(Code.PAYMENT_INVALID, SIGNATURE)


@pytest.mark.parametrize(
    ("route_s", "timeout_s", "bounds"),
    [
        (0, 120, Window(60, 240)),
        (1, 121, Window(61, 242)),
        (60, 180, Window(120, 360)),
        (600, 720, Window(660, 1440)),
    ],
)
def test_the_window_holds_the_work_and_the_settlement(route_s: int, timeout_s: int, bounds: Window) -> None:
    """Work, settlement and skew fit in what is announced; twice that is the most that is accepted."""
    assert max_timeout_s(route_s) == timeout_s
    assert window(route_s) == bounds


@pytest.mark.parametrize("route_s", [0, 60, 600])
@pytest.mark.parametrize("edge", [min, max])
def test_the_window_moves_with_the_route(route_s: int, edge: Callable[..., int]) -> None:
    """The ends of a route's window are accepted, one second beyond them is not."""
    bounds = window(route_s)
    end = edge(bounds.min_remaining_s, bounds.max_remaining_s)
    beyond = end - 1 if edge is min else end + 1
    endpoint = an_endpoint(timeout_s=route_s)
    sent = [
        a_payment_header(endpoint.offers[0], validBefore=str(NOW_S + remaining))
        for remaining in (end, beyond)
    ]

    assert isinstance(checked_at(sent[0], endpoint), Checked)
    refused = checked_at(sent[1], endpoint)
    assert refused == Refusal(Code.PAYMENT_INVALID, VALID_BEFORE)
