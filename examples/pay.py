"""Pay for one call with the official x402 client: `python examples/pay.py URL [JSON]`, its key in BUYER_KEY.

With a JSON document it posts that, without one it gets. Needs `pip install "x402[evm,httpx]"`.
"""

import asyncio
import base64
import json
import os
import sys

from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import wrapHttpxWithPayment
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner


async def main(url: str, document: str | None = None) -> None:
    """Ask, pay what the 402 asks for, and show the answer with its receipt."""
    client = x402Client()
    register_exact_evm_client(client, EthAccountSigner(Account.from_key(os.environ["BUYER_KEY"])))
    async with wrapHttpxWithPayment(client, timeout=60) as http:
        if document is None:
            answer = await http.get(url)
        else:
            answer = await http.post(url, content=document, headers={"Content-Type": "application/json"})
    print(answer.status_code, answer.text.partition("\n")[0])
    if "payment-response" in answer.headers:
        receipt = json.loads(base64.b64decode(answer.headers["payment-response"]))
        if receipt["success"]:
            print("paid in", receipt["transaction"] or "credit: nothing moved on chain")


asyncio.run(main(*sys.argv[1:]))
