"""What any chain under the sandbox must answer over JSON-RPC, as tests. Knows no particular node.

The embedded chain runs them in test_chain.py; anvil runs the same ones in tests/accept. A subclass gives
the `chain` fixture: a running node with the test USDC at its address, and with the published accounts
funded.
"""

import itertools

import httpx
import pytest
from web3 import AsyncWeb3, Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound
from web3.types import TxParams

from sidecar.sandbox import keys, token
from tests.plainly import PLAINLY
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.live_chain import NOBODY, PAYER, SENDER, Chain, topic

# Runtime of one instruction that stops, and the code that installs it.
INSTALLS_STOP = "0x600160005360016000f3"

_salts = itertools.count(1)


class RpcContract:
    """The claims; `chain` comes from the subclass."""

    def test_identity(self, chain: Chain) -> None:
        """The node says which chain it is, in each of the ways clients ask."""
        assert chain.get("eth_chainId") == "0x14a34"
        assert chain.get("net_version") == "84532"
        assert chain.get("eth_syncing") is False
        assert chain.get("web3_clientVersion")
        assert chain.web3.is_connected()

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

    def test_log_filters(self, chain: Chain) -> None:
        """No bounds mean the head, and null is any topic."""
        receipt = chain.settle(authorizations.signed(PAYER, value=1, salt=next(_salts)))
        number = hex(receipt["blockNumber"])
        here = {"fromBlock": number, "toBlock": number}
        assert len(chain.get("eth_getLogs", here)) == 2
        assert len(chain.get("eth_getLogs", here | {"topics": [None, topic(PAYER.address)]})) == 2
        assert chain.get("eth_getLogs", here | {"address": NOBODY}) == []
        assert chain.get("eth_getLogs", {"address": NOBODY}) == []

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
        answers = httpx.post(chain.url, json=batch, **PLAINLY).json()
        assert [each["id"] for each in answers] == [0, 1, 2]
        assert ["error" in each for each in answers] == [False, True, False]

    def test_state_of_the_past(self, chain: Chain) -> None:
        """A balance can be read as of an earlier block."""
        before = int(chain.get("eth_blockNumber"), 16)
        held = chain.balance(keys.PAY_TO.address)
        chain.settle(authorizations.signed(PAYER, value=11, salt=next(_salts)))
        assert chain.balance(keys.PAY_TO.address, hex(before)) == held
        assert chain.balance(keys.PAY_TO.address) == held + 11

    def test_mining_on_request(self, chain: Chain) -> None:
        """An empty block can be asked for, and follows its parent."""
        before = chain.get("eth_getBlockByNumber", "latest", False)
        chain.get("evm_mine")
        child = chain.get("eth_getBlockByNumber", hex(int(before["number"], 16) + 1), False)
        assert child["parentHash"] == before["hash"]
        assert chain.get("eth_getBlockByHash", child["hash"], False) == child

    async def test_async_client(self, chain: Chain) -> None:
        """web3's asynchronous client reads the chain too."""
        client = AsyncWeb3(AsyncWeb3.AsyncHTTPProvider(chain.url))
        try:
            assert await client.eth.chain_id == 84532
            assert (await client.eth.get_block("latest"))["number"] >= 0
        finally:
            await client.provider.disconnect()
