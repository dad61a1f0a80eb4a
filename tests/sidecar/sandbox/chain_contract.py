"""What any chain under the sandbox must do, as tests over its RPC URL. Knows no particular node.

The embedded chain runs them in test_chain.py; anvil runs the same ones in tests/accept. A subclass gives
the `chain` fixture: a running node with the test USDC at its address, and with the published accounts
funded.
"""

import itertools
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
import pytest
from eth_account import Account
from web3 import AsyncWeb3, Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound
from web3.types import TxParams, TxReceipt

from sidecar.sandbox import keys, token
from tests.sidecar.sandbox import authorizations

TRANSFER = Web3.keccak(text="Transfer(address,address,uint256)").to_0x_hex()
USED = Web3.keccak(text="AuthorizationUsed(address,bytes32)").to_0x_hex()
PAYER, SENDER = keys.BUYERS[3], keys.BUYERS[4]
NOBODY = "0x" + "00" * 19 + "99"
# Runtime of one instruction that stops, and the code that installs it.
INSTALLS_STOP = "0x600160005360016000f3"

_salts = itertools.count(1)
_client = httpx.Client()  # one for all: making one costs more than most of the calls


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


class ChainContract:
    """The claims; `chain` comes from the subclass."""

    def test_identity(self, chain: Chain) -> None:
        """The node says which chain it is, in each of the ways clients ask."""
        assert chain.get("eth_chainId") == "0x14a34"
        assert chain.get("net_version") == "84532"
        assert chain.get("eth_syncing") is False
        assert chain.get("web3_clientVersion")
        assert chain.web3.is_connected()

    def test_token_is_at_its_address(self, chain: Chain) -> None:
        """The test USDC has code, name, version, decimals and a domain of this chain and address."""
        usdc = chain.web3.eth.contract(address=token.ADDRESS, abi=token.abi())  # type: ignore[call-overload]
        assert bytes(chain.web3.eth.get_code(usdc.address)) == token.runtime()
        assert usdc.functions.name().call() == token.NAME
        assert usdc.functions.version().call() == token.VERSION
        assert usdc.functions.decimals().call() == token.DECIMALS
        assert usdc.functions.DOMAIN_SEPARATOR().call() == authorizations.domain_separator()
        assert usdc.functions.totalSupply().call() == sum(keys.tokens().values())
        slot = hex(token.balance_slot(PAYER.address))
        held = usdc.functions.balanceOf(PAYER.address).call()
        assert int(chain.get("eth_getStorageAt", token.ADDRESS, slot, "latest"), 16) == held > 0

    @pytest.mark.parametrize("kind", ["legacy", "dynamic"])
    def test_plain_transfer(self, chain: Chain, kind: str) -> None:
        """A native transfer is mined, and its receipt, transaction and block tell one story."""
        web3 = chain.web3
        fields: TxParams = {"to": Web3.to_checksum_address(NOBODY), "value": Web3.to_wei(5, "wei")}
        if kind == "dynamic":
            tip = web3.eth.max_priority_fee
            fields["maxPriorityFeePerGas"] = tip
            base_fee = web3.eth.get_block("pending")["baseFeePerGas"]
            fields["maxFeePerGas"] = Web3.to_wei(2 * base_fee + tip, "wei")
        before = web3.eth.get_balance(Web3.to_checksum_address(NOBODY))
        gas = web3.eth.estimate_gas(fields | {"from": SENDER.address})
        receipt = chain.mined(chain.send(SENDER, **fields, gas=gas))
        mined = web3.eth.get_transaction(receipt["transactionHash"])
        block = web3.eth.get_block(receipt["blockNumber"], full_transactions=True)

        assert (receipt["status"], receipt["gasUsed"], gas) == (1, 21_000, 21_000)
        assert receipt["type"] == mined["type"] == (2 if kind == "dynamic" else 0)
        assert receipt["effectiveGasPrice"] == mined["gasPrice"] >= block["baseFeePerGas"]
        assert receipt["contractAddress"] is None
        assert receipt["blockHash"] == mined["blockHash"] == block["hash"]
        assert mined["from"] == receipt["from"] == SENDER.address
        hashes = [each["hash"] for each in block["transactions"] if not isinstance(each, bytes)]
        assert mined["hash"] in hashes
        assert web3.eth.get_balance(Web3.to_checksum_address(NOBODY)) == before + 5

    def test_contract_creation(self, chain: Chain) -> None:
        """A transaction without a recipient creates a contract where the receipt says."""
        estimated = int(chain.get("eth_estimateGas", {"from": SENDER.address, "data": INSTALLS_STOP}), 16)
        receipt = chain.mined(chain.send(SENDER, data=INSTALLS_STOP, gas=estimated))
        created = receipt["contractAddress"]
        assert created is not None
        assert receipt["status"] == 1
        assert receipt.get("to") is None
        assert bytes(chain.web3.eth.get_code(created)) == b"\x01"

    def test_what_does_not_exist_is_null(self, chain: Chain) -> None:
        """Unknown hashes and numbers answer null, which web3 turns into its not-found errors."""
        unknown = "0x" + "ab" * 32
        assert chain.get("eth_getTransactionByHash", unknown) is None
        assert chain.get("eth_getTransactionReceipt", unknown) is None
        assert chain.get("eth_getBlockByHash", unknown, False) is None
        assert chain.get("eth_getBlockByNumber", "0xffffffff", False) is None
        assert chain.get("eth_getBlockReceipts", "0xffffffff") is None
        with pytest.raises(TransactionNotFound):
            chain.web3.eth.get_transaction_receipt(unknown)  # type: ignore[arg-type]
        with pytest.raises(BlockNotFound):
            chain.web3.eth.get_block(0xFFFFFFFF)

    def test_errors_have_codes(self, chain: Chain) -> None:
        """A wrong method is -32601, wrong parameters are -32602, and a state not yet there is an error."""
        assert chain.error("eth_noSuchMethod")["code"] == -32601
        assert chain.error("eth_getBalance", "0x12", "latest")["code"] == -32602
        assert chain.error("eth_call", {"to": token.ADDRESS, "data": "0x"}, "0xffffffff")["code"] < 0

    def test_reverts_carry_their_reason(self, chain: Chain) -> None:
        """A refused call is error 3 with the reason in the message and in the data; web3 understands it."""
        usdc = chain.web3.eth.contract(address=token.ADDRESS, abi=token.abi())  # type: ignore[call-overload]
        transfer = usdc.functions.transfer(SENDER.address, 5)
        with pytest.raises(ContractLogicError, match="transfer amount exceeds balance"):
            transfer.call({"from": NOBODY})
        with pytest.raises(ContractLogicError, match="transfer amount exceeds balance"):
            transfer.estimate_gas({"from": NOBODY})
        call = {"from": NOBODY, "to": token.ADDRESS, "data": transfer._encode_transaction_data()}
        error = chain.error("eth_call", call, "latest")
        assert error["code"] == 3
        assert error["message"].startswith("execution reverted")
        assert error["data"].startswith("0x08c379a0")
        by_input = {"from": NOBODY, "to": token.ADDRESS, "input": call["data"]}
        assert chain.error("eth_call", by_input, "latest") == error

    @pytest.mark.parametrize("form", ["vrs", "bytes"])
    def test_authorization_settles_and_is_found_by_its_logs(self, chain: Chain, form: str) -> None:
        """An EIP-3009 transfer moves the money and leaves Transfer and AuthorizationUsed where asked for."""
        authorization = authorizations.signed(PAYER, value=1_234, salt=next(_salts), form=form)
        before = _balance(chain, keys.PAY_TO.address)
        receipt = chain.settle(authorization)
        assert receipt["status"] == 1
        assert _balance(chain, keys.PAY_TO.address) == before + 1_234

        payer, payee = _topic(PAYER.address), _topic(keys.PAY_TO.address)
        nonce = "0x" + authorization.nonce.hex()
        span = {"address": token.ADDRESS, "fromBlock": "earliest", "toBlock": "latest"}
        used = chain.get("eth_getLogs", span | {"topics": [USED, payer, nonce]})
        moved = chain.get(
            "eth_getLogs",
            {"address": [token.ADDRESS.lower(), NOBODY], "blockHash": receipt["blockHash"].to_0x_hex()}
            | {"topics": [[TRANSFER, USED], payer, [payee]]},
        )
        other = chain.get("eth_getLogs", span | {"topics": [USED, payee]})
        assert [log["topics"] for log in used] == [[USED, payer, nonce]]
        assert [int(log["data"], 16) for log in moved] == [1_234]
        assert other == []
        for log, index in ((used[0], "0x0"), (moved[0], "0x1")):
            assert log["transactionHash"] == receipt["transactionHash"].to_0x_hex()
            assert log["blockNumber"] == hex(receipt["blockNumber"])
            assert (log["logIndex"], log["removed"]) == (index, False)

    def test_log_filters(self, chain: Chain) -> None:
        """No bounds mean the head, and null is any topic."""
        receipt = chain.settle(authorizations.signed(PAYER, value=1, salt=next(_salts)))
        number = hex(receipt["blockNumber"])
        here = {"fromBlock": number, "toBlock": number}
        assert len(chain.get("eth_getLogs", here)) == 2
        assert len(chain.get("eth_getLogs", here | {"topics": [None, _topic(PAYER.address)]})) == 2
        assert chain.get("eth_getLogs", here | {"address": NOBODY}) == []
        assert chain.get("eth_getLogs", {"address": NOBODY}) == []

    @pytest.mark.parametrize("form", ["vrs", "bytes"])
    def test_replay_is_refused(self, chain: Chain, form: str) -> None:
        """A used authorization reverts, simulated or sent, and its state says used."""
        authorization = authorizations.signed(PAYER, value=7, salt=next(_salts), form=form)
        assert not _used(chain, authorization)
        assert chain.settle(authorization)["status"] == 1
        assert _used(chain, authorization)
        assert "authorization is used or canceled" in _refusal(chain, authorization)
        assert chain.settle(authorization)["status"] == 0

    def test_canceled_authorization_is_refused(self, chain: Chain) -> None:
        """A canceled nonce can never pay; cancelling it again is refused too."""
        authorization = authorizations.signed(PAYER, value=7, salt=next(_salts))
        canceling = authorizations.cancelation(PAYER, authorization.nonce)
        assert chain.mined(chain.send(SENDER, to=token.ADDRESS, data=canceling))["status"] == 1
        assert "authorization is used or canceled" in _refusal(chain, authorization)
        again = {"from": SENDER.address, "to": token.ADDRESS, "data": canceling}
        assert "used or canceled" in chain.error("eth_call", again, "latest")["message"]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"valid_before": 1}, "authorization is expired"),
            ({"valid_after": 2**63}, "authorization is not yet valid"),
            ({"value": 2**200}, "transfer amount exceeds balance"),
            ({"flaw": "signer"}, "invalid signature"),
            ({"flaw": "high s"}, "invalid signature 's' value"),
            ({"flaw": "v"}, "invalid signature 'v' value"),
            ({"flaw": "length", "form": "bytes"}, "invalid signature length"),
            ({"function": "receiveWithAuthorization"}, "caller must be the payee"),
            ({"function": "receiveWithAuthorization", "form": "bytes"}, "caller must be the payee"),
        ],
    )
    def test_hostile_authorizations(self, chain: Chain, changes: dict[str, Any], reason: str) -> None:
        """Each flaw of an authorization is refused in FiatToken's words, which facilitators read."""
        whole = {"value": 5, "salt": next(_salts)} | changes
        assert reason in _refusal(chain, authorizations.signed(PAYER, **whole))

    def test_calldata_suffix_is_ignored(self, chain: Chain) -> None:
        """Bytes after the arguments, as attribution appends them, change nothing."""
        for form in ("vrs", "bytes"):
            authorization = authorizations.signed(PAYER, value=3, salt=next(_salts), form=form)
            data = authorization.calldata() + "8021" * 9
            assert chain.mined(chain.send(SENDER, to=token.ADDRESS, data=data))["status"] == 1

    def test_nonce_gaps_are_filled(self, chain: Chain) -> None:
        """Transactions that arrive out of order wait for the missing one and are then mined in order."""
        nonce = chain.nonce(SENDER)
        late = chain.signed(SENDER, to=NOBODY, nonce=nonce)
        early = chain.send(SENDER, to=NOBODY, nonce=nonce + 1)
        assert chain.nonce(SENDER) == nonce
        assert chain.get("eth_getTransactionReceipt", early) is None
        assert chain.get("eth_getTransactionByHash", early)["blockHash"] is None
        first = chain.mined(chain.get("eth_sendRawTransaction", late))
        second = chain.mined(early)
        place = ("blockNumber", "transactionIndex")
        assert [first[key] for key in place] < [second[key] for key in place]  # type: ignore[literal-required]
        assert chain.nonce(SENDER) == nonce + 2

    def test_transactions_are_checked_before_they_wait(self, chain: Chain) -> None:
        """Used nonces, nonsense, empty purses and too little gas are refused at the door."""
        send = "eth_sendRawTransaction"
        chain.mined(chain.send(SENDER, to=NOBODY))
        old = chain.signed(SENDER, to=NOBODY, nonce=0)
        poor = chain.signed(keys.PENNILESS, to=NOBODY)
        starved = chain.signed(SENDER, to=NOBODY, gas=20_999)
        assert "nonce too low" in chain.error(send, old)["message"].lower()
        assert "insufficient funds" in chain.error(send, poor)["message"].lower()
        assert "intrinsic gas" in chain.error(send, starved)["message"].lower()
        assert chain.error(send, "0x1234")["code"] < 0

    def test_fees(self, chain: Chain) -> None:
        """The suggested price pays for the next block, and the fee history has one more base fee."""
        price = int(chain.get("eth_gasPrice"), 16)
        history = chain.web3.eth.fee_history(2, "latest", [50])
        assert len(history["baseFeePerGas"]) == len(history["gasUsedRatio"]) + 1 == len(history["reward"]) + 1
        assert price >= history["baseFeePerGas"][-1]

    def test_block_receipts(self, chain: Chain) -> None:
        """A block's receipts are those of its transactions, gas counted up through the block."""
        receipt = chain.settle(authorizations.signed(PAYER, value=1, salt=next(_salts)))
        receipts = chain.get("eth_getBlockReceipts", hex(receipt["blockNumber"]))
        block = chain.get("eth_getBlockByNumber", hex(receipt["blockNumber"]), False)
        alone = [chain.get("eth_getTransactionReceipt", each) for each in block["transactions"]]
        assert receipts == alone
        assert receipts[-1]["cumulativeGasUsed"] == block["gasUsed"]
        assert int(block["gasUsed"], 16) == sum(int(each["gasUsed"], 16) for each in receipts)

    def test_batches_keep_their_order(self, chain: Chain) -> None:
        """Every request of a batch is answered under its own id, failures beside successes."""
        methods = ("eth_chainId", "eth_noSuchMethod", "eth_blockNumber")
        batch = [{"jsonrpc": "2.0", "id": n, "method": m, "params": []} for n, m in enumerate(methods)]
        answers = httpx.post(chain.url, json=batch).json()
        assert [each["id"] for each in answers] == [0, 1, 2]
        assert ["error" in each for each in answers] == [False, True, False]

    def test_state_of_the_past(self, chain: Chain) -> None:
        """A balance can be read as of an earlier block."""
        before = int(chain.get("eth_blockNumber"), 16)
        held = _balance(chain, keys.PAY_TO.address)
        chain.settle(authorizations.signed(PAYER, value=11, salt=next(_salts)))
        assert _balance(chain, keys.PAY_TO.address, hex(before)) == held
        assert _balance(chain, keys.PAY_TO.address) == held + 11

    def test_mining_on_request(self, chain: Chain) -> None:
        """An empty block can be asked for, and follows its parent."""
        before = chain.get("eth_getBlockByNumber", "latest", False)
        chain.get("evm_mine")
        child = chain.get("eth_getBlockByNumber", hex(int(before["number"], 16) + 1), False)
        assert child["parentHash"] == before["hash"]
        assert chain.get("eth_getBlockByHash", child["hash"], False) == child

    def test_authorization_signed_now_is_valid_now(self, chain: Chain) -> None:
        """What becomes valid this second can be simulated this second, even if no block came since."""
        authorization = authorizations.signed(
            PAYER, value=1, salt=next(_salts), valid_after=int(time.time()) - 1
        )
        assert _refusal(chain, authorization) == ""

    async def test_async_client(self, chain: Chain) -> None:
        """web3's asynchronous client reads the chain too."""
        client = AsyncWeb3(AsyncWeb3.AsyncHTTPProvider(chain.url))
        try:
            assert await client.eth.chain_id == 84532
            assert (await client.eth.get_block("latest"))["number"] >= 0
        finally:
            await client.provider.disconnect()


def _topic(address: str) -> str:
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")


def _balance(chain: Chain, address: str, block: str = "latest") -> int:
    data = "0x70a08231" + _topic(address)[2:]
    return int(chain.get("eth_call", {"to": token.ADDRESS, "data": data}, block), 16)


def _used(chain: Chain, authorization: authorizations.Authorization) -> bool:
    usdc = chain.web3.eth.contract(address=token.ADDRESS, abi=token.abi())  # type: ignore[call-overload]
    return bool(usdc.functions.authorizationState(PAYER.address, authorization.nonce).call())


def _refusal(chain: Chain, authorization: authorizations.Authorization) -> str:
    call = {"from": SENDER.address, "to": token.ADDRESS, "data": authorization.calldata()}
    answer = chain.ask("eth_call", call, "latest")
    return str(answer["error"]["message"]) if "error" in answer else ""
