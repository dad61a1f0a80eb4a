"""The chart: every account with its class, its normal side and what bounds it."""

import pytest

from ledger import accounts
from ledger.accounts import Account, AccountClass, Constraint, Side
from ledger.money import USD, Asset, nano
from pricing.cost import Kind
from sidecar.domain import chart

NET, PAYER, TOKEN, SHOP = "eip155:84532", "0xaa", "0x03", "0xcc"
USDC = Asset("eip155:84532/0x03", 6)

A, L, E = AccountClass.ASSET, AccountClass.LIABILITY, AccountClass.EXPENSE
D, C = Side.DEBIT, Side.CREDIT


@pytest.mark.parametrize(
    ("account", "name", "kind", "side", "asset"),
    [
        (chart.authorized(NET, PAYER), "authorized:eip155%3A84532:0xaa", A, D, USD),
        (chart.deposit(PAYER), "deposit:0xaa", L, C, USD),
        (chart.buyer(PAYER), "buyer:0xaa", L, C, USD),
        (chart.reported(NET, "https://f"), "reported:eip155%3A84532:https%3A//f", A, D, USD),
        (chart.onchain(NET, TOKEN, SHOP), "onchain:eip155%3A84532:0x03:0xcc", A, D, USD),
        (chart.token(NET, TOKEN, SHOP, 6), "token:eip155%3A84532:0x03:0xcc", A, D, USDC),
        (chart.bridge(NET, TOKEN, 6), "fx:eip155%3A84532:0x03", AccountClass.EQUITY, C, USDC),
        (chart.suspense(NET), "suspense:eip155%3A84532", A, D, USD),
        (chart.revenue("GET /a:b"), "revenue:GET /a%3Ab", AccountClass.REVENUE, C, USD),
        (chart.rounding(), "rounding", AccountClass.REVENUE, C, USD),
        (chart.cost(Kind.MODEL, "GET /a", "gpt"), "cost:model:GET /a:gpt", E, D, USD),
        (chart.facilitator_fee("f"), "fee:facilitator:f", E, D, USD),
        (chart.facilitator_payable("f"), "facilitator_payable:f", L, C, USD),
        (chart.bad_debt("GET /a:b"), "bad_debt:GET /a%3Ab", E, D, USD),
        (chart.declared_fee("proxy"), "fee:declared:proxy", E, D, USD),
        (chart.platform_fee(), "fee:platform", E, D, USD),
        (chart.platform_payable(), "platform_payable", L, C, USD),
    ],
)
def test_each_account_is_what_the_design_says(
    account: Account, name: str, kind: AccountClass, side: Side, asset: Asset
) -> None:
    """Names escape what separates their parts; class and side follow the chart."""
    assert accounts.text(account.id) == name
    assert accounts.parse(name) == account.id
    assert (account.kind, account.side, account.asset) == (kind, side, asset)


@pytest.mark.parametrize(
    ("kind", "payable"),
    [
        (Kind.MODEL, "provider_payable:x"),
        (Kind.EXTERNAL, "provider_payable:x"),
        (Kind.RETRY, "provider_payable:x"),
        (Kind.TOOL, "tool_payable:x"),
    ],
)
def test_what_is_owed_is_owed_to_the_one_who_worked(kind: Kind, payable: str) -> None:
    """Model and external work is a provider's, tools are tools'."""
    assert accounts.text(chart.payable(kind, "x").id) == payable
    assert (chart.payable(kind, "x").kind, chart.payable(kind, "x").side) == (L, C)


def test_only_what_must_not_be_exceeded_is_bounded() -> None:
    """Deposits and credits never fall below zero, exposure has a cap where it grows; no other row is hot."""
    assert chart.authorized(NET, PAYER, nano(7)).constraint is Constraint.LIMIT
    assert chart.authorized(NET, PAYER, nano(7)).limit == 7
    assert chart.authorized(NET, PAYER).limit is None
    assert chart.deposit(PAYER).constraint is chart.buyer(PAYER).constraint is Constraint.NO_NEGATIVE
    free = (chart.revenue("e"), chart.reported(NET, "f"), chart.suspense(NET), chart.cost("model", "e", "n"))
    assert {account.constraint for account in free} == {Constraint.NONE}


def test_one_wallet_has_one_spelling() -> None:
    """Addresses are booked in lower case."""
    assert chart.hexed(bytes.fromhex("ABCDEF" + "00" * 17)) == "0xabcdef" + "00" * 17
