"""A wallet that opens our pages: it signs what a 401 asks for."""

import httpx
from eth_account import Account

from sidecar.sandbox.keys import TestAccount
from tests.scenarios.stand import Running
from tests.sidecar.signing_in import a_proof, proof_header


def proof(running: Running, account: TestAccount, path: str) -> dict[str, str]:
    """Ask for one of our pages and return the header that proves *account*, good for one time."""
    asked = running.send(path, method="GET").json()["extensions"]["sign-in-with-x"]
    return {"SIGN-IN-WITH-X": proof_header(a_proof(asked, Account.from_key(account.private_key))).decode()}


def opened(running: Running, account: TestAccount, path: str) -> httpx.Response:
    """Open one of our pages as *account*."""
    return running.send(path, method="GET", headers=proof(running, account, path))
