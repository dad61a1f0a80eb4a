"""The table of networks."""

import pytest
from x402.mechanisms.evm.default_assets import DEFAULT_ASSETS
from x402.mechanisms.evm.v1.constants import V1_NETWORK_CHAIN_IDS

from sidecar.configuration.addresses import checksummed
from sidecar.configuration.networks import ALIASES, LOCAL_CHAINS, caip2, network, usdc
from sidecar.configuration.problems import WrongValue


@pytest.mark.parametrize("alias", ALIASES)
def test_every_usdc_is_the_official_clients(alias: str) -> None:
    """Address, domain and decimals are what the official SDK signs for, and EIP-3009 is its way to pay."""
    asset = usdc(network(alias))
    official = DEFAULT_ASSETS[caip2(network(alias))][0]

    assert asset is not None
    assert asset.address_text == checksummed(asset.address) == official["asset"]
    assert (asset.symbol, asset.decimals) == (official["symbol"], official["decimals"])
    assert (asset.name, asset.version) == (official["name"], official["version"])
    assert "asset_transfer_method" not in official


@pytest.mark.parametrize("alias", [alias for alias in ALIASES if alias in V1_NETWORK_CHAIN_IDS])
def test_an_alias_means_what_it_means_in_version_1(alias: str) -> None:
    """A name that x402 version 1 has is the same chain here."""
    assert network(alias) == V1_NETWORK_CHAIN_IDS[alias]


def test_any_evm_network_can_be_named_by_its_id() -> None:
    """CAIP-2 needs no table; its token then has to be written out."""
    assert network("eip155:31337") == 31337
    assert usdc(31337) is None


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("bas", "network_unknown"),
        ("Base", "network_unknown"),
        ("eip155:", "network_unknown"),
        ("eip155:0", "network_unknown"),
        ("eip155:0x1", "network_unknown"),
        ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "network_unsupported"),
        (None, "network_unknown"),
    ],
)
def test_other_networks_are_refused(written: object, code: str) -> None:
    """A typo gets advice; what is not EVM is said to be so."""
    with pytest.raises(WrongValue) as caught:
        network(written)
    assert caught.value.code == code


def test_local_chains_hold_play_money() -> None:
    """No network with real money counts as a test chain."""
    assert {84532, 31337} == LOCAL_CHAINS
