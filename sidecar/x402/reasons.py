"""The reason strings of the x402 specification, and what they prove. Knows no document.

Only these strings, or another facilitator's machine code, ever reach a buyer: exception
texts and the sender's own words never do.
"""

from __future__ import annotations

from typing import Final

# Core specification, section 9.
INSUFFICIENT_FUNDS: Final = "insufficient_funds"
VALID_AFTER: Final = "invalid_exact_evm_payload_authorization_valid_after"
VALID_BEFORE: Final = "invalid_exact_evm_payload_authorization_valid_before"
VALUE_MISMATCH: Final = "invalid_exact_evm_payload_authorization_value_mismatch"
SIGNATURE: Final = "invalid_exact_evm_payload_signature"
RECIPIENT_MISMATCH: Final = "invalid_exact_evm_payload_recipient_mismatch"
INVALID_NETWORK: Final = "invalid_network"
INVALID_PAYLOAD: Final = "invalid_payload"
INVALID_REQUIREMENTS: Final = "invalid_payment_requirements"
INVALID_SCHEME: Final = "invalid_scheme"
UNSUPPORTED_SCHEME: Final = "unsupported_scheme"
INVALID_VERSION: Final = "invalid_x402_version"
INVALID_TRANSACTION_STATE: Final = "invalid_transaction_state"
UNEXPECTED_VERIFY: Final = "unexpected_verify_error"
UNEXPECTED_SETTLE: Final = "unexpected_settle_error"

# The `exact` scheme on EVM, as the official facilitators spell it.
ASSET_NOT_DEPLOYED: Final = "asset_not_deployed_contract"
EIP3009_NOT_SUPPORTED: Final = "invalid_exact_evm_eip3009_not_supported"
FACTORY_NOT_ALLOWED: Final = "eip6492_factory_not_allowed"
INSUFFICIENT_BALANCE: Final = "invalid_exact_evm_insufficient_balance"
MISSING_DOMAIN: Final = "missing_eip712_domain"
NETWORK_CONFIG: Final = "invalid_exact_evm_failed_to_get_network_config"
NETWORK_MISMATCH: Final = "network_mismatch"
NONCE_USED: Final = "invalid_exact_evm_nonce_already_used"
SETTLEMENT_PENDING: Final = "settlement_pending"
ASSET_NAME_MISMATCH: Final = "invalid_exact_evm_token_name_mismatch"
ASSET_VERSION_MISMATCH: Final = "invalid_exact_evm_token_version_mismatch"
TRANSACTION_FAILED: Final = "transaction_failed"
UNDEPLOYED_WALLET: Final = "invalid_exact_evm_payload_undeployed_smart_wallet"

# Extensions: the first is the official server's, the second is ours for what that one has no word for.
EXTENSION_ECHO_MISMATCH: Final = "extension_echo_mismatch"
INVALID_IDENTIFIER: Final = "invalid_payment_identifier"

# What a facilitator answers from its own checks, before a transaction exists. They prove that
# the request they answer sent nothing; an earlier request for the same payment may have.
# Left out on purpose: a used nonce (the transfer may be ours), a pending or failed
# transaction, a failed simulation (a used nonce looks the same), and everything unexpected.
SETTLE_REFUSED: Final = frozenset(
    {
        INSUFFICIENT_FUNDS,
        VALID_AFTER,
        VALID_BEFORE,
        VALUE_MISMATCH,
        SIGNATURE,
        RECIPIENT_MISMATCH,
        INVALID_NETWORK,
        INVALID_PAYLOAD,
        INVALID_REQUIREMENTS,
        INVALID_SCHEME,
        UNSUPPORTED_SCHEME,
        INVALID_VERSION,
        ASSET_NOT_DEPLOYED,
        EIP3009_NOT_SUPPORTED,
        FACTORY_NOT_ALLOWED,
        INSUFFICIENT_BALANCE,
        MISSING_DOMAIN,
        NETWORK_CONFIG,
        NETWORK_MISMATCH,
        ASSET_NAME_MISMATCH,
        ASSET_VERSION_MISMATCH,
        UNDEPLOYED_WALLET,
    }
)
