"""A chain under test, reached by its RPC URL alone: raw JSON-RPC and web3 side by side."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from eth_account import Account
from web3 import Web3
from web3.types import TxReceipt

from sidecar.sandbox import keys, token
from tests.plainly import PLAINLY
from tests.sidecar.sandbox import authorizations

PAYER, SENDER = keys.BUYERS[3], keys.BUYERS[4]
NOBODY = "0x" + "00" * 19 + "99"
_TRANSFER = "0xa9059cbb"

_client = httpx.Client(timeout=60, **PLAINLY)  # one for all: making one costs more than most of the calls


@dataclass(frozen=True)
class Chain:
    """A node under test: raw JSON-RPC and web3 on the same URL."""

    url: str

    @cached_property
    def web3(self) -> Web3:
        return Web3(Web3.HTTPProvider(self.url))

    def ask(self, method: str, *params: Any) -> dict[str, Any]:
        """Return the whole JSON-RPC answer."""
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer: dict[str, Any] = _client.post(self.url, json=body).json()
        return answer

    def get(self, method: str, *params: Any) -> Any:
        """Return the result; an error fails the test."""
        answer = self.ask(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, *params: Any) -> dict[str, Any]:
        """Return the error; a result fails the test."""
        answer = self.ask(method, *params)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def nonce(self, account: keys.TestAccount) -> int:
        """Return the account's next nonce, waiting transactions counted."""
        return int(self.get("eth_getTransactionCount", account.address, "pending"), 16)

    def send(self, account: keys.TestAccount, **fields: Any) -> str:
        """Sign and send a legacy transaction as the SDK's facilitator does; return its hash."""
        return str(self.get("eth_sendRawTransaction", self.signed(account, **fields)))

    def signed(self, account: keys.TestAccount, **fields: Any) -> str:
        """Sign a transaction without sending it."""
        whole = {"nonce": self.nonce(account), "gas": 500_000, "value": 0, "chainId": 84532} | fields
        if "maxFeePerGas" not in whole:
            whole.setdefault("gasPrice", int(self.get("eth_gasPrice"), 16))
        return str(Account.from_key(account.private_key).sign_transaction(whole).raw_transaction.to_0x_hex())

    def mined(self, transaction_hash: str) -> TxReceipt:
        """Wait for the receipt."""
        return self.web3.eth.wait_for_transaction_receipt(transaction_hash, timeout=10)  # type: ignore[arg-type]

    def settle(self, authorization: authorizations.Authorization) -> TxReceipt:
        """Send transferWithAuthorization from the sender's account and wait."""
        return self.mined(self.send(SENDER, to=token.ADDRESS, data=authorization.calldata()))

    def give(self, owner: keys.TestAccount, to: str, units: int) -> None:
        """Move tokens by a plain transfer, without any authorization."""
        data = _TRANSFER + topic(to)[2:] + f"{units:064x}"
        assert self.mined(self.send(owner, to=token.ADDRESS, data=data))["status"] == 1

    def balance(self, address: str, block: str = "latest") -> int:
        """Read a token balance."""
        call = {"to": token.ADDRESS, "data": "0x70a08231" + topic(address)[2:]}
        return int(self.get("eth_call", call, block), 16)


def topic(address: str) -> str:
    """Write an address as a log topic or an argument."""
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")
