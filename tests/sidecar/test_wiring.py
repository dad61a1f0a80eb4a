"""Settings become the objects of the paid path, once, with nothing lost on the way."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from ledger.money import nano
from sidecar import wiring
from sidecar.adapters.receipt_key import ReceiptKey
from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.system import SystemClock
from sidecar.collecting import Pace
from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.ports import StorageUnavailable
from tests.sidecar.adapters.conftest import Listen, Script, read_request
from tests.sidecar.assembled import CONFIG, ask, built, settings_in
from tests.sidecar.signing_in import a_proof, proof_header
from tests.sidecar.wrong_configs import SEED


async def test_a_free_route_leads_to_the_upstream(tmp_path: Path) -> None:
    """It is asked for no payment; here nobody listens there, and the buyer learns no address."""
    async with built(tmp_path) as path:
        buyer = await ask(path, "GET", b"/free/page")

        assert (buyer.status, buyer.document()["code"]) == (502, "upstream_unreachable")
        assert b"127.0.0.1" not in buyer.body


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
        token = path.buyers._selling._tokens.for_call("call_9", now_s)
        assert int(token.split(".")[1]) == now_s + 80 + 20 + 90 + 7 + 60
        assert path.reporting.call_of(token) == "call_9"

        report = b'{"id": "r1", "kind": "tool", "name": "x", "amount_usd": "1"}'
        assert await path.reporting.take("call_9", report) == ReportsRefused(Code.CALL_UNKNOWN)
        many = b"[" + b",".join([report] * 3) + b"]"
        assert await path.reporting.take("call_9", many) == ReportsRefused(Code.REPORTS_TOO_MANY)


async def test_the_buyers_pages_are_this_sellers(tmp_path: Path) -> None:
    """Its address, its networks and its own key; what a wallet asks for is read from its books."""
    async with built(tmp_path) as path:
        found = (await ask(path, "GET", b"/.well-known/x402")).document()
        asked = (await ask(path, "GET", b"/__402/credits")).document()["extensions"]["sign-in-with-x"]
        proof = a_proof(asked, chain=asked["supportedChains"][1])
        credit = await ask(path, "GET", b"/__402/credits", (b"sign-in-with-x", proof_header(proof)))

        assert found["keys"] == [ReceiptKey(path.secrets.receipts).public]
        assert [route["pattern"] for route in found["routes"]] == ["/research", "/models/{name}"]
        assert (asked["info"]["domain"], asked["info"]["uri"]) == (
            "agent.example",
            "https://agent.example/__402/credits",
        )
        assert [chain["chainId"] for chain in asked["supportedChains"]] == ["eip155:84532", "eip155:31337"]
        assert (credit.status, credit.document()["available_usd"]) == (200, "0.000000000")


async def test_only_a_chain_that_was_configured_is_watched(tmp_path: Path) -> None:
    """Of a network without a node no block is known, and nobody waits for one."""
    async with built(tmp_path) as path:
        assert set(path.heads) == set(path.services.chains) == {"eip155:84532"}
        path.heads["eip155:84532"].saw(12, 1_000)

        assert path.services.head_block("eip155:84532") == 9, "the three above may be replaced"
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


async def test_what_is_owed_is_collected_at_the_pace_of_the_limits(tmp_path: Path) -> None:
    """And only where there is a node may anybody owe."""
    text = CONFIG.replace(
        "reentries: 5", "reentries: 5, flush_batch: 7, flush_every: 2s, flush_concurrency: 3"
    )
    async with built(tmp_path, text) as path:
        assert path.collector._pace == Pace(batch=7, at_once=3, every_s=2)
        assert path.services.admission.watched == {"eip155:84532"}
