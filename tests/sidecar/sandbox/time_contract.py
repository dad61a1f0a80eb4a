"""How a chain's time is moved, as tests over RPC; the names and the answers are anvil's.

As with the other contracts a subclass gives the `chain` fixture. It must not be a chain that others use:
time never goes back.
"""

from sidecar.sandbox import token
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.live_chain import PAYER, Chain


class TimeContract:
    """The claims; `chain` comes from the subclass."""

    def test_time_moves_on_when_told(self, chain: Chain) -> None:
        """The next block is so much later, and the answer says how far ahead the chain is in all."""
        started = _time(chain)
        ahead = chain.get("evm_increaseTime", 1_000)
        assert chain.get("evm_increaseTime", "0x10") == ahead + 16
        chain.get("evm_mine")
        assert 1_016 <= _time(chain) - started <= 1_046

    def test_a_block_gets_the_time_that_was_set_for_it(self, chain: Chain) -> None:
        """Exactly that one, and the chain goes on from there."""
        at_s = _time(chain) + 5_000
        assert chain.get("evm_setNextBlockTimestamp", at_s) is None
        chain.get("evm_mine")
        assert _time(chain) == at_s
        chain.get("evm_mine")
        assert at_s <= _time(chain) <= at_s + 30

    def test_time_never_goes_back(self, chain: Chain) -> None:
        """A time before the newest block is refused, and so is what is no number."""
        earlier = _time(chain) - 1
        assert chain.error("evm_setNextBlockTimestamp", earlier)["code"] == -32602
        for method in ("evm_setNextBlockTimestamp", "evm_increaseTime"):
            for wrong in ("x", -5, None):
                assert chain.error(method, wrong)["code"] == -32602

    def test_an_authorization_dies(self, chain: Chain) -> None:
        """What was valid a moment ago is expired once time has moved on."""
        dying = authorizations.signed(PAYER, value=1, salt=77, valid_before=_time(chain) + 500)
        call = {"to": token.ADDRESS, "data": dying.calldata()}
        chain.get("evm_mine")
        assert chain.get("eth_call", call, "latest") == "0x"
        chain.get("evm_increaseTime", 1_000)
        chain.get("evm_mine")
        assert "authorization is expired" in chain.error("eth_call", call, "latest")["message"]


def _time(chain: Chain) -> int:
    return int(chain.get("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
