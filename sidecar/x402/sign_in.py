"""Proof of a wallet: the SIGN-IN-WITH-X header, the text that was signed, and who signed it.

The `sign-in-with-x` extension of x402 over EIP-4361 text with an EIP-191 signature. Knows no
nonce of ours, no clock and no page; nothing here raises for what others sent. Only a wallet
with a key can sign so: what a contract would accept (EIP-1271, EIP-6492) needs a chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.x402.bounded_json import read_object
from sidecar.x402.codec import strict_base64
from sidecar.x402.eip712 import SIGNATURE_BYTES, keccak, recover
from sidecar.x402.evm_text import checksummed, read_address, read_hex

EXTENSION: Final = "sign-in-with-x"
SCHEME: Final = "eip191"
HEADER_BYTES_MAX: Final = 8_192
RESOURCES_MAX: Final = 10

# One line of printable ASCII: a line break would make another message of the same members.
_LINE: Final = re.compile(r"[ -~]{1,1000}")
_CHAIN: Final = re.compile(r"eip155:([1-9][0-9]{0,31})")


@dataclass(frozen=True, slots=True)
class SignIn:
    """A decoded proof; nothing in it is verified yet. Members that were not sent are None."""

    domain: str
    address: str  # 0x and 40 hex digits, spelled as sent
    uri: str
    version: str
    chain: str  # CAIP-2, "eip155:8453"
    nonce: str
    issued_at: str
    statement: str | None
    expiration_time: str | None
    not_before: str | None
    request_id: str | None
    resources: tuple[str, ...] | None
    signature: bytes


def decode_sign_in(header: bytes) -> SignIn | None:
    """Read a SIGN-IN-WITH-X value: strict base64 of one JSON object; None for anything else."""
    raw = strict_base64(header) if len(header) <= HEADER_BYTES_MAX else None
    document = None if raw is None else read_object(raw)
    if document is None:
        return None
    needed = [_line(document, name) for name in ("domain", "uri", "version", "nonce", "issuedAt")]
    address, chain = document.get("address"), document.get("chainId")
    signature = read_hex(document.get("signature"), bytes_max=SIGNATURE_BYTES)
    optional = [_line(document, n) for n in ("statement", "expirationTime", "notBefore", "requestId")]
    resources = _resources(document.get("resources"))
    schemes = {document.get("type"), document.get("signatureScheme", SCHEME)}
    if (
        "" in optional
        or resources == ("",)
        or signature is None
        or schemes != {SCHEME}
        or not isinstance(address, str)
        or read_address(address) is None
        or not isinstance(chain, str)
        or not _CHAIN.fullmatch(chain)
    ):
        return None
    domain, uri, version, nonce, issued_at = needed
    if not (domain and uri and version and nonce and issued_at):
        return None
    statement, expiration_time, not_before, request_id = optional
    return SignIn(
        domain,
        address,
        uri,
        version,
        chain,
        nonce,
        issued_at,
        statement,
        expiration_time,
        not_before,
        request_id,
        resources,
        signature,
    )


def _line(document: Mapping[str, object], name: str) -> str | None:
    """The text of a member; None when it is absent, empty when it is not one line of text."""
    value = document.get(name)
    if value is None:
        return None
    return value if isinstance(value, str) and _LINE.fullmatch(value) else ""


def _resources(value: object) -> tuple[str, ...] | None:
    """The listed URIs; None when absent, one empty text when it is no such list."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > RESOURCES_MAX:
        return ("",)
    lines = [each for each in value if isinstance(each, str) and _LINE.fullmatch(each)]
    return tuple(lines) if len(lines) == len(value) else ("",)


def signer(signed: SignIn) -> bytes | None:
    """The 20 bytes of the wallet that signed, None if it is not the one it names.

    Wallets sign the address with its EIP-55 checksum, whatever spelling they send.
    """
    named = read_address(signed.address)
    assert named is not None, "a decoded proof names an address"
    for address in dict.fromkeys((signed.address, checksummed(named))):
        if recover(_eip191(message(signed, address)), signed.signature) == named:
            return named
    return None


def message(signed: SignIn, address: str) -> str:
    """The EIP-4361 text, line for line. An absent statement leaves its empty line."""
    return "\n".join(_lines(signed, address))


def _lines(signed: SignIn, address: str) -> Iterator[str]:
    yield f"{signed.domain} wants you to sign in with your Ethereum account:"
    yield address
    yield ""
    if signed.statement is not None:
        yield signed.statement
    yield ""
    yield f"URI: {signed.uri}"
    yield f"Version: {signed.version}"
    yield f"Chain ID: {signed.chain.removeprefix('eip155:')}"
    yield f"Nonce: {signed.nonce}"
    yield f"Issued At: {signed.issued_at}"
    if signed.expiration_time is not None:
        yield f"Expiration Time: {signed.expiration_time}"
    if signed.not_before is not None:
        yield f"Not Before: {signed.not_before}"
    if signed.request_id is not None:
        yield f"Request ID: {signed.request_id}"
    if signed.resources is not None:
        yield "Resources:"
        for resource in signed.resources:
            yield f"- {resource}"


def _eip191(text: str) -> bytes:
    """What a wallet signs of a text, 32 bytes (EIP-191, version 0x45)."""
    raw = text.encode("ascii")
    return keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(raw), raw))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a wallet is asked to sign; times are RFC 3339 text."""

    domain: str
    uri: str
    nonce: str
    issued_at: str
    expiration_time: str
    statement: str


def challenge(asked: Asked, chains: Sequence[str]) -> dict[str, object]:
    """The `extensions` member that asks for a proof, in the extension's own shape."""
    info = {
        "domain": asked.domain,
        "uri": asked.uri,
        "statement": asked.statement,
        "version": "1",
        "nonce": asked.nonce,
        "issuedAt": asked.issued_at,
        "expirationTime": asked.expiration_time,
        "resources": [asked.uri],
    }
    supported = [{"chainId": chain, "type": SCHEME} for chain in chains]
    return {EXTENSION: {"info": info, "supportedChains": supported, "schema": _SCHEMA}}


_TEXT: Final = {"type": "string"}
_URI: Final = {"type": "string", "format": "uri"}
_TIME: Final = {"type": "string", "format": "date-time"}
_SCHEMA: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "domain": _TEXT,
        "address": _TEXT,
        "statement": _TEXT,
        "uri": _URI,
        "version": _TEXT,
        "chainId": _TEXT,
        "type": _TEXT,
        "nonce": _TEXT,
        "issuedAt": _TIME,
        "expirationTime": _TIME,
        "notBefore": _TIME,
        "requestId": _TEXT,
        "resources": {"type": "array", "items": _URI},
        "signature": _TEXT,
    },
    "required": [
        "domain", "address", "uri", "version", "chainId", "type", "nonce", "issuedAt", "signature",
    ],
}  # fmt: skip
"""What a proof looks like, as the extension states it."""
