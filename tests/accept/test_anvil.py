"""The chain's contracts against anvil, a node in real use: what our chain answers, a real one answers too."""

import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sidecar.sandbox import keys, token
from tests.sidecar.sandbox.live_chain import Chain
from tests.sidecar.sandbox.rpc_contract import RpcContract
from tests.sidecar.sandbox.time_contract import TimeContract
from tests.sidecar.sandbox.token_contract import TokenContract

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="the lock names anvil's Linux x86-64 build only",
)

PACKAGES = Path(__file__).parent / "node_modules" / "@foundry-rs"


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    """Run anvil with the token at its address and the published accounts funded."""
    (binary,) = PACKAGES.glob("anvil-*/bin/anvil")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(binary), "--port", str(port), "--chain-id", "84532", "--silent", "--accounts", "1"]
    with subprocess.Popen(command) as process:
        try:
            ready = Chain(f"http://127.0.0.1:{port}")
            _wait(ready)
            _place_token(ready)
            yield ready
        finally:
            process.terminate()


class TestRpc(RpcContract):
    """The same claims that the embedded chain answers."""


class TestToken(TokenContract):
    """The same claims that the embedded chain answers."""

    def test_authorization_signed_now_is_valid_now(self, chain: Chain) -> None:
        """Anvil answers as of its newest block, so the claim holds once a block came."""
        chain.get("evm_mine")
        super().test_authorization_signed_now_is_valid_now(chain)


class TestTime(TimeContract):
    """The same claims that the embedded chain answers. The last: it takes the chain into the future."""


def _wait(chain: Chain) -> None:
    transport = httpx.HTTPTransport(retries=8)  # with growing pauses, about 30 s in all
    with httpx.Client(transport=transport) as client:
        client.post(chain.url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []})


def _place_token(chain: Chain) -> None:
    chain.get("anvil_setCode", token.ADDRESS, "0x" + token.runtime().hex())
    for slot, value in token.genesis_storage(keys.tokens()).items():
        place, word = f"0x{slot:064x}", f"0x{value:064x}"
        chain.get("anvil_setStorageAt", token.ADDRESS, place, word)
    for address, wei in keys.wei().items():
        chain.get("anvil_setBalance", address, hex(wei))
