"""Policies: what refuses is found under the name it refuses by."""

import re
from pathlib import Path

import httpx

import sidecar
from sidecar.http.operator.policies import policies_object
from tests.sidecar.configs import BUYER, MINIMAL, PAY_TO, settings
from tests.sidecar.http.operator.conftest import POLICIES

SOURCES = Path(sidecar.__file__).parent
FULL = f"""
  "POST /search":
    price: {{base: "$0.01", by_model: {{a: "$0.05"}}, plus: [{{query: n, each: "$0.6", per: 1000, max: 9}}]}}
    buyers: {{p: {{wallets: ["{BUYER}"], price: "$0.04"}}}}
    price_ceiling: "$0.10"
    allow: ["{BUYER}"]
    deny: ["{PAY_TO}"]
    models: [a]
    request: {{schema: {{type: object}}}}
    rate_limit: 60/minute
    margin_floor: 20%
    settle: upfront
  "GET /docs/*": free
"""


def test_everything_in_force_is_told() -> None:
    """Global policies, and each route's with its price rule; money in dollars, what is not set null."""
    text = MINIMAL.replace('{"POST /research": {price: "$0.05"}}', FULL) + 'exposure: {per_day: "$5"}\n'

    told = policies_object(settings(text))

    assert told["exposure"] == {
        "per_payer": {"amount_usd": "1.000000000"},
        "per_day": {"amount_usd": "5.000000000"},
    }
    assert told["limits"] == {
        "per_address": {"calls": 50, "period_s": 1},
        "per_buyer": {"calls": 100, "period_s": 60},
        "uncharged_cost": {"amount_usd": "1.000000000"},
    }
    assert told["routes"]["GET /docs/*"] == {"free": True}
    assert told["routes"]["POST /search"] == {
        "free": False,
        "settle": "upfront",
        "price": {
            "base_usd": "0.010000000",
            "by_model": {"a": {"amount_usd": "0.050000000"}},
            "plus": [
                {"of": "query n", "each_usd": "0.600000000", "per": 1000, "min": 0, "max": 9, "default": None}
            ],
            "lowest_usd": "0.060000000",
            "highest_usd": "0.065400000",
        },
        "buyers": {BUYER.lower(): {"amount_usd": "0.040000000"}},
        "price_ceiling": {"amount_usd": "0.100000000"},
        "allow": {"count": 1, "wallets": [BUYER.lower()]},
        "deny": {"count": 1, "wallets": [PAY_TO.lower()]},
        "models": ["a"],
        "request": {"schema": True},
        "rate_limit": {"calls": 60, "period_s": 60},
        "margin_floor": {"ratio": "0.2000"},
    }


def test_what_is_not_set_is_null() -> None:
    told = policies_object(settings(MINIMAL))
    route = told["routes"]["POST /research"]

    assert told["exposure"]["per_day"] is None
    assert route["price"] == {"amount_usd": "0.050000000"}
    assert [name for name, value in route.items() if value is None] == [
        "price_ceiling",
        "allow",
        "models",
        "rate_limit",
        "margin_floor",
    ]
    assert (route["deny"], route["buyers"]) == ({"count": 0, "wallets": []}, {})
    assert route["request"] == {"schema": False}


def test_every_policy_that_refuses_is_there_under_its_name() -> None:
    """The name in an event leads to the rule; a new policy has to be told here."""
    names = {
        name
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r'"((?:routes|limits|exposure)\.[a-z_]+)"', path.read_text(encoding="utf-8"))
    }
    told = policies_object(settings(MINIMAL))
    (route,) = told["routes"].values()
    told["routes"] = route

    assert len(names) >= 12
    for name in names:
        section, _, policy = name.partition(".")
        assert policy in told[section], name


async def test_the_operator_reads_it(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/api/v1/policies")

    assert (answer.status_code, answer.json()) == (200, POLICIES)
