"""`sidecar ledger verify` and `prove`."""

import json
from collections.abc import Callable

import pytest

from ledger import proofs
from ledger.signing import Signer
from sidecar.adapters.secrets import beside
from sidecar.adapters.secrets import load as load_secrets
from tests.sidecar.shop import Sale, Shop, forced

Run = Callable[..., tuple[int, str, str]]


async def test_good_books_end_with_zero(run: Run, shop: Shop) -> None:
    """How far they go, how far they are signed, and with which key."""
    await shop.serve(Sale())
    await shop.seal()
    code, out, err = run("ledger", "verify")
    key = Signer(load_secrets(shop.path).checkpoints).public_key.hex()

    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("3 journals are what was sealed, head ")
    assert out.splitlines()[1] == f"3 of them are signed, with {key}"
    assert json.loads(run("ledger", "verify", "--public-key", key, "--json")[1])["verified"] is True


async def test_a_bad_row_ends_with_one(run: Run, shop: Shop) -> None:
    """The sentence names it."""
    await shop.serve(Sale())
    await shop.seal()
    with forced(shop.path) as connection:
        connection.execute("UPDATE journals SET happened_us = happened_us + 1 WHERE seq = 2")
    code, out, err = run("ledger", "verify")

    assert (code, out) == (1, "")
    assert err == "sidecar: the books are not what was sealed: row 2 of journals is not what was sealed\n"


async def test_without_a_key_nothing_is_verified(run: Run, shop: Shop) -> None:
    """Asking for one makes none, and a damaged file of secrets is told."""
    await shop.serve(Sale())
    code, _, err = run("ledger", "verify")
    assert (code, "say --public-key" in err) == (3, True)
    assert not beside(shop.path).exists()

    beside(shop.path).write_text("{")
    code, _, err = run("ledger", "verify")
    assert (code, "is damaged" in err) == (3, True)


@pytest.mark.parametrize("text", ["ab", "zz" * 32, " " * 64])
async def test_a_key_is_64_digits(run: Run, shop: Shop, text: str) -> None:
    """Anything else is wrong usage."""
    code, _, err = run("ledger", "verify", "--public-key", text)

    assert code == 2
    assert "a public key has 64 hexadecimal digits" in err


async def test_a_proof_is_printed(run: Run, shop: Shop) -> None:
    """For people what it proves, as JSON the proof itself; what is not there ends with one."""
    await shop.serve(Sale())
    await shop.seal()
    name = f"{Sale().call}/settled"
    code, out, _ = run("ledger", "prove", name)
    proof = json.loads(run("ledger", "prove", name, "--json")[1])

    assert code == 0
    assert out.splitlines()[0] == proof["journal"]
    assert proofs.fault(proofs.read(proof), bytes.fromhex(proof["public_key"])) is None
    assert run("ledger", "prove", "nothing") == (1, "", "sidecar: there is no journal nothing\n")
