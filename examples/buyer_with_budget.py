"""A buyer's agent with a budget: `python buyer_with_budget.py URL BUDGET_USD [CALLS]`, its key in BUYER_KEY.

It pays with the official x402 client, never more than its budget, and behaves where money could be lost:
told to come again, it comes with the payment it has made and signs no second one for the same call.
Needs `pip install "x402[evm,httpx]"`.
"""

import asyncio
import base64
import json
import os
import sys
from decimal import Decimal

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import x402AsyncTransport
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner

UNITS_PER_USD = 10**6
TRIES = 30


class Wallet(httpx.AsyncHTTPTransport):
    """The way to the seller; keeps the payment that was last made, and what all of them come to."""

    def __init__(self, budget_units: int) -> None:
        super().__init__()
        self.left = budget_units
        self.payment = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, unless its payment is more than is left."""
        header = request.headers.get("PAYMENT-SIGNATURE", "")
        if header and header != self.payment:
            units = int(json.loads(base64.b64decode(header))["accepted"]["amount"])
            if units > self.left:
                raise SystemExit(f"stopped: {units} units would be more than the {self.left} left")
            self.left -= units
            self.payment = header
        return await super().handle_async_request(request)


async def buy(wallet: Wallet, url: str) -> httpx.Response:
    """Buy one call. A 503 after paying is not an end: the same payment is shown again."""
    client = x402Client()
    register_exact_evm_client(client, EthAccountSigner(Account.from_key(os.environ["BUYER_KEY"])))
    wallet.payment = ""
    async with httpx.AsyncClient(transport=x402AsyncTransport(client, wallet), timeout=60) as http:
        answer = await http.get(url)
        for _ in range(TRIES):
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not wallet.payment:
                break
            await asyncio.sleep(int(answer.headers.get("retry-after", "1")))
            answer = await http.get(url, headers={"PAYMENT-SIGNATURE": wallet.payment})
    return answer


async def main(url: str, budget: str, calls: int) -> None:
    """Buy *calls* calls, and say what they came to."""
    wallet = Wallet(int(Decimal(budget) * UNITS_PER_USD))
    for _ in range(calls):
        answer = await buy(wallet, url)
        print(answer.status_code, answer.headers.get("sidecar-call-id", ""), f"left {wallet.left} units")


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1))
