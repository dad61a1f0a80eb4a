"""The paid path as wiring builds it from a config, on real storage and with nobody listening around it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sidecar.adapters.system import SystemClock
from sidecar.settings import Settings, read
from sidecar.wiring import PaidPath, open_storage, paid_path
from tests.sidecar.builders import a_payment_header
from tests.sidecar.configs import PAY_TO, TOKEN
from tests.sidecar.fakes import Buyer, RecordingObserver
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
    storage = open_storage(settings, clock, "run_1")
    path = await paid_path(settings, storage, clock, RecordingObserver(), "run_1")
    try:
        yield path
    finally:
        await path.adapters.close()


async def ask(
    path: PaidPath, method: str, target: bytes, *headers: tuple[bytes, bytes], query: bytes = b""
) -> Buyer:
    buyer = Buyer()
    scope: dict[str, Any] = {"type": "http", "method": method, "raw_path": target, "query_string": query}
    await path.buyers(scope | {"headers": list(headers)}, buyer.receive, buyer.send)
    return buyer


def payment(path: PaidPath, target: bytes) -> tuple[bytes, bytes]:
    """Sign the first offer made for what is sold under *target*."""
    amount = {b"/research": 55_000, b"/models/x": 1_000}[target]
    offer = next(offer for offer in path.offers if offer.requirements.amount == amount)
    return b"payment-signature", a_payment_header(offer, validBefore=str(int(time.time()) + 200))
