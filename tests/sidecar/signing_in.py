"""A buyer that proves its wallet: asks a page, signs what the 401 asks for, and asks again.

The text is written here as EIP-4361 has it, and signed by eth_account: nothing of ours is used.
"""

import base64
import json
from typing import Any

from eth_account.messages import encode_defunct

from tests.sidecar.fakes import Buyer
from tests.sidecar.stall import Stall
from tests.sidecar.x402.signing import WALLET

LABELS = {
    "uri": "URI",
    "version": "Version",
    "chainId": "Chain ID",
    "nonce": "Nonce",
    "issuedAt": "Issued At",
    "expirationTime": "Expiration Time",
    "notBefore": "Not Before",
    "requestId": "Request ID",
}


def text_of(members: dict[str, Any], address: str) -> str:
    """The message of EIP-4361 for what was asked."""
    lines = [f"{members['domain']} wants you to sign in with your Ethereum account:", address, ""]
    lines += [members["statement"], ""] if "statement" in members else [""]
    shown = {**members, "chainId": members["chainId"].rpartition(":")[2]}
    lines += [f"{label}: {shown[name]}" for name, label in LABELS.items() if name in shown]
    if "resources" in members:
        lines += ["Resources:", *(f"- {resource}" for resource in members["resources"])]
    return "\n".join(lines)


def a_proof(
    challenge: dict[str, Any], wallet: Any = WALLET, *, chain: Any = None, **changes: Any
) -> dict[str, Any]:
    """What *wallet* sends for a challenge, as the members on the wire; *changes* are signed, None leaves out.

    A changed `address` is what is sent, and not what is signed. The chain is the first one unless told.
    """
    chain = chain or challenge["supportedChains"][0]
    sent = {**challenge["info"], "chainId": chain["chainId"], "address": wallet.address, **changes}
    members = {name: value for name, value in sent.items() if value is not None}
    signature: bytes = wallet.sign_message(encode_defunct(text=text_of(members, wallet.address))).signature
    return {**members, "type": "eip191", "signature": "0x" + bytes(signature).hex()}


def proof_header(proof: dict[str, Any]) -> bytes:
    """The value of SIGN-IN-WITH-X."""
    return base64.b64encode(json.dumps(proof).encode())


async def challenged(stall: Stall, target: bytes, method: str = "GET") -> dict[str, Any]:
    """Ask a page without a proof and return the challenge of its 401."""
    refused = await stall.answer(method, target)
    assert refused.status == 401
    challenge: dict[str, Any] = refused.document()["extensions"]["sign-in-with-x"]
    return challenge


async def signed_in(stall: Stall, target: bytes, wallet: Any = WALLET, **changes: Any) -> Buyer:
    """Ask a page as *wallet*."""
    proof = a_proof(await challenged(stall, target), wallet, **changes)
    return await stall.answer("GET", target, [(b"sign-in-with-x", proof_header(proof))])
