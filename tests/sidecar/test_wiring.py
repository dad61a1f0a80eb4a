"""Settings become the objects of the paid path, once, with nothing lost on the way."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from x402.http.utils import decode_payment_required_header
from x402.schemas import PaymentRequired

from ledger.money import nano
from sidecar import wiring
from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.storage.reading import open_read_only
from sidecar.adapters.system import SystemClock
from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.ports import StorageUnavailable
from sidecar.settings import Settings, read
from sidecar.wiring import PaidPath, open_storage, paid_path
from tests.sidecar.adapters.conftest import Listen, Script, read_request
from tests.sidecar.builders import a_payment_header
from tests.sidecar.configs import PAY_TO, TOKEN
from tests.sidecar.fakes import Buyer, RecordingObserver
from tests.sidecar.wrong_configs import SEED
from tests.sidecar.x402.signing import WALLET

# Port 1 of this machine: nobody listens, so whatever is asked there never leaves.
CONFIG = f"""
upstream: http://127.0.0.1:1
public_url: https://agent.example
storage: sqlite:///books.db
workspace: growth
networks:
  base-sepolia: {{rpc: ["http://127.0.0.1:1/?key=rpc-secret"], confirmations: 3}}
accept:
  - {{network: base-sepolia, asset: USDC, pay_to: "{PAY_TO}"}}
  - network: eip155:31337
    asset: {{address: "{TOKEN}", symbol: USDX, decimals: 2, name: X, version: "1", usd_peg: true}}
    pay_to: "{PAY_TO}"
settlement: {{facilitators: ["http://127.0.0.1:1"]}}
exposure: {{per_payer: "$3"}}
limits: {{payment_header: 2KiB, reentries: 5, open_calls: 1, read_ahead: 32KiB, stream_total: 90s, drain: 7s}}
costs:
  overrides: [{{model: gpt-4o, input: "$7", output: "$9"}}]
  per_call: {{"POST /research": "$0.0005"}}
fees: {{facilitator: {{"http://127.0.0.1:1": "$0.001"}}, platform: "2%"}}
routes:
  "POST /research": {{price: "$0.055", agent: researcher, workflow: reports, deny: ["{WALLET.address}"]}}
  "GET /models/{{name}}": {{price: "$0.001", timeout: 80s}}
  "GET /free/*": free
"""


def settings_in(folder: Path, text: str = CONFIG) -> Settings:
    found = read(text, {}, folder)
    assert isinstance(found, Settings), found.text()
    return found


@asynccontextmanager
async def built(folder: Path, text: str = CONFIG) -> AsyncIterator[PaidPath]:
    """Build the paid path of a config on real storage in *folder*, and close it."""
    settings, clock = settings_in(folder, text), SystemClock()
    storage = open_storage(settings, clock)
    path = await paid_path(settings, storage, clock, RecordingObserver(), "run_1")
    try:
        yield path
    finally:
        await path.adapters.close()


async def ask(path: PaidPath, method: str, target: bytes, *headers: tuple[bytes, bytes]) -> Buyer:
    buyer = Buyer()
    scope: dict[str, Any] = {"type": "http", "method": method, "raw_path": target, "query_string": b""}
    await path.buyers(scope | {"headers": list(headers)}, buyer.receive, buyer.send)
    return buyer


def payment(path: PaidPath, target: bytes) -> tuple[bytes, bytes]:
    """Sign the first offer made for what is sold under *target*."""
    amount = {b"/research": 55_000, b"/models/x": 1_000}[target]
    offer = next(offer for offer in path.offers if offer.requirements.amount == amount)
    return b"payment-signature", a_payment_header(offer, validBefore=str(int(time.time()) + 200))


def versions(folder: Path) -> tuple[int, int]:
    """Return how many price versions of each priced route are on disk, numbered without a gap."""
    with closing(open_read_only(folder / "books.db")) as books:
        found = books.execute("SELECT endpoint, version FROM price_versions ORDER BY version").fetchall()
    research = [version for endpoint, version in found if endpoint == "POST /research"]
    models = [version for endpoint, version in found if endpoint == "GET /models/{name}"]
    assert research == list(range(1, len(research) + 1))
    assert models == list(range(1, len(models) + 1))
    return len(research), len(models)


async def test_every_way_to_be_paid_is_offered_on_every_priced_route(tmp_path: Path) -> None:
    """The 402 lists each accept at the route's price, rounded up to its token; the official SDK reads it."""
    async with built(tmp_path) as path:
        buyer = await ask(path, "POST", b"/research")

        assert buyer.status == 402
        document = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
        assert isinstance(document, PaymentRequired)
        assert document.resource is not None
        assert document.resource.url == "https://agent.example/research"
        offered = [(each.network, each.amount, each.asset, each.pay_to) for each in document.accepts]
        assert offered == [
            ("eip155:84532", "55000", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", PAY_TO),
            ("eip155:31337", "6", TOKEN, PAY_TO),
        ]
        assert len(path.offers) == 4


async def test_a_free_route_leads_to_the_upstream(tmp_path: Path) -> None:
    """It is asked for no payment; here nobody listens there, and the buyer learns no address."""
    async with built(tmp_path) as path:
        buyer = await ask(path, "GET", b"/free/page")

        assert (buyer.status, buyer.document()["code"]) == (502, "upstream_unreachable")
        assert b"127.0.0.1" not in buyer.body


async def test_each_route_has_its_own_terms(tmp_path: Path) -> None:
    """A deny list holds where it stands, and a payment for one price is none for another."""
    async with built(tmp_path) as path:
        denied = await ask(path, "POST", b"/research", payment(path, b"/research"))
        assert (denied.status, denied.document()["code"]) == (403, "buyer_denied")

        elsewhere = await ask(path, "GET", b"/models/x", payment(path, b"/research"))
        assert elsewhere.document()["reason"] == "invalid_payment_requirements"

        # Nobody at port 1 says what it settles, so it gets no further than that.
        allowed = await ask(path, "GET", b"/models/x", payment(path, b"/models/x"))
        assert (allowed.status, allowed.document()["code"]) == (503, "facilitator_unavailable")


async def test_limits_costs_and_fees_arrive_where_they_bound(tmp_path: Path) -> None:
    """Each number of the config is the number the paid path works with."""
    async with built(tmp_path) as path:
        services = path.services

        assert services.admission.exposure == nano(3_000_000_000)
        assert (services.admission.reentries, services.admission.owner) == (5, "run_1")
        assert services.delivery.read_ahead_bytes == 32 * 1024
        assert (services.delivery.stream_total_s, services.delivery.drain_s) == (90, 7)
        assert services.fees.facilitator == {"http://127.0.0.1:1": nano(1_000_000)}
        assert str(services.fees.platform) == "1/50"
        assert services.facilitators.by_name("http://127.0.0.1:1") is not None
        long = await ask(path, "GET", b"/models/x", (b"payment-signature", b"A" * 2049))
        assert long.document()["code"] == "payment_too_large"


async def test_every_facilitator_is_asked_where_and_as_whom_it_was_configured(
    tmp_path: Path, listen: Listen
) -> None:
    """Two of them share the networks; one wants a token, the other one a signature by our key."""
    heads: list[bytes] = []

    def listing(network: str) -> Script:
        kinds = {"kinds": [{"x402Version": 2, "scheme": "exact", "network": network}]}

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append((await read_request(reader))[0])
            body = json.dumps(kinds).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

        return script

    one, two = await listen(listing("eip155:84532")), await listen(listing("eip155:31337"))
    entries = f"""
      {{url: "{one}", bearer: t0ken-canary}},
      {{url: "{two}", jwt: {{key_id: us, algorithm: EdDSA, key: "{SEED}"}}}}
    """
    text = CONFIG.replace('facilitators: ["http://127.0.0.1:1"]', f"facilitators: [{entries}]")
    text = text.replace('{"http://127.0.0.1:1": "$0.001"}', "{}")
    async with built(tmp_path, text) as path:
        await path.facilitators.poll()
        chosen = [path.facilitators.choose(offer.kind) for offer in path.offers[:2]]

        assert [each.name for each in chosen if each] == [one, two]
        assert path.facilitators.states() == {one: (True, "up"), two: (True, "up")}
        assert b"authorization: Bearer t0ken-canary\r\n" in heads[0] + heads[1]
        assert b"authorization: Bearer eyJ" in heads[0] + heads[1]
        for secret in ("t0ken-canary", SEED):
            assert secret not in repr(path) + repr(settings_in(tmp_path, text))


async def test_reports_are_taken_with_the_tokens_that_calls_leave_with(tmp_path: Path) -> None:
    """Both sides share a secret; a token outlives the longest call and its close window; limits hold."""
    text = CONFIG.replace("reentries: 5", "reentries: 5, settle: 20s, cost_reports: 2, close_window: 60s")
    async with built(tmp_path, text) as path:
        now_s = SystemClock().now_us() // 1_000_000
        token = path.buyers._tokens.for_call("call_9", now_s)
        assert int(token.split(".")[1]) == now_s + 80 + 20 + 90 + 7 + 60
        assert path.reporting.call_of(token) == "call_9"

        report = b'{"id": "r1", "kind": "tool", "name": "x", "amount_usd": "1"}'
        assert await path.reporting.take("call_9", report) == ReportsRefused(Code.CALL_UNKNOWN)
        many = b"[" + b",".join([report] * 3) + b"]"
        assert await path.reporting.take("call_9", many) == ReportsRefused(Code.REPORTS_TOO_MANY)


async def test_only_a_chain_that_was_configured_is_watched(tmp_path: Path) -> None:
    """Of a network without a node no block is known, and nobody waits for one."""
    async with built(tmp_path) as path:
        assert set(path.heads) == set(path.services.chains) == {"eip155:84532"}
        path.heads["eip155:84532"].saw(12, 1_000)

        assert path.services.head_block("eip155:84532") == 12
        assert path.heads["eip155:84532"].final == (0, 0)
        assert path.services.head_block("eip155:31337") == 0


async def test_the_sellers_own_rate_comes_before_the_catalogues(tmp_path: Path) -> None:
    """An override replaces the listed price of its model; all other models keep theirs."""
    cards = wiring.rate_cards(settings_in(tmp_path))
    at_us = SystemClock().now_us()

    own, listed = cards.find("openai", "gpt-4o", at_us), cards.find("openai", "gpt-4o-mini", at_us)
    assert own is not None
    assert own.id.startswith("override gpt-4o ")
    assert listed is not None
    assert not listed.id.startswith("override")


async def test_a_price_version_lasts_until_the_terms_change(tmp_path: Path) -> None:
    """A restart with the same terms makes no version; other terms make the next one, also the old ones."""
    dearer = CONFIG.replace("$0.055", "$0.06")
    slower = dearer.replace("timeout: 80s", "timeout: 89s")
    for text, expected in (
        (CONFIG, (1, 1)),
        (CONFIG, (1, 1)),
        (dearer, (2, 1)),
        (CONFIG, (3, 1)),
        (slower, (4, 2)),
    ):
        async with built(tmp_path, text):
            assert versions(tmp_path) == expected


@pytest.mark.parametrize("sandbox", [True, False])
async def test_only_a_sandbox_can_be_killed_at_a_fault_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: bool
) -> None:
    """The point named in the environment ends the process in the sandbox, and nothing anywhere else."""
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: killed.append((process, number)))
    monkeypatch.setenv("SIDECAR_FAULT", "sending")
    text = CONFIG + ("sandbox: true" if sandbox else "")
    async with built(tmp_path, text) as path:
        path.services.reached("asked")
        assert killed == []
        path.services.reached("sending")

        assert killed == ([(os.getpid(), signal.SIGKILL)] if sandbox else [])


async def test_secrets_are_kept_and_never_shown(tmp_path: Path) -> None:
    """The same secrets at every start; neither they nor a node's key are in any repr."""
    async with built(tmp_path) as path:
        shown = repr(path) + repr(settings_in(tmp_path))
        kept = load_secrets(tmp_path / "books.db")

        assert path.secrets == kept
        for secret in (kept.operator, kept.origin.hex(), repr(kept.origin), repr(kept.calls), "rpc-secret"):
            assert secret not in shown


async def test_everything_that_was_opened_is_closed(tmp_path: Path) -> None:
    """After closing no unit runs any more, and the file can be opened by the next process."""
    async with built(tmp_path) as path:
        storage = path.adapters.storage
    with pytest.raises(StorageUnavailable):
        await storage.run(lambda tx: tx.payment(b"key"))
    async with built(tmp_path):
        pass
