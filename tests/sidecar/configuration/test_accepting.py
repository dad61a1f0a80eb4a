"""How we are paid."""

from pathlib import Path

from ledger.money import nano
from sidecar.settings import Bearer, Facilitator402, Jwt, Settings, read
from tests.sidecar.configs import MINIMAL, PAY_TO, TOKEN, facilitators, settings
from tests.sidecar.configuration.keyring import EC, ED, pem


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


def test_a_route_that_cannot_be_deferred_is_told() -> None:
    """Without a node nobody can be asked what a payer has: its payments are served as authorization."""
    deferred = MINIMAL.replace('{price: "$0.05"}', '{price: "$0.05", settle: deferred}')
    assert _warnings(deferred) == [
        ("networks", "network_unwatched"),
        ("routes.POST /research.settle", "deferred_unwatched"),
    ]
    assert _warnings(deferred + 'networks: {base-sepolia: {rpc: ["https://node.example"]}}') == []


def test_a_test_chain_may_be_a_sandbox() -> None:
    """Play money is play money."""
    assert settings(MINIMAL + "sandbox: true").sandbox


def test_facilitators_may_be_several_and_of_several_forms(tmp_path: Path) -> None:
    """Plain, by token and by key, from a variable or a file: in the seller's order, each as it was meant."""
    (tmp_path / "us.pem").write_text(pem(EC))
    entries = """
      "https://plain.example/",
      {url: "https://token.example", bearer: "${TOKEN}"},
      {url: "https://key.example", jwt: {key_id: orgs/us, algorithm: EdDSA, key: "${KEY}", issuer: them}},
      {url: "https://file.example/x402", jwt: {key_id: us, algorithm: ES256, key_file: us.pem}}
    """
    found = read(facilitators(entries), {"TOKEN": "t0ken", "KEY": pem(ED)}, tmp_path)
    assert isinstance(found, Settings), found.text()
    plain, token, key, file = found.settlement.facilitators

    assert plain == Facilitator402("https://plain.example")
    assert token == Facilitator402("https://token.example", Bearer("t0ken"))
    assert isinstance(key.access, Jwt)
    assert (key.access.key_id, key.access.issuer, key.access.algorithm) == ("orgs/us", "them", "EdDSA")
    assert isinstance(file.access, Jwt)
    assert (file.access.key_id, file.access.issuer, file.access.algorithm) == ("us", "us", "ES256")
    assert file.access.key.public_key() == EC.public_key()
    assert "t0ken" not in repr(found)


def test_a_fee_is_found_for_any_form_of_facilitator() -> None:
    """Fees go by the URL, also where somebody signs in."""
    entry = "{url: https://a.example, bearer: abc}"
    found = settings(facilitators(entry) + 'fees: {facilitator: {"https://a.example": "$0.001"}}')

    assert found.fees.facilitator == {"https://a.example": nano(1_000_000)}


def test_signing_in_on_this_machine_needs_no_encryption() -> None:
    """A facilitator behind a proxy of one's own."""
    found = settings(facilitators("{url: http://127.0.0.1:4000, bearer: abc}"))

    assert found.settlement.facilitators[0].access == Bearer("abc")
