"""Signing in at a facilitator: the bearer token of one request. Pure, given clock, key and randomness.

A token made from a key is a JSON Web Token (RFC 7519) that is good for one method and path,
for two minutes: a stolen one is worth little.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sidecar.configuration.model import Bearer, Jwt
from sidecar.ports import Clock

if TYPE_CHECKING:
    from sidecar.configuration.keys import SigningKey

LIFETIME_S: Final = 120
NONCE_BYTES: Final = 16
SCALAR_BYTES: Final = 32

TokenFor = Callable[[str, str], str]
"""Given method and URL of a request, return its token."""


def token_for(
    access: Bearer | Jwt | None, clock: Clock, random_bytes: Callable[[int], bytes]
) -> TokenFor | None:
    """Return what signs in by *access*; None where nobody has to."""
    match access:
        case Bearer(token=token):
            return lambda _method, _url: token
        case Jwt():
            return lambda method, url: signed(
                access, method, url, now_s=clock.now_us() // 1_000_000, nonce=random_bytes(NONCE_BYTES)
            )
    return None


def signed(access: Jwt, method: str, url: str, *, now_s: int, nonce: bytes) -> str:
    """Return a token for one request.

    Facilitators read what it is good for from `uri` or from `uris`; the value is
    the same: method, host and path, without scheme and query.
    """
    place = urlsplit(url)
    uri = f"{method} {place.netloc}{place.path}"
    header = {"alg": access.algorithm, "typ": "JWT", "kid": access.key_id, "nonce": nonce.hex()}
    claims = {
        "iss": access.issuer,
        "sub": access.key_id,
        "nbf": now_s,
        "exp": now_s + LIFETIME_S,
        "uri": uri,
        "uris": [uri],
    }
    message = f"{_part(_dumped(header))}.{_part(_dumped(claims))}"
    return f"{message}.{_part(_signature(access.key, message.encode('ascii')))}"


def _signature(key: "SigningKey", message: bytes) -> bytes:
    """Return the signature as JSON Web Signature writes it (RFC 7518 section 3.4, RFC 8037 section 3.1)."""
    from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415 - loaded with the key
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message)
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(SCALAR_BYTES, "big") + s.to_bytes(SCALAR_BYTES, "big")


def _dumped(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
