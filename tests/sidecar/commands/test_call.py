"""`sidecar call ID`."""

import json
from collections.abc import Callable

from pricing.cost import Kind
from tests.sidecar.shop import PLATFORM_FEE, TOOL, Sale, Shop, line, paid

Run = Callable[..., tuple[int, str, str]]


async def test_the_waterfall_goes_from_price_to_margin(run: Run, shop: Shop) -> None:
    """Facts first, then the money, each step with how it is known."""
    sale = Sale(session="s_1")
    unknown = line(Kind.EXTERNAL, "crawler", None, provider="")
    await shop.serve(sale, line(), TOOL, unknown, platform_fee=PLATFORM_FEE)
    code, out, err = run("call", sale.call)
    facts, money = out.rstrip("\n").split("\n\n")

    assert (code, err) == (0, "")
    assert facts.splitlines() == [
        f"id           {sale.call}",
        "at           2026-05-01T12:00:00.000000Z",
        "endpoint     POST /research",
        "outcome      served",
        "status       200",
        "settlement   settled",
        "network      eip155:84532",
        f"transaction  {paid(sale).transaction}",
        "buyer        0x" + "aa" * 20,
        "session      s_1",
        "workflow     competitor-research",
        "agent        research-agent",
        "workspace    growth",
        "latency ms   1250",
        "settle ms    204",
    ]
    assert money.splitlines() == [
        "money             usd      basis     rate",
        "price             0.0500   -         -",
        "held              0.0500   -         -",
        "captured          0.0500   -         -",
        "credited          0.0000   -         -",
        "model gpt-4o      -0.0120  measured  prices 2026-05-01",
        "tool web_search   -0.0036  reported  prices 2026-05-01",
        "external crawler  unknown  unknown   prices 2026-05-01",
        "fee facilitator   -0.0010  measured  prices 2026-05-01",
        "fee platform      -0.0005  measured  prices 2026-05-01",
        "known margin      0.0329   -         -",
    ]


async def test_json_is_the_call_object(run: Run, shop: Shop) -> None:
    """The same object as the API's."""
    await shop.serve(Sale(), TOOL)
    code, out, _ = run("call", Sale().call, "--json")

    assert code == 0
    assert json.loads(out)["known_margin_usd"] == "0.045400000"


async def test_a_call_that_is_not_there_is_found_wrong(run: Run) -> None:
    """Exit code 1 and one sentence."""
    assert run("call", "call_nothing") == (1, "", "sidecar: there is no call call_nothing\n")
