"""Proof of a wallet: what official clients send is read and believed, and nothing else is.

`signed_in.json` was made by the official Python SDK 2.25.0 with signinwithethereum 5.0.2.
"""

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from sidecar.x402.evm_text import address_bytes, checksummed
from sidecar.x402.sign_in import (
    HEADER_BYTES_MAX,
    RESOURCES_MAX,
    Asked,
    SignIn,
    challenge,
    decode_sign_in,
    message,
    signer,
)
from tests.sidecar.signing_in import a_proof, proof_header
from tests.sidecar.x402.signing import STRANGER, WALLET

OFFICIAL: Final = json.loads((Path(__file__).parent / "signed_in.json").read_text(encoding="utf-8"))
PAYER: Final = address_bytes(WALLET.address)
ASKED: Final = Asked(
    domain="agent.example",
    uri="https://agent.example/__402/credits",
    nonce="0123456789abcdef",
    issued_at="2026-09-21T12:53:20.000000Z",
    expiration_time="2026-09-21T12:58:20.000000Z",
    statement="Show it.",
)
CHALLENGE: Final[Any] = challenge(ASKED, ["eip155:84532", "eip155:8453"])["sign-in-with-x"]
PROOF: Final = a_proof(CHALLENGE)
LINE: Final = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=60)


def decoded(document: Any) -> SignIn | None:
    return decode_sign_in(base64.b64encode(json.dumps(document).encode()))


def signed(document: Any) -> bytes | None:
    found = decoded(document)
    assert found is not None
    return signer(found)


@pytest.mark.parametrize("official", OFFICIAL, ids=["least", "statement", "everything", "another chain"])
def test_the_official_client_is_believed(official: dict[str, str]) -> None:
    """Its header is read, its text rebuilt to the letter, and its wallet found."""
    found = decode_sign_in(official["header"].encode())
    assert found is not None

    assert message(found, found.address) == official["message"]
    assert signer(found) == PAYER


@given(statement=st.none() | LINE, request=st.none() | LINE, resources=st.none() | st.lists(LINE, max_size=3))
def test_any_message_that_eth_account_signs_is_believed(
    statement: str | None, request: str | None, resources: list[str] | None
) -> None:
    """Whatever is left out or said: the wallet that signed it is found, and no other one."""
    changes = {"statement": statement, "requestId": request, "resources": resources}

    assert signed(a_proof(CHALLENGE, **changes)) == PAYER
    assert signed(a_proof(CHALLENGE, STRANGER, **changes)) == address_bytes(STRANGER.address)
    assert signed(a_proof(CHALLENGE, STRANGER, address=WALLET.address, **changes)) is None


@pytest.mark.parametrize("spelling", [str.lower, lambda text: "0x" + text[2:].upper()])
def test_an_address_may_be_sent_in_any_spelling(spelling: Any) -> None:
    """The signed text has the checksum, whatever letters are sent beside it."""
    assert signed({**PROOF, "address": spelling(WALLET.address)}) == PAYER


def test_an_address_may_be_signed_as_it_is_sent() -> None:
    """A wallet that signs its address in lower case, and sends it so, is the same wallet."""
    low = WALLET.address.lower()
    sent = {**PROOF, "address": low}
    found = decoded(sent)
    assert found is not None
    signature = WALLET.sign_message(encode_defunct(text=message(found, low))).signature

    assert signed({**sent, "signature": "0x" + bytes(signature).hex()}) == PAYER
    assert checksummed(PAYER) != low


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "evil.example"},
        {"uri": "https://agent.example/__402/statement"},
        {"version": "2"},
        {"chainId": "eip155:8453"},
        {"nonce": "0123456789abcdee"},
        {"issuedAt": "2026-09-21T12:53:21Z"},
        {"expirationTime": "2027-09-21T12:58:20Z"},
        {"statement": "Show it!"},
        {"notBefore": "2026-09-21T12:53:20Z"},
        {"requestId": "1"},
        {"resources": []},
        {"resources": None},
        {"expirationTime": None},
        {"address": STRANGER.address},
        {"signature": "0x" + "00" * 65},
        {"signature": "0x" + "ff" * 65},
        {"signature": "0x"},
        {"signature": PROOF["signature"][:-2]},
    ],
    ids=str,
)
def test_what_was_not_signed_is_not_believed(change: dict[str, Any]) -> None:
    """Every member is in the text: one that is changed, added or taken away is another text."""
    assert signed({**PROOF, **change}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "a\nb"},
        {"domain": ""},
        {"domain": None},
        {"uri": 7},
        {"nonce": "x" * 1001},
        {"version": 1},
        {"issuedAt": "\u202e"},
        {"statement": "Free!\n\nURI: https://agent.example/"},
        {"statement": ""},
        {"requestId": "a\x00"},
        {"expirationTime": []},
        {"resources": "https://agent.example/"},
        {"resources": ["a\n- b"]},
        {"resources": [1]},
        {"resources": ["a"] * (RESOURCES_MAX + 1)},
        {"chainId": 84532},
        {"chainId": "eip155:0"},
        {"chainId": "eip155:84532\n"},
        {"chainId": "solana:mainnet"},
        {"type": "ed25519"},
        {"type": None},
        {"signatureScheme": "eip1271"},
        {"signatureScheme": None},
        {"address": "0x00"},
        {"address": None},
        {"signature": None},
        {"signature": "0x" + "00" * 66},
        {"signature": "00" * 65},
    ],
    ids=str,
)
def test_what_cannot_be_read_one_way_is_not_read(change: dict[str, Any]) -> None:
    """No line break, nothing that is not text, no kind of signature that needs a chain."""
    assert decoded({**PROOF, **change}) is None


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"!",
        base64.b64encode(b"[]"),
        base64.b64encode(b"7"),
        base64.b64encode(b"{"),
        base64.b64encode(b"\xff"),
        base64.b64encode(b'{"a":1,"a":1}'),
        base64.b64encode(json.dumps(PROOF).encode()).rstrip(b"=") + b"\n",
        b"A" * (HEADER_BYTES_MAX + 4),
    ],
    ids=lambda header: str(header[:12]),
)
def test_a_header_that_is_no_proof_is_not_read(header: bytes) -> None:
    """Strict base64 of one JSON object, of a bounded size."""
    assert decode_sign_in(header) is None


@given(st.binary(max_size=200))
def test_nothing_a_stranger_sends_raises(junk: bytes) -> None:
    """Bytes, and bytes in base64: read as nothing."""
    assert decode_sign_in(junk) is None
    assert decode_sign_in(base64.b64encode(junk)) is None


def test_the_challenge_has_the_extensions_shape() -> None:
    """Domain, uri, nonce and times in info; every chain with the kind of signature we take."""
    assert CHALLENGE["info"] == {
        "domain": "agent.example",
        "uri": "https://agent.example/__402/credits",
        "statement": "Show it.",
        "version": "1",
        "nonce": "0123456789abcdef",
        "issuedAt": "2026-09-21T12:53:20.000000Z",
        "expirationTime": "2026-09-21T12:58:20.000000Z",
        "resources": ["https://agent.example/__402/credits"],
    }
    assert CHALLENGE["supportedChains"] == [
        {"chainId": "eip155:84532", "type": "eip191"},
        {"chainId": "eip155:8453", "type": "eip191"},
    ]
    assert set(CHALLENGE["schema"]["required"]) <= set(PROOF) <= set(CHALLENGE["schema"]["properties"])
    assert decode_sign_in(proof_header(PROOF)) is not None
