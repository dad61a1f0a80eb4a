"""How we are paid."""

from tests.sidecar.configs import MINIMAL, PAY_TO, TOKEN, settings


def _warnings(text: str) -> list[tuple[str, str]]:
    return [
        (warning.path, warning.code) for warning in settings(text).warnings if warning.path != "public_url"
    ]


def test_an_alias_and_its_id_are_one_network() -> None:
    """Chain access found under an alias serves what is accepted by id."""
    found = settings(
        MINIMAL.replace("base-sepolia", "eip155:84532")
        + 'networks: {base-sepolia: {rpc: ["https://node.example"]}}'
    )

    assert found.accept[0].network in found.networks


def test_a_known_token_may_be_written_out() -> None:
    """The table and the file agree about USDC."""
    usdc = settings(MINIMAL).accept[0].asset
    domain = 'symbol: USDC, decimals: 6, name: USDC, version: "2", usd_peg: true'
    written = MINIMAL.replace("asset: USDC", f'asset: {{address: "{usdc.address_text}", {domain}}}')

    assert settings(written).accept[0].asset == usdc


def test_addresses_are_published_with_their_checksum() -> None:
    """However they were written, buyers compare one spelling."""
    accept = settings(MINIMAL.replace(PAY_TO, PAY_TO.lower())).accept[0]

    assert accept.pay_to_text == PAY_TO


def test_two_tokens_on_one_network_are_two_ways_to_pay() -> None:
    """Only the same token twice is a mistake."""
    token = f'{{address: "{TOKEN}", symbol: T, decimals: 9, name: T, version: "1", usd_peg: true}}'
    more = f'{{network: base-sepolia, asset: {token}, pay_to: "{PAY_TO}"}}'

    assert len(settings(MINIMAL.replace("accept: [", f"accept: [{more}, ")).accept) == 2


def test_the_operator_is_warned() -> None:
    """What works and may not be meant is told."""
    assert _warnings(MINIMAL) == [("networks", "network_unwatched")]
    assert _warnings(MINIMAL + 'networks: {base: {rpc: ["https://node.example"]}}') == [
        ("networks", "network_unwatched"),
        ("networks", "network_unused"),
    ]
    assert _warnings(MINIMAL.replace("https", "http"))[1:] == [
        ("settlement.facilitators.0", "facilitator_plaintext")
    ]
    assert _warnings(MINIMAL.replace("https://facilitator.example.com", "http://127.0.0.1:4000"))[1:] == []


def test_a_test_chain_may_be_a_sandbox() -> None:
    """Play money is play money."""
    assert settings(MINIMAL + "sandbox: true").sandbox
