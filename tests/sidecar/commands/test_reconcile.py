"""`sidecar reconcile` on the books of a sidecar that sold real calls."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main
from sidecar.commands.errors import Exit
from sidecar.sandbox import keys, token
from sidecar.sandbox.process import Sandbox
from tests.scenarios.stand import Stand, set_up, until
from tests.sidecar.sandbox.live_chain import Chain
from tests.sidecar.shop import Shop, forced

SOLD = ("/chat", "/research", "/stream")


@dataclass(frozen=True)
class Books:
    """A stand whose sidecar has ended, and the last block before money moved otherwise."""

    stand: Stand
    block: int

    def copied(self, folder: Path) -> "Books":
        """Copy it, so that it can be spoilt; a run that was ended by force leaves its log beside it."""
        log = self.stand.database.with_name(self.stand.database.name + "-wal")
        for path in (self.stand.config, self.stand.database, log):
            if path.exists():
                shutil.copy(path, folder)
        return replace(self, stand=replace(self.stand, folder=folder))


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, agent: str) -> Books:
    """Sell three calls, and reconcile beside the running sidecar; then let money come and go otherwise."""
    folder = tmp_path_factory.mktemp("sold")
    seller = keys.published(f"seller in {folder}")
    stand = set_up(folder, sandbox, agent)
    with stand.serving() as running:
        for path in SOLD:
            assert running.send(path, running.signed(sandbox.buyers[0], path)).status_code == 200

        def seen() -> bool:
            sandbox.rpc("evm_mine")
            accounts = running.ask("/api/v1/ledger/accounts")["items"]
            return not any(
                each["balance"] != "0.000000000"
                for each in accounts
                if each["account"].startswith("reported:")
            )

        assert main(["reconcile", "--config", str(stand.config)]) == Exit.FINE
        assert until(seen)
        assert main(["reconcile", "--config", str(stand.config)]) == Exit.FINE
    chain = Chain(sandbox.rpc_url)
    block = int(chain.get("eth_blockNumber"), 16)
    chain.mined(chain.send(sandbox.buyers[1], to=seller.address, value=10**16, gas=21_000))
    chain.give(sandbox.buyers[1], seller.address, 777)
    chain.give(seller, sandbox.buyers[2].address, 50_000)
    for _ in range(2):
        chain.get("evm_mine")
    return Books(stand, block)


def told(books: Books, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    code = main(["reconcile", "--json", "--config", str(books.stand.config), *words])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def test_every_unit_is_explained(sold: Books, capsys: pytest.CaptureFixture[str]) -> None:
    """What was sold matches, what came besides is unapplied, what left is the owner's; the ends add up."""
    code, answer, complaints = told(sold, capsys)
    (item,) = answer["items"]
    assert (code, complaints, answer["explained"]) == (Exit.FINE, "", True)
    assert (item["matched"], item["unapplied"], item["owner_movements"]) == (3, 1, 1)
    assert [item[name] for name in ("reported", "suspended", "missing", "different")] == [0, 0, 0, 0]
    assert item["balance_books"] == item["amounts"]["matched"] == "0.080000"
    assert (item["balance_chain"], item["opening"], item["unexplained"]) == (
        "0.030777",
        "0.000000",
        "0.000000",
    )
    assert (item["pay_to"], item["asset"]) == (sold.stand.pay_to.lower(), token.ADDRESS.lower())
    assert item["explained_ratio"] == "1.0000"
    lines = [(each["kind"], each["amount"], each["call"]) for each in item["unmatched"]]
    assert lines == [("unapplied", "0.000777", None), ("owner_movement", "0.050000", None)]
    assert all(each["age_s"] < 600 for each in item["unmatched"])


def test_a_later_first_block_begins_with_what_was_there(
    sold: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was booked before the range is the till's own; nothing of it is missing."""
    code, answer, _ = told(sold, capsys, "--from-block", str(sold.block + 1))
    (item,) = answer["items"]
    assert (code, item["matched"], item["unapplied"], item["missing"]) == (Exit.FINE, 0, 1, 0)
    assert (item["opening"], item["from_block"]) == ("0.000000", sold.block + 1)


def test_a_first_block_that_is_not_final_is_refused(sold: Books, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is told that all is well of a range in which there is no block."""
    code = main(["reconcile", "--config", str(sold.stand.config), "--from-block", str(sold.block + 10**6)])
    captured = capsys.readouterr()

    assert (code, captured.out) == (Exit.WRONG_USAGE, "")
    assert f"no block from {sold.block + 10**6} on is final; the newest is " in captured.err


def test_what_was_sold_before_a_block_was_known_is_looked_for(
    sold: Books, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other payments that tell a later block do not put it out of the range."""
    books = sold.copied(tmp_path)
    with closing(sqlite3.connect(books.stand.database)) as connection:
        placed = "UPDATE payments SET from_block = iif(no = (SELECT min(no) FROM payments), 0, ?)"
        connection.execute(placed, (books.block,))
        connection.commit()

    code, answer, _ = told(books, capsys)
    (item,) = answer["items"]
    assert (code, item["matched"], item["missing"], item["explained_ratio"]) == (Exit.FINE, 3, 0, "1.0000")


def test_on_a_terminal(sold: Books, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for the till, then what is not matched, then the verdict."""
    assert main(["reconcile", "--config", str(sold.stand.config)]) == Exit.FINE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["network", "pay_to"]
    assert lines[1].split()[:2] == ["eip155:84532", sold.stand.pay_to.lower()]
    assert lines[3].split() == ["kind", "amount", "call", "payer", "transaction", "block", "age_s"]
    assert [line.split()[0] for line in lines[4:6]] == ["unapplied", "owner_movement"]
    assert lines[-1] == "the books and the chain agree"


def spoil(connection: sqlite3.Connection, statement: str) -> None:
    assert connection.execute(statement).rowcount == 1


@pytest.mark.parametrize(
    ("statement", "kinds", "unexplained"),
    [
        (
            "UPDATE receipts SET log_index = 99 WHERE amount = 50000",
            ["missing", "unapplied", "unapplied", "owner_movement"],
            "-0.050000",
        ),
        (
            "UPDATE payments SET amount = 50001 WHERE amount = 50000",
            ["different", "unapplied", "owner_movement"],
            "0.000000",
        ),
        (
            "UPDATE transfers SET amount = amount + 5 WHERE id LIKE '%/units' AND amount = 50000",
            ["unapplied", "owner_movement"],
            "-0.000005",
        ),
    ],
)
def test_books_that_lie_are_found(
    statement: str,
    kinds: list[str],
    unexplained: str,
    sold: Books,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A Transfer that is not there, another amount, and money that no payment brought."""
    spoilt = sold.copied(tmp_path)
    with forced(spoilt.stand.database) as connection:
        spoil(connection, statement)
    code, answer, complaints = told(spoilt, capsys)
    (item,) = answer["items"]
    sentence = "the books and the chain do not agree; the table says where"
    assert (code, complaints) == (Exit.FOUND_WRONG, f"sidecar: {sentence}\n")
    assert [each["kind"] for each in item["unmatched"]] == kinds
    assert item["unexplained"] == unexplained
    assert answer["explained"] is False


def test_a_chain_that_cannot_be_asked_is_neither_right_nor_wrong(
    sold: Books, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, which names the node and not its path, and the code for what could not be reached."""
    away = sold.copied(tmp_path)
    text = away.stand.config.read_text(encoding="utf-8")
    rpc = away.stand.sandbox.rpc_url
    away.stand.config.write_text(text.replace(rpc, "http://127.0.0.1:9/secret-key"), encoding="utf-8")
    assert main(["reconcile", "--config", str(away.stand.config)]) == Exit.UNREACHABLE
    complaint = capsys.readouterr().err
    assert complaint.endswith("; see that it runs, or name another node in `networks`\n")
    assert "127.0.0.1:9" in complaint
    assert "secret-key" not in complaint


def test_empty_books_agree_with_any_chain(
    shop: Shop, shop_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing sold, nothing to explain, nobody to ask."""
    assert main(["reconcile", "--json", "--config", str(shop_config)]) == Exit.FINE
    assert json.loads(capsys.readouterr().out) == {"items": [], "next_cursor": None, "explained": True}


@pytest.mark.parametrize("block", ["-1", "0x10", "latest", "1" * 16])
def test_a_first_block_is_a_number(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is wrong usage."""
    assert main(["reconcile", "--from-block", block]) == Exit.WRONG_USAGE
    assert "--from-block" in capsys.readouterr().err
