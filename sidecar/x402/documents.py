"""The x402 documents as typed values: what is offered, what was signed, what a facilitator said.

Knows no encoding and no rule. Amounts are whole atomic units of the asset named beside
them; addresses inside a signed message are 20 raw bytes, addresses that we publish keep
the spelling they were configured with, because clients compare them as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ledger.values import value


@value
class Requirements:
    """One entry of `accepts`: how a call may be paid."""

    scheme: str
    network: str  # CAIP-2, "eip155:8453"
    amount: int  # atomic units of the asset
    asset: str  # 0x and 40 hex digits, as configured
    pay_to: str  # 0x and 40 hex digits, as configured
    max_timeout_s: int
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)


@value
class Named:
    """All that a version 1 payment says of its terms beside what was signed."""

    scheme: str
    network: str | None  # CAIP-2; None for a name that version 1 does not have


@value
class Resource:
    """What is sold; `description` and `mime_type` are left out of the document when None."""

    url: str
    description: str | None = None
    mime_type: str | None = None


@value
class Authorization:
    """The signed EIP-3009 message, field by field."""

    from_: bytes  # 20 bytes
    to: bytes  # 20 bytes
    value: int  # atomic units
    valid_after: int  # seconds since the epoch, inclusive for us
    valid_before: int  # seconds since the epoch
    nonce: bytes  # 32 bytes


@value
class ExactPayment:
    """A decoded payment of the `exact` scheme; nothing in it is verified yet.

    `version` is the document's own. `accepted` is what the payer sent of the terms, `chosen`
    the same read: an offer, or in version 1 only names. Neither is signed: they only tell
    which of our own offers is meant. `signature` has the length sent, and its v as tokens
    take it. `extensions` are as sent; version 1 has none.
    """

    version: int
    accepted: Mapping[str, object] = field(hash=False)
    chosen: Requirements | Named
    authorization: Authorization
    signature: bytes
    resource: str | None = None
    extensions: Mapping[str, object] = field(default_factory=dict, hash=False)


@value
class Malformed:
    """The document cannot be read. `reason` is a spec string, `where` names the member at fault.

    Neither ever carries the sender's text.
    """

    reason: str
    where: str


@value
class TooLarge:
    """The document is above the limit; nothing of it was read."""

    limit_bytes: int


@value
class VerifyReply:
    """A facilitator's answer to `/verify`; `reason` is None exactly when `valid`."""

    valid: bool
    payer: bytes | None
    reason: str | None


@value
class SettleReply:
    """A facilitator's answer to `/settle`, and what a buyer reads in PAYMENT-RESPONSE.

    `transaction` is "" or 0x and 64 lower-case hex digits; `reason` is None exactly when
    `success`. Whether it agrees with what was asked is the caller's question.
    """

    success: bool
    transaction: str
    network: str
    payer: bytes | None = None
    amount: int | None = None
    reason: str | None = None


@value
class SupportedKind:
    """One kind of payment that a facilitator settles."""

    version: int
    scheme: str
    network: str
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)


@value
class Supported:
    """A facilitator's answer to `/supported`; kinds that cannot be read are not listed."""

    kinds: tuple[SupportedKind, ...]
