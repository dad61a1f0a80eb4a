"""Header hygiene, both ways: what may pass, what is added, what is ours alone. Bytes in, bytes out.

RFC 9110 section 7.6.1: connection fields, and what `Connection` names, end at each hop.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final

from ledger.values import value
from sidecar.fields import values
from sidecar.ports import Headers

HOP_BY_HOP: Final = frozenset(
    (
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection",
        b"te", b"trailer", b"transfer-encoding", b"upgrade",
    )
)  # fmt: skip
PAYMENT: Final = frozenset(
    (
        b"payment-signature", b"payment-required", b"payment-response", b"x-payment", b"x-payment-response",
        b"settlement-overrides",
    )
)  # fmt: skip
NAMES_KEPT: Final = 256
"""How many names of fields are remembered with what becomes of them; a request has at most a hundred."""
_OURS: Final = (b"sidecar-", b"alephant-", b"x-litellm-")
OVERRIDES: Final = frozenset(
    (b"x-http-method", b"x-http-method-override", b"x-method-override", b"x-original-url", b"x-rewrite-url")
)
"""What some frameworks take for the method or the target: an agent would serve what was not sold."""
_MARKS: Final = re.compile(rb"[^0-9a-z]")
# The client sets its own; identity is asked for because the meter reads what passes.
_NOT_FORWARDED: Final = frozenset((b"host", b"content-length", b"expect", b"accept-encoding", b"traceparent"))
# Our server writes these itself; two of each would be one too many.
_SERVERS_OWN: Final = frozenset((b"date", b"server"))
_LABEL: Final = re.compile(rb"[A-Za-z0-9._~:@-]{1,64}\Z")
_WALLET: Final = re.compile(rb"0x[0-9A-Fa-f]{40}\Z")
# A later version may say more behind the flags; what is known of it is carried on as version 00.
_TRACEPARENT: Final = re.compile(
    rb"(00|(?!ff)[0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?\Z"
)
EXPOSED: Final = b"PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, Sidecar-Call-Id"
SHARED: Final = ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED))
"""What lets a page of another origin read an answer of ours."""
PAYING: Final = frozenset((b"payment-signature", b"x-payment"))
"""The fields that a payment may come in."""
WALLET: Final = b"sidecar-wallet"
"""The field in which a buyer says which wallet would pay."""


def label(headers: Headers, name: bytes) -> str:
    """Return a buyer's own label (run, session), or empty when absent, doubled or odd."""
    found = values(headers, name)
    return found[0].decode("ascii") if len(found) == 1 and _LABEL.match(found[0]) else ""


def wallet(headers: Headers) -> bytes | None:
    """Return the wallet a buyer says it would pay from, which only chooses the price it is shown."""
    found = values(headers, WALLET)
    return bytes.fromhex(found[0][2:].decode()) if len(found) == 1 and _WALLET.match(found[0]) else None


def passing(headers: Headers, also: frozenset[bytes] = frozenset()) -> list[tuple[bytes, bytes]]:
    """Return the fields that may cross a hop: no connection's, payment's, override, ours, and not *also*."""
    kept = [field for field in headers if not _ends_here(field[0], also)]
    if len(kept) == len(headers):
        return kept
    named = {token.strip().lower() for value in values(headers, b"connection") for token in value.split(b",")}
    return [field for field in kept if field[0] not in named] if named else kept


@lru_cache(maxsize=NAMES_KEPT)
def _ends_here(name: bytes, also: frozenset[bytes]) -> bool:
    """Tell whether *name* stays here, also as a CGI server reads it, to which every mark is the same `_`."""
    plain = _MARKS.sub(b"-", name)
    return plain in HOP_BY_HOP | PAYMENT | OVERRIDES | also or plain.startswith(_OURS)


@value
class Introduction:
    """What the agent is told about the call it is asked to serve."""

    call: str
    endpoint: str
    payer: str
    price: str
    run: str
    session: str
    token: str


def free_request(headers: Headers, call: str) -> list[tuple[bytes, bytes]]:
    """Return the fields of a request that nobody pays for; its length is kept, its body streams."""
    kept = passing(headers, _NOT_FORWARDED - {b"content-length", b"traceparent", b"accept-encoding"})
    return [*kept, (b"sidecar-call-id", call.encode())]


def paid_request(headers: Headers, introduction: Introduction, signature: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields a paid request leaves with."""
    carried = _carried(headers)
    added = [
        (b"accept-encoding", b"identity"),
        (b"sidecar-call-id", introduction.call.encode()),
        (b"sidecar-payer", introduction.payer.encode()),
        (b"sidecar-endpoint", introduction.endpoint.encode()),
        (b"sidecar-price", introduction.price.encode()),
        (b"sidecar-call-token", introduction.token.encode()),
        (b"sidecar-signature", signature),
        (b"traceparent", carried or _begun(introduction.call)),
    ]
    for name, text in ((b"sidecar-run-id", introduction.run), (b"sidecar-session-id", introduction.session)):
        if text:
            added.append((name, text.encode()))
    dropped = _NOT_FORWARDED if carried else _NOT_FORWARDED | {b"tracestate"}
    return passing(headers, dropped) + added


def _carried(headers: Headers) -> bytes | None:
    """Return the buyer's trace as it goes on (W3C Trace Context, 3.2 and 4); None if it has no sound one."""
    given = values(headers, b"traceparent")
    found = _TRACEPARENT.match(given[0]) if len(given) == 1 else None
    if found is None or (found[1] == b"00" and found[3]):
        return None
    return b"00" + found[2]


def _begun(call: str) -> bytes:
    """Begin a trace named after the call, whose id is unique; a state of another trace is not its own."""
    digest = hashlib.sha256(call.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01".encode()


def answer(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return the fields of an agent's answer that a buyer may see."""
    return passing(headers, _SERVERS_OWN)


def paid_answer(headers: Headers, receipts: Headers) -> list[tuple[bytes, bytes]]:
    """Return the fields of a paid answer: never to be kept by a shared cache, with its receipts."""
    return [
        *passing(headers, _SERVERS_OWN),
        (b"cache-control", b"private"),
        (b"vary", b"PAYMENT-SIGNATURE, X-PAYMENT"),
        (b"access-control-expose-headers", EXPOSED),
        *receipts,
    ]
