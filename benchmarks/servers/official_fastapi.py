"""The official FastAPI middleware in front of a handler in the same process: it has no proxying to do.

`--no-sniffio` hides that package, without which its HTTP client is slower.
"""

import json
import sys
from typing import Any

if "--no-sniffio" in sys.argv:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

import uvicorn
from fastapi import FastAPI, Request
from x402 import x402ResourceServer
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.middleware.fastapi import payment_middleware
from x402.mechanisms.evm.exact import ExactEvmServerScheme

from benchmarks.neighbours import COMPLETION
from benchmarks.payments import NETWORK, PAY_TO


def app(facilitator: str) -> FastAPI:
    """Give the ASGI app."""
    found = FastAPI()
    server = x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=facilitator)))
    scheme: Any = ExactEvmServerScheme
    server.register(NETWORK, scheme())
    accepts = {"scheme": "exact", "payTo": PAY_TO, "price": "$0.001", "network": NETWORK}
    routes: Any = {"POST /paid": {"accepts": accepts}}
    paying = payment_middleware(routes, server)
    answer = json.loads(COMPLETION)

    @found.middleware("http")
    async def pay(request: Request, call_next: Any) -> Any:
        return await paying(request, call_next)

    @found.post("/paid")
    async def paid() -> Any:
        return answer

    return found


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
