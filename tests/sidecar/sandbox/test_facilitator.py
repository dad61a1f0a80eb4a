"""The facilitator over HTTP, with payments signed by the official client, on the running chain."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from web3.exceptions import Web3RPCError

from sidecar.sandbox import buyer, keys, token
from sidecar.sandbox.facilitator import SerialSigner
from sidecar.sandbox.process import Child, Sandbox
from tests.plainly import PLAINLY
from tests.sidecar.sandbox.payments import PRICE, Caller


@pytest.fixture(scope="module")
def facilitator(sandbox: Sandbox) -> Iterator[Caller]:
    with httpx.Client(timeout=30, **PLAINLY) as client:
        yield Caller(sandbox, client)


def test_a_payment_is_verified_and_settled_once(facilitator: Caller) -> None:
    """The money moves, the receipt names the transaction, and a replay is refused by both endpoints."""
    sandbox, payment = facilitator.sandbox, facilitator.payment()
    before = sandbox.balance_of(sandbox.pay_to)
    verified = facilitator.verify(payment)
    settled = facilitator.settle(payment)
    replayed = facilitator.settle(payment)

    payer = keys.BUYERS[1].address
    assert verified == {"isValid": True, "payer": payer}
    assert settled["success"]
    assert (settled["payer"], settled["network"]) == (payer, sandbox.network)
    assert sandbox.rpc("eth_getTransactionReceipt", settled["transaction"])["status"] == "0x1"
    assert sandbox.balance_of(sandbox.pay_to) == before + PRICE
    assert (replayed["success"], replayed["transaction"]) == (False, "")
    assert replayed["errorReason"] == "invalid_exact_evm_nonce_already_used"
    assert facilitator.verify(payment)["invalidReason"] == "invalid_exact_evm_nonce_already_used"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"validBefore": "1"}, "invalid_exact_evm_payload_authorization_valid_before"),
        ({"validAfter": "99999999999"}, "invalid_exact_evm_payload_authorization_valid_after"),
        ({"value": "1"}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"to": keys.FACILITATOR.address}, "invalid_exact_evm_payload_recipient_mismatch"),
    ],
)
def test_signed_fields_must_be_the_offer_s(facilitator: Caller, changes: dict[str, str], reason: str) -> None:
    """An honest signature over other terms is refused with the specification's reason."""
    payment = buyer.signed_again(keys.BUYERS[1].private_key, facilitator.payment(), **changes)
    assert facilitator.verify(payment)["invalidReason"] == reason
    settled = facilitator.settle(payment)
    assert (settled["success"], settled["errorReason"], settled["transaction"]) == (False, reason, "")


def test_a_forged_signature_is_refused(facilitator: Caller) -> None:
    """A signature of somebody else does not pay."""
    payment = facilitator.payment()
    forged = buyer.signed_again(keys.BUYERS[2].private_key, payment)
    assert facilitator.verify(forged)["invalidReason"] == "invalid_exact_evm_payload_signature"


def test_an_empty_wallet_is_refused(facilitator: Caller) -> None:
    """A good signature without money is refused before anything is sent."""
    payment = facilitator.payment(keys.PENNILESS)
    assert facilitator.verify(payment)["invalidReason"] == "invalid_exact_evm_insufficient_balance"
    assert facilitator.settle(payment)["transaction"] == ""


def test_version_1(facilitator: Caller) -> None:
    """A version 1 payment settles under its own network name."""
    offer = {
        "scheme": "exact",
        "network": "base-sepolia",
        "maxAmountRequired": str(PRICE),
        "resource": "http://127.0.0.1/x",
        "description": "",
        "mimeType": "",
        "payTo": keys.PAY_TO.address,
        "maxTimeoutSeconds": 120,
        "asset": token.ADDRESS,
        "extra": {"name": token.NAME, "version": token.VERSION},
    }
    payment = buyer.sign(keys.BUYERS[1].private_key, {"x402Version": 1, "accepts": [offer]})
    assert facilitator.ask("verify", payment, offer).json()["isValid"]
    settled = facilitator.ask("settle", payment, offer).json()
    assert (settled["success"], settled["network"]) == (True, "base-sepolia")


def test_many_at_once(facilitator: Caller) -> None:
    """Settlements side by side all succeed; of one payment sent many times exactly one does."""
    different = [facilitator.payment(keys.BUYERS[n % 3]) for n in range(12)]
    same = [facilitator.payment()] * 4
    with ThreadPoolExecutor(8) as threads:
        settled = list(threads.map(facilitator.settle, different))
        repeated = list(threads.map(facilitator.settle, same))
    assert all(answer["success"] for answer in settled)
    assert len({answer["transaction"] for answer in settled}) == len(settled)
    assert sum(answer["success"] for answer in repeated) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"{",
        b"\xff",
        b"[" * 50_000,
        b" " * 70_000,
        b'{"paymentPayload": 1, "paymentRequirements": 2}',
    ],
)
def test_malformed_requests(facilitator: Caller, body: bytes) -> None:
    """Nonsense is a 400 in the shape of an answer."""
    base = facilitator.sandbox.facilitator_url
    verified = httpx.post(base + "/verify", content=body, **PLAINLY)
    settled = httpx.post(base + "/settle", content=body, **PLAINLY)
    assert (verified.status_code, settled.status_code) == (400, 400)
    assert verified.json() == {"isValid": False, "invalidReason": "invalid_payload"}
    assert settled.json()["errorReason"] == "invalid_payload"
    assert settled.json()["transaction"] == ""


@pytest.mark.parametrize(
    "spoil",
    [
        {"payload": {}},
        {"payload": {"authorization": None, "signature": "0x"}},
        {"payload": {"authorization": {"from": 1, "to": 2, "value": "x"}, "signature": "0x12"}},
    ],
)
def test_unusable_payloads_leak_nothing(facilitator: Caller, spoil: dict[str, Any]) -> None:
    """Inner nonsense is refused with a reason and without an exception's words."""
    for endpoint in ("verify", "settle"):
        answer = facilitator.ask(endpoint, facilitator.payment() | spoil)
        document = answer.json()
        assert answer.status_code < 500
        assert not {"invalidMessage", "errorMessage"} & set(document)
        assert document.get("isValid") is False or document.get("success") is False


def test_another_network_is_unsupported(facilitator: Caller) -> None:
    """Neither another chain nor another scheme than those announced is served."""
    foreign = facilitator.offer | {"network": "eip155:1"}
    payment = facilitator.payment() | {"accepted": foreign}
    answer = facilitator.ask("settle", payment, foreign).json()
    assert (answer["errorReason"], answer["network"]) == ("invalid_network", "eip155:1")
    other = facilitator.offer | {"scheme": "upto"}
    payment = facilitator.payment() | {"accepted": other}
    assert facilitator.ask("verify", payment, other).json()["invalidReason"] == "unsupported_scheme"


def test_a_failed_send_leaves_no_nonce_gap(sandbox: Sandbox) -> None:
    """After a send that the chain refused, the next one takes the same nonce and is mined."""
    signer = SerialSigner(keys.BUYERS[2].private_key, sandbox.rpc_url)
    call = (token.ADDRESS, token.abi(), "transfer", keys.PAY_TO.address, 1)
    with pytest.raises(Web3RPCError, match="intrinsic gas too low"):
        signer.write_contract(*call, data_suffix="0x" + "01" * 40_000)
    sent = signer.write_contract(*call)
    assert signer.wait_for_transaction_receipt(sent).status == 1


def test_a_lost_chain_is_not_told(sandbox: Sandbox) -> None:
    """Without a chain payments are neither valid nor settled, and the chain's address stays inside."""
    lonely = Child("facilitator", "--rpc-url", "http://127.0.0.1:9", "--chain-id", "84532")
    try:
        lonely.wait("/supported")
        with httpx.Client(timeout=60, **PLAINLY) as client:
            offer = buyer.exact(
                network=sandbox.network, asset=sandbox.asset, pay_to=sandbox.pay_to, units=PRICE
            )
            payment = buyer.sign(keys.BUYERS[0].private_key, buyer.offer(offer))
            body = {"x402Version": 2, "paymentPayload": payment, "paymentRequirements": offer}
            answers = [client.post(f"{lonely.url}/{each}", json=body) for each in ("verify", "settle")]
    finally:
        lonely.stop()
    assert answers[0].json()["isValid"] is False
    assert answers[1].json()["success"] is False
    assert all("127.0.0.1" not in answer.text for answer in answers)
