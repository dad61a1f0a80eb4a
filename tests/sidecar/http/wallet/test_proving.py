"""Proving a wallet: the challenge that was given here, signed, for this page, now, once."""

import os
from typing import Any, Final

import pytest

from sidecar.domain.refusals import Code, Refusal
from sidecar.http.wallet.nonces import LIFE_S, Nonces
from sidecar.http.wallet.proving import Proving
from tests.sidecar.builders import NOW_US, PAYER
from tests.sidecar.signing_in import a_proof, proof_header
from tests.sidecar.x402.signing import STRANGER, WALLET

PATH: Final = b"/__402/credits"
CHAINS: Final = ("eip155:84532", "eip155:8453", "eip155:84532")
_US_PER_S: Final = 1_000_000


@pytest.fixture
def proving() -> Proving:
    return Proving("https://agent.example:8402/shop", CHAINS, Nonces(bytes(32), os.urandom))


def asked(proving: Proving, path: bytes = PATH) -> Any:
    return proving.challenge(path, NOW_US)["sign-in-with-x"]


def judged(proving: Proving, proof: dict[str, Any], path: bytes = PATH, later_s: int = 0) -> bytes | str:
    """Return the wallet, or why there is none."""
    found = proving.wallet(proof_header(proof), path, NOW_US + later_s * _US_PER_S)
    if isinstance(found, Refusal):
        assert found.code is Code.WALLET_UNPROVEN
        return found.reason
    return found


def test_a_challenge_is_bound_to_us_and_the_page(proving: Proving) -> None:
    """Domain with its port, the page's whole address, five minutes, each chain once."""
    challenge = asked(proving)

    assert challenge["info"]["domain"] == "agent.example:8402"
    assert challenge["info"]["uri"] == "https://agent.example:8402/shop/__402/credits"
    assert challenge["info"]["issuedAt"] == "2026-09-21T14:13:20.000000Z"
    assert challenge["info"]["expirationTime"] == "2026-09-21T14:18:20.000000Z"
    assert [chain["chainId"] for chain in challenge["supportedChains"]] == ["eip155:84532", "eip155:8453"]


def test_a_signed_challenge_proves_the_wallet_once(proving: Proving) -> None:
    """The second use of the same header proves nothing."""
    proof = a_proof(asked(proving))

    assert judged(proving, proof) == PAYER
    assert judged(proving, proof) == "invalid_siwx_nonce"


def test_a_header_that_failed_is_not_spent(proving: Proving) -> None:
    """Whoever sees a challenge cannot use it up for the wallet that will sign it."""
    challenge = asked(proving)

    forged = a_proof(challenge, STRANGER, address=WALLET.address)
    assert judged(proving, forged) == "invalid_siwx_signature"
    assert judged(proving, a_proof(challenge)) == PAYER


def test_a_proof_opens_its_own_page(proving: Proving) -> None:
    """Neither with the page's name as it was nor with another one in its place."""
    proof = a_proof(asked(proving))
    elsewhere = b"/__402/statement"

    assert judged(proving, proof, elsewhere) == "invalid_siwx_uri_mismatch"
    renamed = a_proof(asked(proving), uri="https://agent.example:8402/shop/__402/statement")
    assert judged(proving, renamed, elsewhere) == "invalid_siwx_nonce"
    assert judged(proving, proof) == PAYER


def test_a_proof_is_good_for_five_minutes(proving: Proving) -> None:
    """Also when the wallet was told, or says, another end."""
    assert judged(proving, a_proof(asked(proving)), later_s=LIFE_S) == PAYER
    assert judged(proving, a_proof(asked(proving)), later_s=LIFE_S + 1) == "invalid_siwx_expired"
    endless = a_proof(asked(proving), expirationTime=None)
    assert judged(proving, endless, later_s=LIFE_S + 1) == "invalid_siwx_nonce"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"domain": "agent.example"}, "invalid_siwx_domain_mismatch"),
        ({"uri": "https://agent.example:8402/shop/__402/credits/"}, "invalid_siwx_uri_mismatch"),
        ({"chainId": "eip155:1"}, "invalid_siwx_unsupported_chain"),
        ({"version": "2"}, "invalid_siwx_payload"),
        ({"issuedAt": "yesterday"}, "invalid_siwx_payload"),
        ({"expirationTime": "soon"}, "invalid_siwx_payload"),
        ({"expirationTime": "2026-09-21T14:13:19Z"}, "invalid_siwx_expired"),
        ({"notBefore": "2026-09-21T14:13:21Z"}, "invalid_siwx_not_yet_valid"),
        ({"nonce": "0" * 66}, "invalid_siwx_nonce"),
        ({"nonce": "short"}, "invalid_siwx_nonce"),
    ],
    ids=str,
)
def test_what_we_did_not_ask_for_proves_nothing(
    proving: Proving, change: dict[str, Any], reason: str
) -> None:
    """However well it is signed; the reason is the extension's own word."""
    assert judged(proving, a_proof(asked(proving), **change)) == reason


def test_a_wallet_may_say_less_and_more_than_it_was_asked(proving: Proving) -> None:
    """Libraries write times and statements their own way; what binds is the nonce."""
    free = {"statement": None, "resources": None, "issuedAt": "2026-09-21T16:13:20+02:00", "requestId": "7"}

    assert judged(proving, a_proof(asked(proving), **free)) == PAYER
    assert judged(proving, {"anything": 1}) == "invalid_siwx_payload"
