"""The rival broadcasts what anybody may broadcast, and nothing else."""

from sidecar.sandbox import keys, rival, token
from tests.sidecar.sandbox import authorizations
from tests.sidecar.sandbox.transactions import a_machine, raw, signed


def test_an_authorization_is_sent_by_somebody_else() -> None:
    """Both forms of the transfer are copied, calldata and price of gas as they are."""
    for form in ("vrs", "bytes"):
        authorization = authorizations.signed(keys.BUYERS[0], value=5, salt=1, form=form)
        settlement = a_machine().decoded(
            raw(0, to=token.ADDRESS, data=authorization.calldata(), gas=500_000, value=0)
        )
        copy = rival.copied(settlement, nonce=3, chain_id=84532)
        assert copy is not None
        assert (copy.sender, copy.nonce) == (rival.ADDRESS, 3)
        assert (copy.to, copy.data, copy.gas) == (settlement.to, settlement.data, settlement.gas)
        assert copy.max_fee_per_gas == settlement.max_fee_per_gas
        assert copy.chain_id == 84532


def test_nothing_else_is_copied() -> None:
    """A plain transfer, another token's and a cancelation are nobody's to send."""
    canceled = authorizations.cancelation(keys.BUYERS[0], bytes(32))
    assert rival.copied(signed(0), nonce=0, chain_id=84532) is None
    for to, data in ((token.ADDRESS, canceled), (keys.PAY_TO.address, "0xe3ee160e")):
        other = signed(0, to=to, data=data, gas=500_000, value=0)
        assert rival.copied(other, nonce=0, chain_id=84532) is None
