"""A standard x402 facilitator, made of the official SDK's classes. Knows no sidecar and no HTTP of its own.

It reaches the chain over JSON-RPC like any other facilitator. The SDK's synchronous code runs in threads
and never on the event loop: one settlement that waits for a block would stop all others. Answers carry
the specification's reason strings and never the text of an exception, which names internal addresses.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from web3 import HTTPProvider
from web3.exceptions import TimeExhausted
from web3.types import RPCEndpoint, RPCResponse
from x402 import x402FacilitatorSync
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import ExactEvmFacilitatorScheme, ExactEvmSchemeConfig
from x402.mechanisms.evm.exact.v1.facilitator import ExactEvmSchemeV1, ExactEvmSchemeV1Config
from x402.mechanisms.evm.types import TransactionReceipt
from x402.schemas import SchemeNotFoundError, SettleResponse, VerifyResponse
from x402.schemas.helpers import parse_payment_payload, parse_payment_requirements

from sidecar.sandbox import keys

Document = dict[str, Any]

THREADS: Final = 16
CONFIRMATION_TIMEOUT_S: Final = 30
VERSION_1_NAMES: Final = {84532: "base-sepolia", 8453: "base"}

_log = logging.getLogger(__name__)
# The SDK logs every refused payment, with tracebacks for nonsense; refusals are our daily business.
logging.getLogger("x402").setLevel(logging.CRITICAL)


class Provider(HTTPProvider):
    """Reaches the chain, and can put off each transaction by *blocks_later* blocks."""

    blocks_later = 0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask the chain."""
        if method == "eth_sendRawTransaction" and self.blocks_later:
            return super().make_request(RPCEndpoint("sandbox_sendLater"), [*params, self.blocks_later])
        return super().make_request(method, params)


class SerialSigner(FacilitatorWeb3Signer):
    """Sends one transaction at a time, with the nonce the chain expects.

    The SDK's signer counts nonces itself and counts one up before it sends: a send that fails leaves a
    gap that only a restart closes. Under one lock the chain's own pending count is always right. Waiting
    for the receipt stays outside of the lock, so many settlements share a block.
    """

    def __init__(self, private_key: str, rpc_url: str) -> None:
        super().__init__(private_key, rpc_url, confirmation_timeout_seconds=CONFIRMATION_TIMEOUT_S)
        self.provider = self._w3.provider = Provider(rpc_url)
        self._sending = threading.Lock()

    def write_contract(self, *args: Any, **kwargs: Any) -> str:
        """Send a contract call, as the SDK does, alone."""
        with self._sending:
            return super().write_contract(*args, **kwargs)

    def wait_for_transaction_receipt(self, tx_hash: str) -> TransactionReceipt:
        """Wait as the SDK does; for a transaction that was put off, not at all."""
        if self.provider.blocks_later:
            raise TimeExhausted(f"{tx_hash} will come later")
        return super().wait_for_transaction_receipt(tx_hash)

    def _reserve_nonce(self) -> int:
        return int(self._w3.eth.get_transaction_count(self._account.address, "pending"))


class Facilitator:
    """The three questions of a facilitator, put to the SDK's synchronous one. Bodies in, documents out."""

    def __init__(self, *, rpc_url: str, chain_id: int) -> None:
        """Settle on one chain with the sandbox's published facilitator key."""
        signer = SerialSigner(keys.FACILITATOR.private_key, rpc_url)
        self._provider = signer.provider
        self._sdk = x402FacilitatorSync()
        # A replay is refused before a transaction is paid for it, and so with an empty transaction.
        self._sdk.register(
            [f"eip155:{chain_id}"],
            ExactEvmFacilitatorScheme(signer, ExactEvmSchemeConfig(simulate_in_settle=True)),
        )
        if chain_id in VERSION_1_NAMES:
            config = ExactEvmSchemeV1Config(simulate_in_settle=True)
            self._sdk.register_v1([VERSION_1_NAMES[chain_id]], ExactEvmSchemeV1(signer, config))
        # The SDK serves every network of a family as soon as one is registered; we serve what we announce.
        self._networks = {str(kind.network) for kind in self._sdk.get_supported().kinds}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="x402")

    def put_off(self, blocks: int) -> None:
        """From now on let transactions be mined so many blocks later, and say that they are pending."""
        self._provider.blocks_later = blocks

    def supported(self) -> Document:
        """Say what is settled here."""
        kinds: Document = self._sdk.get_supported().model_dump(by_alias=True, exclude_none=True)
        return kinds

    async def verify(self, body: bytes | None) -> tuple[int, Document]:
        """Answer whether a payment would settle, with an HTTP status; None is a request too large."""
        status, answer = await self._ask(body, self._sdk.verify, _unverified, "unexpected_verify_error")
        return status, answer | {"invalidMessage": None}

    async def settle(self, body: bytes | None) -> tuple[int, Document]:
        """Settle a payment and say how that went."""
        status, answer = await self._ask(body, self._sdk.settle, _unsettled, "unexpected_settle_error")
        return status, answer | {"errorMessage": None}

    async def _ask(
        self,
        body: bytes | None,
        decide: Callable[[Any, Any], VerifyResponse | SettleResponse],
        refusal: Callable[[str, Any], Document],
        unexpected: str,
    ) -> tuple[int, Document]:
        """Run *decide* in a thread; malformed requests are 400, surprises 500, decisions 200."""
        document: Any = None
        try:
            document = json.loads(body or b"")
            payload = parse_payment_payload(document["paymentPayload"])
            wanted = parse_payment_requirements(payload.x402_version, document["paymentRequirements"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return 400, refusal("invalid_payload", document)
        if str(wanted.network) not in self._networks:
            return 200, refusal("invalid_network", document)
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, decide, payload, wanted)
        except SchemeNotFoundError:
            return 200, refusal("unsupported_scheme", document)
        except (KeyError, ValueError, TypeError, AttributeError):
            # So the SDK meets inner fields of wrong types; from sending on it raises nothing.
            return 400, refusal("invalid_payload", document)
        except Exception:
            _log.exception("the payment could not be decided")
            return 500, refusal(unexpected, document)
        return 200, answer.model_dump(by_alias=True, exclude_none=True)


def _unverified(reason: str, _: Any) -> Document:
    return {"isValid": False, "invalidReason": reason}


def _unsettled(reason: str, document: Any) -> Document:
    network = ""
    if isinstance(document, dict) and isinstance(document.get("paymentRequirements"), dict):
        network = str(document["paymentRequirements"].get("network", ""))
    return {"success": False, "errorReason": reason, "transaction": "", "network": network}
