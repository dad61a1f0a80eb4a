"""A standard x402 facilitator over HTTP, made of the official SDK's classes. Knows no sidecar.

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

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from x402 import x402FacilitatorSync
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import ExactEvmFacilitatorScheme, ExactEvmSchemeConfig
from x402.mechanisms.evm.exact.v1.facilitator import ExactEvmSchemeV1, ExactEvmSchemeV1Config
from x402.schemas import SchemeNotFoundError, SettleResponse, VerifyResponse
from x402.schemas.helpers import parse_payment_payload, parse_payment_requirements

from sidecar.sandbox import keys
from sidecar.sandbox.child import Service

THREADS: Final = 16
BODY_MAX: Final = 64 * 1024
CONFIRMATION_TIMEOUT_S: Final = 30
VERSION_1_NAMES: Final = {84532: "base-sepolia", 8453: "base"}

_log = logging.getLogger(__name__)
# The SDK logs every refused payment, with tracebacks for nonsense; refusals are our daily business.
logging.getLogger("x402").setLevel(logging.CRITICAL)


class SerialSigner(FacilitatorWeb3Signer):
    """Sends one transaction at a time, with the nonce the chain expects.

    The SDK's signer counts nonces itself and counts one up before it sends: a send that fails leaves a
    gap that only a restart closes. Under one lock the chain's own pending count is always right. Waiting
    for the receipt stays outside of the lock, so many settlements share a block.
    """

    def __init__(self, private_key: str, rpc_url: str) -> None:
        super().__init__(private_key, rpc_url, confirmation_timeout_seconds=CONFIRMATION_TIMEOUT_S)
        self._sending = threading.Lock()

    def write_contract(self, *args: Any, **kwargs: Any) -> str:
        """Send a contract call, as the SDK does, alone."""
        with self._sending:
            return super().write_contract(*args, **kwargs)

    def _reserve_nonce(self) -> int:
        return int(self._w3.eth.get_transaction_count(self._account.address, "pending"))


def service(*, rpc_url: str, chain_id: int) -> Service:
    """Build the facilitator for one chain, with the sandbox's published facilitator key."""
    signer = SerialSigner(keys.FACILITATOR.private_key, rpc_url)
    sdk = x402FacilitatorSync()
    # A replay is refused before a transaction is paid for it, and so with an empty transaction.
    sdk.register(
        [f"eip155:{chain_id}"],
        ExactEvmFacilitatorScheme(signer, ExactEvmSchemeConfig(simulate_in_settle=True)),
    )
    if chain_id in VERSION_1_NAMES:
        config = ExactEvmSchemeV1Config(simulate_in_settle=True)
        sdk.register_v1([VERSION_1_NAMES[chain_id]], ExactEvmSchemeV1(signer, config))
    return Service(app=Facilitator(sdk).app())


class Facilitator:
    """The three endpoints of a facilitator around the SDK's synchronous one."""

    def __init__(self, sdk: x402FacilitatorSync) -> None:
        self._sdk = sdk
        # The SDK serves every network of a family as soon as one is registered; we serve what we announce.
        self._networks = {str(kind.network) for kind in sdk.get_supported().kinds}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="x402")

    def app(self) -> Starlette:
        """Give the ASGI app."""
        return Starlette(
            routes=[
                Route("/supported", self._supported, methods=["GET"]),
                Route("/verify", self._verify, methods=["POST"]),
                Route("/settle", self._settle, methods=["POST"]),
            ]
        )

    async def _supported(self, _: Request) -> Response:
        return _json(200, self._sdk.get_supported().model_dump(by_alias=True, exclude_none=True))

    async def _verify(self, request: Request) -> Response:
        status, answer = await self._ask(request, self._sdk.verify, _unverified, "unexpected_verify_error")
        return _json(status, answer | {"invalidMessage": None})

    async def _settle(self, request: Request) -> Response:
        status, answer = await self._ask(request, self._sdk.settle, _unsettled, "unexpected_settle_error")
        return _json(status, answer | {"errorMessage": None})

    async def _ask(
        self,
        request: Request,
        decide: Callable[[Any, Any], VerifyResponse | SettleResponse],
        refusal: Callable[[str, Any], dict[str, Any]],
        unexpected: str,
    ) -> tuple[int, dict[str, Any]]:
        """Run *decide* in a thread; malformed requests are 400, surprises 500, decisions 200."""
        document: Any = None
        try:
            document = json.loads(await _body(request))
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


def _unverified(reason: str, _: Any) -> dict[str, Any]:
    return {"isValid": False, "invalidReason": reason}


def _unsettled(reason: str, document: Any) -> dict[str, Any]:
    network = ""
    if isinstance(document, dict) and isinstance(document.get("paymentRequirements"), dict):
        network = str(document["paymentRequirements"].get("network", ""))
    return {"success": False, "errorReason": reason, "transaction": "", "network": network}


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise ValueError("request too large")
    return body


def _json(status: int, document: dict[str, Any]) -> Response:
    return JSONResponse({name: value for name, value in document.items() if value is not None}, status)
