"""What the pages show can be used: configs are read, commands are understood, paths and codes are there."""

import ast
import re
import shlex
import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
import yaml
from eth_account import Account
from x402.client import x402ClientSync
from x402.http.utils import decode_payment_required_header, encode_payment_signature_header
from x402.mechanisms.evm.exact import ExactEvmClientScheme

from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.system import SystemClock
from sidecar.cli import COMMANDS, Parser
from sidecar.configuration.document import Document
from sidecar.domain.events import Answered, CallClosed, PaymentSettled
from sidecar.finops.reconciliation import Kind
from sidecar.settings import Settings, read
from sidecar.x402 import codec, identifier
from sidecar.x402.challenge import prepare
from sidecar.x402.documents import ExactPayment, Resource
from tests.scenarios.surface_rows import TOWARDS_AGENT
from tests.sidecar.configuration.keyring import ED, pem
from tests.sidecar.x402.official import payment_identifier
from tests.sidecar.x402.signing import OFFER, WALLET
from tests.test_docs import BUYING, PAGES, ROOT, blocks

SELLING: Final = ROOT / "docs/selling.md"
ENVIRONMENT: Final = {
    "BASE_RPC_URL": "https://rpc.example.com",
    "FACILITATOR_TOKEN": "a-token-of-some-length",
    "FACILITATOR_URL": "https://facilitator.example.com",
    "KEY_ID": "key-1",
    "KEY_SECRET": pem(ED),
    "PAY_TO": "0x0000000000000000000000000000000000000009",
    "PGPASSWORD": "correct-horse",
    "RPC_URL": "https://rpc.example.com",
}
AROUND: Final = {
    "upstream": "http://127.0.0.1:9000",
    "networks": {"base": {"rpc": ["https://rpc.example.com"]}},
    "accept": [{"network": "base", "asset": "USDC", "pay_to": ENVIRONMENT["PAY_TO"]}],
    "settlement": {"facilitators": ["https://facilitator.example.com"]},
    "routes": {"POST /research": {"price": "$0.05"}},
}
"""What a part of a config stands in; the keys that the part has are its own."""


def is_config(block: str) -> bool:
    return set(yaml.safe_load(block)) <= set(Document.model_fields)


CONFIGS: Final = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(filter(is_config, blocks(page.read_text(encoding="utf-8"), "yaml")), 1)
]
TYPED: Final = sorted(
    {
        line
        for page in PAGES
        for script in blocks(page.read_text(encoding="utf-8"), "sh")
        for line in re.findall(r"^(?:\.venv/bin/)?(sidecar .+)$", script, re.MULTILINE)
    }
)


@pytest.mark.parametrize("block", CONFIGS)
def test_every_config_that_is_shown_is_read(block: str, tmp_path: Path) -> None:
    """The reader of the config takes each block, alone or as the part of a config that it is."""
    (tmp_path / "chat.json").write_text('{"type": "object"}', encoding="utf-8")
    around = {key: value for key, value in AROUND.items() if key not in yaml.safe_load(block)}
    rest = yaml.safe_dump(around) if around else ""

    found = read(f"{block}\n{rest}", ENVIRONMENT, tmp_path)

    assert isinstance(found, Settings), found.text()


def test_the_selling_page_shows_nothing_but_configs() -> None:
    """So that no block of it goes unread."""
    shown = blocks(SELLING.read_text(encoding="utf-8"), "yaml")

    assert len(shown) > 0
    assert [block for block in shown if not is_config(block)] == []


def test_every_header_that_the_agent_gets_is_told() -> None:
    """The table of the selling page has those that a paid request reaches it with."""
    section = (
        SELLING.read_text(encoding="utf-8").partition("### What the agent is told")[2].partition("\n## ")[0]
    )
    told = {
        name.lower()
        for names in re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)
        for name in re.findall(r"`([\w-]+)`", names)
    }

    assert told == TOWARDS_AGENT


def test_the_extension_that_names_a_purchase_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of the buying page, as it stands there: what its client signs has the purchase's name."""
    official = payment_identifier()  # by itself: its package asks for what other extensions need
    monkeypatch.setitem(sys.modules, "x402.extensions", official)
    monkeypatch.setitem(sys.modules, "x402.extensions.payment_identifier", official)
    client = x402ClientSync()
    client.register("eip155:*", ExactEvmClientScheme(Account.from_key(WALLET.key)))
    asking = identifier.Demand.REQUIRED
    asked = prepare([OFFER], Resource("https://agent.example"), asking).header(b"/a", b"payment_required")

    (shown,) = blocks(BUYING, "python")
    exec(compile(shown, "docs/buying.md", "exec"), {"client": client})
    signed = client.create_payment_payload(decode_payment_required_header(asked.decode("ascii")))
    payment = codec.decode_payment(encode_payment_signature_header(signed).encode("ascii"))

    assert isinstance(payment, ExactPayment)
    assert f'Purchase("{identifier.read(payment.extensions, asking)}")' in shown


@pytest.mark.parametrize("line", TYPED)
def test_every_command_that_is_shown_is_understood(line: str) -> None:
    """Commands, subcommands and options are there, as the command's own parser says."""
    _, name, *words = shlex.split(line.partition(" > ")[0])
    parser = Parser(prog=name)
    import_module(f"sidecar.commands.{name}").configure(parser)

    assert name in COMMANDS
    assert isinstance(parser.parse_args(words, Namespace(json=False)), Namespace)


def test_every_target_of_make_that_is_named_exists() -> None:
    """No page sends anybody to a target that is gone."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert {"demo", "test"} <= named <= targets


def test_every_path_that_maintainers_are_told_exists() -> None:
    """Files and folders, from the top of the repository; what a run writes is not kept."""
    page = (ROOT / "docs/maintaining.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|md|toml))`", page))

    assert "sidecar/x402/schemes.py" in paths
    assert {path for path in paths if not (ROOT / path).exists()} <= {"benchmarks/result.json"}


def test_every_place_on_a_page_that_is_linked_exists() -> None:
    """A link into a page leads to one of its headings."""
    wrong = []
    for page in PAGES:
        for target, place in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
            linked = (page.parent / target if target else page).read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.+)$", linked, re.MULTILINE)
            if place not in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}:
                wrong.append(f"{page.name}: {target}#{place}")

    assert wrong == []


def test_what_operators_install_is_what_the_image_installs() -> None:
    """The same two commands, but for what only a build wants."""
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    built = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    only_built = {"RUN", "--no-cache-dir", "--disable-pip-version-check"}
    wanted = [
        [word for word in line.split() if word not in only_built]
        for line in built.splitlines()
        if "bin/pip" in line
    ]

    assert wanted
    assert [line.split() for line in blocks(page, "sh")[0].splitlines() if "bin/pip" in line] == wanted


def test_every_metric_is_told() -> None:
    """The table of the operating page is what `/metrics` has: each name with its labels and its kind."""
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(sidecar_\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", page, re.MULTILINE)
    metrics = MetricsObserver(SystemClock())
    for event in (
        Answered("POST /chat", "served", 200),
        PaymentSettled("", "eip155:8453", "settled", ""),
        CallClosed("", "POST /chat", "served", 1, 0, (("model", 1),), 0),
    ):
        metrics.saw(event)
    shown = metrics.exposition(
        {"holds_nano": 0, "unsettled_nano": 0, "unknown_settlements": 0, "oldest_unknown_us": None}
    ).decode()
    labels = dict(re.findall(r"^(\w+)\{(.+)\} ", shown, re.MULTILINE))

    assert {name: kind for name, _, kind in told} == dict(
        re.findall(r"^# TYPE (\w+) (\w+)$", shown, re.MULTILINE)
    )
    for name, its_labels, kind in told:
        if kind == "counter":
            assert re.findall(r"(\w+)=", labels[name]) == its_labels.split(",")


def test_every_kind_of_a_reconciliation_is_told() -> None:
    """Each that `sidecar reconcile` may list has its row, with what to do about it."""
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    table = page.partition("| `kind` | means | do |")[2].partition("\n\n")[0]

    assert sorted(re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", table, re.MULTILINE)) == sorted(Kind)


def test_whoever_is_alerted_is_told_what_to_do() -> None:
    """Each code that the code says needs attention, and each Prometheus alert, has its row."""
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    section = page.partition("## Alerts")[2].partition("\n## ")[0]
    told = {
        name for names, _, _ in re.findall(r"^\| (`.+?) \| (.+) \| (.+) \|$", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }  # fmt: skip
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sidecar").rglob("*.py"))
    parsed = ast.parse(sources.replace("from __future__ import annotations", ""))
    made = [node for node in ast.walk(parsed) if isinstance(node, ast.Call)]
    codes = [each.args[0] for each in made if ast.unparse(each.func) == "NeedsAttention"]
    codes += [each.args[1] for each in made if ast.unparse(each.func) == "draft.warn"]
    noted = {code.value for code in codes if isinstance(code, ast.Constant)}
    alerts = yaml.safe_load((ROOT / "examples/deploy/alerts.yaml").read_text(encoding="utf-8"))
    fired = {rule["alert"] for group in alerts["groups"] for rule in group["rules"]}

    assert noted <= told
    assert fired <= told
    assert {code for code in told - fired if f'"{code}"' not in sources} == set()
