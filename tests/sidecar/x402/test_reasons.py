"""The reason strings are the specification's, and the list of harmless ones is short."""

from __future__ import annotations

import re

from x402.mechanisms.evm import constants

from sidecar.x402 import reasons

OURS = {name: value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}


def test_every_reason_is_a_machine_code() -> None:
    """Nothing in a reason can be an exception's text."""
    assert all(re.fullmatch("[a-z][a-z0-9_]*", reason) for reason in OURS.values())
    assert len(set(OURS.values())) == len(OURS)


def test_the_evm_reasons_are_spelled_as_the_official_facilitator_spells_them() -> None:
    """A buyer's code compares strings."""
    official = {value for name, value in vars(constants).items() if name.startswith("ERR_")}
    spelled_there = {
        reasons.VALID_AFTER,
        reasons.VALID_BEFORE,
        reasons.VALUE_MISMATCH,
        reasons.SIGNATURE,
        reasons.RECIPIENT_MISMATCH,
        reasons.UNSUPPORTED_SCHEME,
        reasons.MISSING_DOMAIN,
        reasons.NONCE_USED,
        reasons.INSUFFICIENT_BALANCE,
        reasons.SETTLEMENT_PENDING,
        reasons.TRANSACTION_FAILED,
        reasons.NETWORK_MISMATCH,
        reasons.UNDEPLOYED_WALLET,
        reasons.ASSET_NAME_MISMATCH,
        reasons.ASSET_VERSION_MISMATCH,
        reasons.ASSET_NOT_DEPLOYED,
        reasons.EIP3009_NOT_SUPPORTED,
        reasons.FACTORY_NOT_ALLOWED,
        reasons.NETWORK_CONFIG,
    }
    assert spelled_there <= official


def test_a_reason_that_a_sent_transaction_can_have_never_proves_a_refusal() -> None:
    """After these the money may have moved: they leave a settlement unknown."""
    assert not reasons.SETTLE_REFUSED & {
        reasons.NONCE_USED,
        reasons.SETTLEMENT_PENDING,
        reasons.TRANSACTION_FAILED,
        reasons.INVALID_TRANSACTION_STATE,
        reasons.UNEXPECTED_SETTLE,
        reasons.UNEXPECTED_VERIFY,
        constants.ERR_TRANSFER_EVENT_MISMATCH,
        constants.ERR_TRANSACTION_SIMULATION_FAILED,
        constants.ERR_SMART_WALLET_DEPLOYMENT_FAILED,
        "duplicate_settlement",
    }
    assert set(OURS.values()) >= reasons.SETTLE_REFUSED
