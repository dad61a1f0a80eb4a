"""The published accounts agree with an independent derivation."""

import pytest
from eth_account import Account

from sidecar.sandbox import keys

EVERYONE = [keys.FACILITATOR, keys.RIVAL, keys.PAY_TO, keys.PENNILESS, *keys.BUYERS]


@pytest.mark.parametrize("account", EVERYONE)
def test_address_belongs_to_the_key(account: keys.TestAccount) -> None:
    """eth_account derives the same address, in the same spelling."""
    assert Account.from_key(account.private_key).address == account.address


def test_accounts_are_distinct_and_do_not_change() -> None:
    """Every start has the same accounts; one is pinned."""
    assert len({account.address for account in EVERYONE}) == len(EVERYONE)
    assert keys.published("facilitator") == keys.FACILITATOR
    assert keys.BUYERS[0].address == "0xb6395c00E3F4d012a6b699eEb50FB48133029356"


def test_who_has_money() -> None:
    """Buyers have tokens and gas money, who settles has gas money, the penniless buyer nothing."""
    assert set(keys.tokens()) == {buyer.address for buyer in keys.BUYERS}
    assert set(keys.wei()) == set(keys.tokens()) | {keys.FACILITATOR.address, keys.RIVAL.address}
