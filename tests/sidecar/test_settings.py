"""Whole configs: what loads, and every way to get one wrong."""

from fractions import Fraction
from pathlib import Path

import pytest

from ledger.money import nano
from pricing.price import FixedPrice
from sidecar.settings import (
    Address,
    Bearer,
    Facilitator402,
    Limits,
    Network,
    Problems,
    Settings,
    json_schema,
    load,
    read,
)
from tests.sidecar.configs import BUYER, FOLDER, MINIMAL, PAY_TO, TOKEN, facilitators, problems, settings
from tests.sidecar.wrong_configs import ACCEPT, WRONG, accepting

# The example of the documentation, without what this version does not do yet.
FULL = f"""
upstream: http://127.0.0.1:9000
public_url: https://agent.example.com
workspace: growth-team
listen: {{buyers: 0.0.0.0:8402, agent: 127.0.0.1:8404, operator: 127.0.0.1:8403}}
storage: sqlite:///sidecar.db

networks:
  base: {{rpc: ["${{BASE_RPC_URL}}"], confirmations: 2}}

accept:
  - {{network: base, asset: USDC, pay_to: "{PAY_TO}"}}
  - network: eip155:31337
    asset: {{address: "{TOKEN}", symbol: USDC, decimals: 6, name: USDC, version: "2", usd_peg: true}}
    pay_to: "{PAY_TO}"

settlement:
  facilitators: [https://facilitator.example.com]

exposure: {{per_payer: "$1.00"}}
limits: {{paid_body: 10MiB, verify: 3s}}

routes:
  "POST /research":
    price: "$0.05"
    settle: authorization
    agent: research-agent
    workflow: competitor-research
    allow: ["{BUYER}"]
    deny: []
    price_ceiling: "$0.10"
    timeout: 60s
  "GET /models/{{name}}": {{price: "$0.001"}}
  "GET /docs/*": free

costs:
  overrides: [{{model: gpt-4o, input: "$2.50", output: "$10.00", cached_input: "$1.25"}}]
  tools: {{web_search: "$0.01"}}
  per_call: {{"POST /research": "$0.0005"}}
fees: {{facilitator: {{"https://facilitator.example.com": "$0.001"}}, platform: "2%"}}

operator: {{token: "${{SIDECAR_OPERATOR_TOKEN}}"}}
"""
ENVIRON = {"BASE_RPC_URL": "https://node.example/v2/KEY", "SIDECAR_OPERATOR_TOKEN": "correct-horse-battery"}


def test_the_documented_example_loads() -> None:
    """Every key of the documentation is read into what the code works with."""
    found = settings(FULL, **ENVIRON)

    assert (found.upstream, found.public_url) == ("http://127.0.0.1:9000", "https://agent.example.com")
    assert found.workspace == "growth-team"
    assert found.listen.buyers == Address("0.0.0.0", 8402)
    assert found.storage == Path("/etc/sidecar/sidecar.db")
    assert found.networks == {"eip155:8453": Network(("https://node.example/v2/KEY",), 2)}
    assert [(entry.network, entry.chain_id) for entry in found.accept] == [
        ("eip155:8453", 8453),
        ("eip155:31337", 31337),
    ]
    assert found.accept[0].asset.name == "USD Coin"
    assert found.accept[0].pay_to == bytes.fromhex(PAY_TO[2:])
    assert found.accept[1].asset.address_text == TOKEN
    assert found.settlement.facilitators == (Facilitator402("https://facilitator.example.com"),)
    assert found.exposure.per_payer == nano(10**9)
    assert found.operator.token == "correct-horse-battery"
    assert not found.sandbox


def test_the_documented_routes_and_costs_load() -> None:
    """Prices, lists, labels, costs and fees arrive as exact values."""
    found = settings(FULL, **ENVIRON)
    research, models, docs = found.routes

    assert (research.key, research.method, research.pattern) == ("POST /research", "POST", "/research")
    assert (research.price, research.price_ceiling) == (FixedPrice(nano(50_000_000)), nano(100_000_000))
    assert (research.agent, research.workflow) == ("research-agent", "competitor-research")
    assert research.allow == frozenset({bytes.fromhex(BUYER[2:])})
    assert research.deny == frozenset()
    assert (models.price, models.allow, models.timeout_s) == (FixedPrice(nano(1_000_000)), None, 60)
    assert (docs.free, docs.price) == (True, None)
    assert found.costs.overrides[0].cached_input == nano(1_250_000_000)
    assert found.costs.tools == {"web_search": nano(10_000_000)}
    assert found.costs.per_call == {"POST /research": nano(500_000)}
    assert found.fees.facilitator == {"https://facilitator.example.com": nano(1_000_000)}
    assert found.fees.platform == Fraction(1, 50)
    assert (found.limits.paid_body_bytes, found.limits.verify_s) == (10 * 1024 * 1024, 3)


def test_a_minimal_config_has_every_default() -> None:
    """What is left out is what the documentation promises, and the operator is told what that means."""
    found = settings(MINIMAL)

    assert found.limits == Limits()
    assert found.public_url == "http://127.0.0.1:8402"
    assert found.storage == FOLDER / "sidecar.db"
    assert found.operator.token is None
    assert [warning.code for warning in found.warnings] == ["public_url_default", "network_unwatched"]


def test_settings_never_show_a_secret() -> None:
    """Printing the settings shows neither the token nor a node's URL, which may hold a key."""
    shown = repr(settings(FULL, **ENVIRON))

    assert "correct-horse" not in shown
    assert "KEY" not in shown


def test_settings_cannot_be_changed() -> None:
    """What was read at start is what runs."""
    found = settings(MINIMAL)

    with pytest.raises(AttributeError):
        found.workspace = "other"  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        found.networks["eip155:1"] = Network(())  # type: ignore[index]  # the point of the test


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_config_is_refused_where_it_is_wrong(text: str, expected: list[tuple[str, str]]) -> None:
    """Each mistake is one problem, at its own path, with its own code, and nothing else is blamed."""
    assert sorted(problems(text)) == expected


def test_all_problems_are_shown_at_once() -> None:
    """Mistakes of every stage come together: YAML, environment, shape, and sections held together."""
    text = (
        accepting(f"{ACCEPT}, {{network: bas, asset: USDC}}, {ACCEPT}")
        + "upstream: http://again\nlimits: {drain: 3}\nworkspace: ${UNSET}\n"
        + "listen: {agent: 127.0.0.1:8402}\nunknown: 1\n"
    )

    assert problems(text) == [
        ("upstream", "duplicate_key"),
        ("workspace", "env_missing"),
        ("accept.1.network", "network_unknown"),
        ("accept.1.pay_to", "required"),
        ("limits.drain", "duration"),
        ("unknown", "unknown_key"),
        ("listen.agent", "port_taken"),
        ("accept.2", "duplicate_accept"),
    ]


def test_problems_never_carry_a_secret() -> None:
    """A secret in the wrong place, from the environment or the file, is not repeated."""
    secret = "0x" + "5ec2e7" * 10
    text = (
        MINIMAL.replace(PAY_TO, "${KEY}")
        .replace("$0.05", "${KEY}")
        .replace("https://f", "https://u:${KEY}@f")
        + f"operator: {{token: short7}}\nlimits: {{drain: '${{KEY}}'}}\npublic_url: {secret}\n"
    )
    found = read(text, {"KEY": secret}, FOLDER)

    assert isinstance(found, Problems)
    assert len(found.items) == 6
    assert "5ec2e7" not in found.text()
    assert "short7" not in found.text()


def test_overrides_reach_any_value() -> None:
    """A container can change one key without another file."""
    found = settings(
        MINIMAL,
        SIDECAR__LISTEN__BUYERS="127.0.0.1:0",
        SIDECAR__LIMITS__OPEN_CALLS="7",
        SIDECAR__SANDBOX="true",
        SIDECAR__SETTLEMENT__FACILITATORS__0="http://127.0.0.1:4000",
    )

    assert found.listen.buyers == Address("127.0.0.1", 0)
    assert found.limits.open_calls == 7
    assert found.sandbox
    assert found.settlement.facilitators == (Facilitator402("http://127.0.0.1:4000"),)


def test_a_secret_may_come_from_a_variable_alone() -> None:
    """A container can be given a facilitator's token without a file that names it."""
    found = settings(
        facilitators("{url: https://a.example}"), SIDECAR__SETTLEMENT__FACILITATORS__0__BEARER="t0ken"
    )

    assert found.settlement.facilitators == (Facilitator402("https://a.example", Bearer("t0ken")),)
    assert "t0ken" not in repr(found)


def test_an_override_that_means_nothing_is_a_problem() -> None:
    """A misspelt variable is found, not ignored."""
    assert problems(MINIMAL, SIDECAR__LIMITS__DRIAN="3s") == [("limits.drian", "unknown_key")]


def test_ports_may_be_left_to_the_system() -> None:
    """Zero is any free port, so it may stand three times."""
    found = settings(MINIMAL + "listen: {buyers: 127.0.0.1:0, agent: 127.0.0.1:0, operator: 127.0.0.1:0}")

    assert found.listen.agent.port == 0


def test_a_file_is_read_beside_its_books(tmp_path: Path) -> None:
    """Relative storage is relative to the config file, wherever the process started; a BOM is no text."""
    (tmp_path / "sidecar.yaml").write_text("\ufeff" + MINIMAL, encoding="utf-8")
    found = load(tmp_path / "sidecar.yaml", {})

    assert isinstance(found, Settings)
    assert found.storage == tmp_path.resolve() / "sidecar.db"


@pytest.mark.parametrize(
    ("content", "code"), [(None, "config_unreadable"), (b"\xff\xfe\x00", "config_not_utf8")]
)
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, content: bytes | None, code: str) -> None:
    """A missing or binary file is one clear sentence."""
    path = tmp_path / "sidecar.yaml"
    if content is not None:
        path.write_bytes(content)
    found = load(path, {})

    assert isinstance(found, Problems)
    assert [problem.code for problem in found.items] == [code]


def test_the_schema_names_every_key() -> None:
    """Editors can offer what the file may hold."""
    schema = json_schema()

    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["required"] == ["upstream", "routes"]
    assert "accept" in schema["properties"]
    assert schema["additionalProperties"] is False
