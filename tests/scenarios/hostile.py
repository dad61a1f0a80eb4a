"""Payments that must not pay: ways to spoil a good one, each with the answer it gets. Knows no server."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from sidecar.sandbox import buyer, keys
from sidecar.sandbox.keys import TestAccount

Fields = list[tuple[str, str]]
HEADER: Final = "PAYMENT-SIGNATURE"
HEADER_BYTES_MAX: Final = 16_384
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ELSEWHERE: Final = "0x00000000000000000000000000000000000000ee"

MALFORMED: Final = (400, "payment_malformed", "invalid_payload")
OTHER_VERSION: Final = (400, "payment_malformed", "invalid_x402_version")
OTHER_SCHEME: Final = (400, "payment_malformed", "unsupported_scheme")
OTHER_TERMS: Final = (402, "payment_invalid", "invalid_payment_requirements")
INFO: Final = "extensions.payment-identifier.info"
BAD_NAME: Final = (400, "payment_malformed", "invalid_payment_identifier")
NOT_ECHOED: Final = (402, "payment_invalid", "extension_echo_mismatch")
OTHER_NETWORK: Final = (402, "payment_invalid", "invalid_network")
NOT_SIGNED: Final = (402, "payment_invalid", "invalid_exact_evm_payload_signature")
WRONG_VALUE: Final = (402, "payment_invalid", "invalid_exact_evm_payload_authorization_value_mismatch")
WRONG_RECIPIENT: Final = (402, "payment_invalid", "invalid_exact_evm_payload_recipient_mismatch")
TOO_EARLY: Final = (402, "payment_invalid", "invalid_exact_evm_payload_authorization_valid_after")
TOO_LATE: Final = (402, "payment_invalid", "invalid_exact_evm_payload_authorization_valid_before")


@dataclass(frozen=True, slots=True)
class Good:
    """A payment that would pay, and who signed it."""

    account: TestAccount
    payment: Mapping[str, Any]

    def with_(self, place: str, value: object) -> dict[str, Any]:
        """Copy the payment with one member, named by dots, replaced and nothing signed anew."""
        changed: dict[str, Any] = deepcopy(dict(self.payment))
        *outer, last = place.split(".")
        member = changed
        for name in outer:
            member = member[name]
        member[last] = value
        return changed

    def signed(self, **changes: object) -> dict[str, Any]:
        """Copy it with some signed fields changed, honestly signed anew."""
        texts = {name: str(value) for name, value in changes.items()}
        return buyer.signed_again(self.account.private_key, self.payment, **texts)

    @property
    def signature(self) -> bytes:
        """The 65 bytes."""
        return bytes.fromhex(self.payment["payload"]["signature"].removeprefix("0x"))

    def resigned(self, signature: bytes) -> dict[str, Any]:
        """Copy it with another signature."""
        return self.with_("payload.signature", "0x" + signature.hex())


def wire(document: object) -> Fields:
    """Put a document on the wire as a buyer does."""
    return raw(json.dumps(document, separators=(",", ":")).encode())


def raw(text: bytes) -> Fields:
    """Put any bytes on the wire in base64."""
    return [(HEADER, base64.b64encode(text).decode())]


def member(place: str, value: object) -> Callable[[Good], Fields]:
    """Spoil one member, and sign nothing anew."""
    return lambda good: wire(good.with_(place, value))


def signing(**changes: object) -> Callable[[Good], Fields]:
    """Change what is signed, and sign it honestly."""
    return lambda good: wire(good.signed(**changes))


def text(old: str, new: str) -> Callable[[Good], Fields]:
    """Spoil the document's text, once."""
    return lambda good: raw(_text(good).replace(old, new, 1).encode("utf-8", "surrogatepass"))


def _text(good: Good) -> str:
    return json.dumps(good.payment, separators=(",", ":"))


def _encoded(good: Good) -> str:
    return wire(good.payment)[0][1]


def _high_s(good: Good) -> dict[str, Any]:
    r, s, v = good.signature[:32], int.from_bytes(good.signature[32:64], "big"), good.signature[64]
    return good.resigned(r + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - v]))


def _on_other_chain(good: Good) -> dict[str, Any]:
    """Signed for another chain, and sent with our own terms."""
    elsewhere = good.with_("accepted.network", "eip155:8453")
    signed = buyer.signed_again(good.account.private_key, elsewhere)
    return good.with_("payload", signed["payload"])


def in_version_1(good: Good, network: str = "base-sepolia") -> dict[str, Any]:
    """Spell the payment as version 1 does."""
    return {"x402Version": 1, "scheme": "exact", "network": network, "payload": good.payment["payload"]}


def _now_s() -> int:
    return int(time.time())


def _nested(depth: int) -> object:
    return {} if depth == 0 else {"deeper": _nested(depth - 1)}


Spoil = Callable[[Good], Fields]
VECTORS: Final[dict[str, tuple[Spoil, tuple[int, str, str]]]] = {
    # Not a document.
    "empty": (lambda _: [(HEADER, "")], MALFORMED),
    "garbage": (lambda _: [(HEADER, "pay me later")], MALFORMED),
    "a bearer token": (lambda _: [(HEADER, "Bearer 0123456789abcdef")], MALFORMED),
    "base64 of nothing much": (lambda _: raw(b"\x00\xff\xfe"), MALFORMED),
    "truncated": (lambda good: [(HEADER, _encoded(good)[:-7])], MALFORMED),
    "truncated to whole groups": (lambda good: [(HEADER, _encoded(good)[:-8])], MALFORMED),
    "base64 with a space": (lambda good: [(HEADER, _encoded(good).replace("e", "e ", 1))], MALFORMED),
    "base64 with rubbish behind": (lambda good: [(HEADER, _encoded(good) + "!")], MALFORMED),
    "two documents": (lambda good: raw((_text(good) * 2).encode()), MALFORMED),
    "an array": (lambda good: wire([good.payment]), MALFORMED),
    "null": (lambda _: raw(b"null"), MALFORMED),
    "a string": (lambda _: raw(b'"paid"'), MALFORMED),
    "UTF-16": (lambda good: raw(_text(good).encode("utf-16")), MALFORMED),
    "a byte order mark": (lambda good: raw(b"\xef\xbb\xbf" + _text(good).encode()), MALFORMED),
    "a comment": (lambda good: raw(b"/**/" + _text(good).encode()), MALFORMED),
    "NaN": (text('"x402Version":2', '"x402Version":NaN'), MALFORMED),
    "a repeated key": (text("{", '{"x402Version":2,'), MALFORMED),
    "a repeated signed field": (text('"value":', '"value":"1","value":'), MALFORMED),
    "deep": (member("extensions", _nested(20)), MALFORMED),
    "very deep": (lambda _: raw(b"[" * 12_000), MALFORMED),
    "half a surrogate": (text("exact", "exact\\ud800"), MALFORMED),
    # Another version, another header.
    "version 1 for another network": (lambda good: wire(in_version_1(good, "base")), OTHER_NETWORK),
    "version 1 with version 2's name": (lambda good: wire(in_version_1(good, "eip155:84532")), OTHER_NETWORK),
    "version 3": (member("x402Version", 3), OTHER_VERSION),
    "version as text": (member("x402Version", "2"), OTHER_VERSION),
    "version true": (member("x402Version", True), OTHER_VERSION),
    "two payments": (lambda good: wire(good.payment) * 2, MALFORMED),
    "two payments in one": (lambda good: [(HEADER, f"{_encoded(good)},{_encoded(good)}")], MALFORMED),
    "a header of 16 KiB and one": (
        lambda _: [(HEADER, "A" * (HEADER_BYTES_MAX + 1))],
        (400, "payment_too_large", ""),
    ),
    "a header of 40 KiB": (lambda _: [(HEADER, "A" * 40_960)], (431, "headers_too_large", "")),
    # Other terms than ours.
    "another scheme": (member("accepted.scheme", "upto"), OTHER_SCHEME),
    "the scheme in capitals": (member("accepted.scheme", "EXACT"), OTHER_SCHEME),
    "another network": (member("accepted.network", "eip155:8453"), OTHER_NETWORK),
    "the network's alias": (member("accepted.network", "base-sepolia"), OTHER_NETWORK),
    "another asset": (member("accepted.asset", ELSEWHERE), OTHER_TERMS),
    "another recipient": (member("accepted.payTo", ELSEWHERE), OTHER_TERMS),
    "a lower amount": (member("accepted.amount", "9999"), OTHER_TERMS),
    "a higher amount": (member("accepted.amount", "10001"), OTHER_TERMS),
    "more time": (member("accepted.maxTimeoutSeconds", 9_999), OTHER_TERMS),
    "another domain": (member("accepted.extra.version", "1"), OTHER_TERMS),
    "no domain": (member("accepted.extra", {}), OTHER_TERMS),
    # Names for the purchase.
    "a list for extensions": (member("extensions", []), MALFORMED),
    "a name too short": (member(f"{INFO}.id", "pay_0123456789a"), BAD_NAME),
    "a name too long": (member(f"{INFO}.id", "p" * 129), BAD_NAME),
    "a name with a line break": (member(f"{INFO}.id", "pay_0123456789ab\n"), BAD_NAME),
    "a name with a quote": (member(f"{INFO}.id", "pay_0123456789ab'--"), BAD_NAME),
    "a number for a name": (member(f"{INFO}.id", 10**16), BAD_NAME),
    "our declaration changed": (member(f"{INFO}.required", True), NOT_ECHOED),
    "our declaration emptied": (member("extensions.payment-identifier", {}), NOT_ECHOED),
    # Signed, and not what we asked for.
    "a unit less": (signing(value=9_999), WRONG_VALUE),
    "a unit more": (signing(value=10_001), WRONG_VALUE),
    "nothing": (signing(value=0), WRONG_VALUE),
    "to somebody else": (signing(to=ELSEWHERE), WRONG_RECIPIENT),
    "to the payer": (lambda good: wire(good.signed(to=good.account.address)), WRONG_RECIPIENT),
    "expired": (lambda good: wire(good.signed(validBefore=_now_s() - 1)), TOO_LATE),
    "about to expire": (lambda good: wire(good.signed(validBefore=_now_s() + 60)), TOO_LATE),
    "valid for a day": (lambda good: wire(good.signed(validBefore=_now_s() + 86_400)), TOO_LATE),
    "valid for ever": (signing(validBefore=2**256 - 1), TOO_LATE),
    "not valid yet": (lambda good: wire(good.signed(validAfter=_now_s() + 60)), TOO_EARLY),
    "for another chain": (lambda good: wire(_on_other_chain(good)), NOT_SIGNED),
    # Not signed by the payer.
    "by another key": (
        lambda good: wire(buyer.signed_again(keys.PENNILESS.private_key, good.payment)),
        NOT_SIGNED,
    ),
    "from somebody else": (member("payload.authorization.from", keys.BUYERS[4].address), NOT_SIGNED),
    "another nonce": (member("payload.authorization.nonce", "0x" + "11" * 32), NOT_SIGNED),
    "longer than signed": (
        lambda good: wire(good.with_("payload.authorization.validBefore", str(_now_s() + 200))),
        NOT_SIGNED,
    ),
    "high s": (lambda good: wire(_high_s(good)), NOT_SIGNED),
    "v of 2": (lambda good: wire(good.resigned(good.signature[:64] + b"\x02")), NOT_SIGNED),
    "v of 29": (lambda good: wire(good.resigned(good.signature[:64] + b"\x1d")), NOT_SIGNED),
    "v of the chain": (lambda good: wire(good.resigned(good.signature[:64] + b"\x25")), NOT_SIGNED),
    "the other v": (
        lambda good: wire(good.resigned(good.signature[:64] + bytes([55 - good.signature[64]]))),
        NOT_SIGNED,
    ),
    "no signature": (lambda good: wire(good.resigned(b"")), NOT_SIGNED),
    "zeros": (lambda good: wire(good.resigned(bytes(65))), NOT_SIGNED),
    "r of zero": (lambda good: wire(good.resigned(bytes(32) + good.signature[32:])), NOT_SIGNED),
    "s above the order": (
        lambda good: wire(good.resigned(good.signature[:32] + b"\xff" * 32 + good.signature[64:])),
        NOT_SIGNED,
    ),
    "a byte short": (lambda good: wire(good.resigned(good.signature[:64])), NOT_SIGNED),
    "a byte long": (lambda good: wire(good.resigned(good.signature + b"\0")), NOT_SIGNED),
    "wrapped for a contract": (lambda good: wire(good.resigned(good.signature + b"\x64\x92")), NOT_SIGNED),
    # Values that some programs read as other values.
    "full-width digits": (member("payload.authorization.value", "１００００"), MALFORMED),
    "digits of another script": (member("payload.authorization.value", "١٠٠٠٠"), MALFORMED),
    "a plus": (member("payload.authorization.value", "+10000"), MALFORMED),
    "underscores": (member("payload.authorization.value", "10_000"), MALFORMED),
    "a leading zero": (member("payload.authorization.value", "010000"), MALFORMED),
    "a hex value": (member("payload.authorization.value", "0x2710"), MALFORMED),
    "a trailing newline": (member("payload.authorization.value", "10000\n"), MALFORMED),
    "a number": (member("payload.authorization.value", 10_000), MALFORMED),
    "a fraction": (member("payload.authorization.value", 1e4), MALFORMED),
    "beyond uint256": (member("payload.authorization.value", str(2**256)), MALFORMED),
    "a homoglyph in the address": (text('"payTo":"0x', '"payTo":"0х'), OTHER_TERMS),
    "a hidden character": (member("accepted.network", "eip155:84532\u200b"), MALFORMED),
    "another spelling of the network": (member("accepted.network", "eip155:084532"), OTHER_NETWORK),
    "a short nonce": (member("payload.authorization.nonce", "0x11"), MALFORMED),
    "no payload": (lambda good: wire({**good.payment, "payload": None}), MALFORMED),
    "no authorization": (member("payload.authorization", []), MALFORMED),
    "a list for terms": (lambda good: wire({**good.payment, "accepted": []}), MALFORMED),
}  # fmt: skip
