"""What the test USDC must do on any chain, as tests over RPC. Knows no particular node.

As with the RPC contract, a subclass gives the `chain` fixture.
"""

import itertools
import time
from typing import Any

import pytest
from web3 import Web3

from sidecar.sandbox import keys, token
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.live_chain import NOBODY, PAYER, SENDER, Chain, topic

TRANSFER = Web3.keccak(text="Transfer(address,address,uint256)").to_0x_hex()
USED = Web3.keccak(text="AuthorizationUsed(address,bytes32)").to_0x_hex()

_salts = itertools.count(1_000_001)


class TokenContract:
    """The claims; `chain` comes from the subclass."""

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

    @pytest.mark.parametrize("form", ["vrs", "bytes"])
    def test_authorization_settles_and_is_found_by_its_logs(self, chain: Chain, form: str) -> None:
        """An EIP-3009 transfer moves the money and leaves Transfer and AuthorizationUsed where asked for."""
        authorization = authorizations.signed(PAYER, value=1_234, salt=next(_salts), form=form)
        before = chain.balance(keys.PAY_TO.address)
        receipt = chain.settle(authorization)
        assert receipt["status"] == 1
        assert chain.balance(keys.PAY_TO.address) == before + 1_234

        payer, payee = topic(PAYER.address), topic(keys.PAY_TO.address)
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

    def test_authorization_signed_now_is_valid_now(self, chain: Chain) -> None:
        """What becomes valid this second can be simulated this second, even if no block came since."""
        authorization = authorizations.signed(
            PAYER, value=1, salt=next(_salts), valid_after=int(time.time()) - 1
        )
        assert _refusal(chain, authorization) == ""


def _used(chain: Chain, authorization: authorizations.Authorization) -> bool:
    usdc = chain.web3.eth.contract(address=token.ADDRESS, abi=token.abi())  # type: ignore[call-overload]
    return bool(usdc.functions.authorizationState(PAYER.address, authorization.nonce).call())


def _refusal(chain: Chain, authorization: authorizations.Authorization) -> str:
    call = {"from": SENDER.address, "to": token.ADDRESS, "data": authorization.calldata()}
    answer = chain.ask("eth_call", call, "latest")
    return str(answer["error"]["message"]) if "error" in answer else ""
