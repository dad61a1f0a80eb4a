"""Prove a wallet and read one of its pages: `python examples/sign_in.py URL`; the key is in BUYER_KEY.

URL is /__402/credits, /__402/statement or /__402/receipts/{call} of a sidecar. Asks once, signs what the
401 asks for (EIP-4361 text, EIP-191 signature), and asks again with SIGN-IN-WITH-X. Needs
`pip install httpx eth-account`.
"""

import base64
import json
import os
import sys

import httpx
from eth_account import Account
from eth_account.messages import encode_defunct

account = Account.from_key(os.environ["BUYER_KEY"])
page = sys.argv[1]

asked = httpx.get(page, trust_env=False).json()["extensions"]["sign-in-with-x"]
info, chain = asked["info"], asked["supportedChains"][0]
text = f"""\
{info["domain"]} wants you to sign in with your Ethereum account:
{account.address}

{info["statement"]}

URI: {info["uri"]}
Version: {info["version"]}
Chain ID: {chain["chainId"].removeprefix("eip155:")}
Nonce: {info["nonce"]}
Issued At: {info["issuedAt"]}
Expiration Time: {info["expirationTime"]}
Resources:
- {info["resources"][0]}"""
signature = account.sign_message(encode_defunct(text=text)).signature
proof = info | chain | {"address": account.address, "signature": "0x" + bytes(signature).hex()}
header = base64.b64encode(json.dumps(proof).encode()).decode()

print(httpx.get(page, headers={"SIGN-IN-WITH-X": header}, trust_env=False).text)
