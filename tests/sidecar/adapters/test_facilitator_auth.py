"""A token signs in for one request, for two minutes, and shows nothing of its key."""

import base64
import json
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from sidecar.adapters.facilitator_auth import signed, token_for
from sidecar.configuration.model import Bearer, Jwt
from tests.sidecar.configuration.keyring import EC, ED, SEED
from tests.sidecar.fakes import ManualClock

ED_ACCESS: Final = Jwt("orgs/us/keys/1", "them", "EdDSA", ED)
EC_ACCESS: Final = Jwt("orgs/us/keys/1", "orgs/us/keys/1", "ES256", EC)
NONCE: Final = bytes(range(16))
URL: Final = "https://api.example.com/platform/v2/x402/verify"
NOW_S: Final = 1_790_000_000


def raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.split(".")
    return json.loads(raw(header)), json.loads(raw(claims))


def verify(token: str, access: Jwt) -> None:
    """Check the signature with the public key, as a facilitator does; InvalidSignature if it is not its."""
    message, _, signature = token.rpartition(".")
    if access is ED_ACCESS:
        ED.public_key().verify(raw(signature), message.encode())
        return
    assert len(raw(signature)) == 64
    r, s = (int.from_bytes(half, "big") for half in (raw(signature)[:32], raw(signature)[32:]))
    EC.public_key().verify(encode_dss_signature(r, s), message.encode(), ECDSA(SHA256()))


@pytest.mark.parametrize("access", [ED_ACCESS, EC_ACCESS], ids=["EdDSA", "ES256"])
def test_a_token_says_who_asks_for_what_and_how_long(access: Jwt) -> None:
    """Header and claims as the large facilitators read them; the public key proves all of it."""
    token = signed(access, "POST", URL, now_s=NOW_S, nonce=NONCE)

    uri = "POST api.example.com/platform/v2/x402/verify"
    assert opened(token) == (
        {"alg": access.algorithm, "typ": "JWT", "kid": "orgs/us/keys/1", "nonce": NONCE.hex()},
        {
            "iss": access.issuer,
            "sub": "orgs/us/keys/1",
            "nbf": NOW_S,
            "exp": NOW_S + 120,
            "uri": uri,
            "uris": [uri],
        },
    )
    verify(token, access)
    assert "=" not in token


@pytest.mark.parametrize("access", [ED_ACCESS, EC_ACCESS], ids=["EdDSA", "ES256"])
def test_a_token_that_was_changed_is_not_signed(access: Jwt) -> None:
    """One claim of another token does not fit this signature."""
    token = signed(access, "POST", URL, now_s=NOW_S, nonce=NONCE)
    header, claims, _ = signed(access, "POST", URL, now_s=NOW_S + 1, nonce=NONCE).split(".")

    with pytest.raises(InvalidSignature):
        verify(f"{header}.{claims}.{token.rpartition('.')[2]}", access)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.example/supported", "GET a.example/supported"),
        ("http://127.0.0.1:4000/x/supported", "GET 127.0.0.1:4000/x/supported"),
        ("https://a.example/v2/supported?page=1", "GET a.example/v2/supported"),
    ],
)
def test_a_token_is_for_one_place(url: str, place: str) -> None:
    """Method, host and path; a query does not belong to it."""
    assert opened(signed(ED_ACCESS, "GET", url, now_s=NOW_S, nonce=NONCE))[1]["uri"] == place


def test_each_request_has_a_token_of_its_own() -> None:
    """Made when it is needed, by the clock, with a nonce that does not come again."""
    clock, drawn = ManualClock(NOW_S * 1_000_000), iter((bytes(16), NONCE))
    token = token_for(ED_ACCESS, clock, lambda count: next(drawn)[:count])
    assert token is not None
    first = opened(token("POST", URL))
    clock.pass_s(90)
    second = opened(token("POST", URL))

    assert (first[1]["nbf"], second[1]["nbf"]) == (NOW_S, NOW_S + 90)
    assert (first[0]["nonce"], second[0]["nonce"]) == (bytes(16).hex(), NONCE.hex())


def test_a_fixed_token_is_sent_as_it_is_and_none_is_none() -> None:
    """The plain form of a facilitator signs in nowhere."""
    token = token_for(Bearer("t0ken"), ManualClock(), bytes)
    assert token is not None

    assert token("POST", URL) == token("GET", URL) == "t0ken"
    assert token_for(None, ManualClock(), bytes) is None


@pytest.mark.parametrize("access", [ED_ACCESS, EC_ACCESS, Bearer("t0ken")])
def test_nothing_secret_is_shown(access: Jwt | Bearer) -> None:
    """Neither of a token nor of a key is anything in a repr."""
    shown = repr(access) + repr(token_for(access, ManualClock(), bytes))

    assert "t0ken" not in shown
    assert SEED.hex() not in shown
    assert "key=" not in shown
