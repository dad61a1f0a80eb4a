"""`sidecar call ID`."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from pricing.cost import Kind
from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.finops.calls import call_object, one_parameters
from tests.sidecar.shop import OTHER_PAYER, PLATFORM_FEE, TOOL, Sale, Shop, line, paid

Run = Callable[..., tuple[int, str, str]]


async def test_the_waterfall_goes_from_price_to_margin(run: Run, shop: Shop) -> None:
    """Facts first, then the money line by line with who told of it, then what it comes to."""
    sale = Sale(session="s_1")
    step = replace(line(), step="plan", attempt=2)
    unknown = line(Kind.EXTERNAL, "crawler", None, provider="")
    await shop.serve(sale, step, TOOL, unknown, platform_fee=PLATFORM_FEE)
    await shop.serve(Sale(2, session="s_1"), TOOL)
    code, out, err = run("call", sale.call)
    facts, money, sums = out.rstrip("\n").split("\n\n")

    assert (code, err) == (0, "")
    assert facts.splitlines() == [
        f"id           {sale.call}",
        "at           2026-05-01T12:00:00.000000Z",
        "endpoint     POST /research",
        "policy       allowed",
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
        "money             usd      source  basis     rate               step  attempt",
        "price             0.0500   -       -         -                  -           -",
        "held              0.0500   -       -         -                  -           -",
        "captured          0.0500   -       -         -                  -           -",
        "credited          0.0000   -       -         -                  -           -",
        "model gpt-4o      -0.0120  usage   measured  prices 2026-05-01  plan        2",
        "tool web_search   -0.0036  usage   reported  prices 2026-05-01  -           1",
        "external crawler  unknown  usage   unknown   prices 2026-05-01  -           1",
        "fee facilitator   -0.0010  tariff  measured  prices 2026-05-01  -           1",
        "fee platform      -0.0005  tariff  measured  prices 2026-05-01  -           1",
    ]
    assert sums.splitlines() == [
        "known                       usd  lines not known",
        "model                    0.0120                -",
        "tool                     0.0036                -",
        "external                 0.0000                1",
        "retry                    0.0000                -",
        "fees                     0.0015                -",
        "total                    0.0171                1",
        "session so far, 2 calls  0.0783                -",
        "known margin             0.0329                -",
    ]


async def test_a_call_without_a_session_has_none_to_sum_up(run: Run, shop: Shop) -> None:
    """Its own margin stands alone, and other calls without one are not its session."""
    await shop.serve(Sale(), TOOL)
    await shop.serve(Sale(2), TOOL)
    _, out, _ = run("call", Sale().call)

    assert "session" not in out
    assert json.loads(run("call", Sale().call, "--json")[1])["session_so_far"] is None


async def test_json_is_the_call_object_and_its_session(run: Run, shop: Shop) -> None:
    """The same object as the API's, and what the session has earned so far."""
    await shop.serve(Sale(session="s_1"), TOOL)
    await shop.serve(Sale(2, session="s_1", payer=OTHER_PAYER), TOOL)
    code, out, _ = run("call", Sale().call, "--json")
    answer = json.loads(out)

    assert code == 0
    assert answer.pop("session_so_far") == {"calls": 1, "known_margin_usd": "0.045400000"}
    with closing(open_read_only(shop.path)) as connection:
        (row,) = fetch(connection, "calls", one_parameters(Sale().call))
    assert answer == call_object(row)
    assert answer["known_margin_usd"] == "0.045400000"


async def test_a_call_that_is_not_there_is_found_wrong(run: Run) -> None:
    """Exit code 1 and one sentence."""
    assert run("call", "call_nothing") == (
        1,
        "",
        "sidecar: there is no call call_nothing; `sidecar calls` lists them\n",
    )
