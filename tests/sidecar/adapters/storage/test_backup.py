"""A backup is the books as they were at one moment, and can be gone on with."""

import asyncio
import os
import sqlite3
import stat
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from psycopg import conninfo

import ledger
from ledger import sealing
from ledger.reports import NOW
from ledger.signing import Signer
from ledger.stores.postgres.connecting import connect
from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.storage.auditing import audit_books
from sidecar.adapters.storage.backup import NotCopied, back_up
from sidecar.adapters.storage.reading import Unreadable
from sidecar.adapters.storage.reporting import read_trial_balance
from sidecar.adapters.storage.sealed import verify_books
from sidecar.domain.closing import Ending
from tests.ledger.stores.postgres.test_store import sealed
from tests.postgres_server import tools
from tests.sidecar.builders import open_books, verified
from tests.sidecar.shop import Sale, Shop
from tests.test_docs import blocks

SIGNER = Signer(bytes(32))
PAGE = Path(ledger.__file__).parent.parent / "docs/operating.md"


def key(shop: Shop) -> bytes:
    return Signer(load_secrets(shop.path).checkpoints).public_key


async def test_the_drill(shop: Shop, tmp_path: Path) -> None:
    """Copied while calls are sold, restored elsewhere: verified, audited, the same, and sold from."""
    await shop.serve(Sale(1))
    await shop.seal()
    copies = [tmp_path / f"copy{n}.db" for n in range(3)]

    async def sell() -> None:
        for number in range(2, 30):
            await shop.serve(Sale(number))

    async def copy() -> None:
        for each in copies:
            await asyncio.to_thread(back_up, shop.path, each)

    await asyncio.gather(sell(), copy())
    for each in copies:
        assert verify_books(each, key(shop))["first_bad"] is None
        assert audit_books(each).clean

    whole = back_up(shop.path, tmp_path / "whole.db")
    restored = Shop(tmp_path / "whole.db")
    assert whole["journals"] == verify_books(shop.path, key(shop))["journals"]
    assert whole["head"] == verify_books(restored.path, key(shop))["head"]
    assert read_trial_balance(restored.path, NOW) == read_trial_balance(shop.path, NOW)
    restored.store.open()
    await restored.serve(Sale(99))
    await restored.store.close()
    assert audit_books(restored.path).clean


async def test_a_copy_is_one_file_that_others_cannot_read(shop: Shop, tmp_path: Path) -> None:
    """Mode 0600, no log beside it, and what it says of itself is so."""
    folder = tmp_path / "backups"
    folder.mkdir()
    found = back_up(shop.path, folder / "copy.db")

    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    assert found == {
        "file": str(folder / "copy.db"),
        "bytes": (folder / "copy.db").stat().st_size,
        "journals": 0,
        "head": "00" * 32,
    }


async def test_a_backup_overwrites_nothing(shop: Shop, tmp_path: Path) -> None:
    """Neither an older backup nor anything else."""
    back_up(shop.path, tmp_path / "copy.db")
    before = (tmp_path / "copy.db").read_bytes()
    with pytest.raises(NotCopied, match="is there already"):
        back_up(shop.path, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_bytes() == before


async def test_what_cannot_be_copied_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    """No folder, no database, or one that is damaged: one sentence, and no half copy."""
    folder = tmp_path / "backups"
    folder.mkdir()
    with pytest.raises(NotCopied, match="could not be copied"):
        back_up(shop.path, tmp_path / "nowhere" / "copy.db")
    with pytest.raises(Unreadable, match="there is no database"):
        back_up(tmp_path / "none.db", folder / "copy.db")
    await shop.serve(Sale(1))
    await shop.store.close()
    with closing(sqlite3.connect(shop.path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'transfers'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with shop.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(NotCopied, match=r"is damaged|could not be copied"):
        back_up(shop.path, folder / "copy.db")

    assert list(folder.iterdir()) == []


async def test_the_drill_of_a_postgresql(postgres: str, tmp_path: Path) -> None:
    """As the page says it: dumped beside a sidecar, restored elsewhere, verified, audited, sold from."""
    (drill,) = [each for each in blocks(PAGE.read_text(encoding="utf-8"), "sh") if "pg_dump" in each]
    restored = conninfo.make_conninfo(postgres, dbname="restored")
    environment = os.environ | {"BOOKS": postgres, "SERVER": postgres, "RESTORED": restored}
    environment["PATH"] = f"{tools()}:{environment['PATH']}"
    async with open_books(tmp_path, postgres) as books:
        await books.close(await books.settled(), Ending.DELIVERED)
        await sealed(postgres)
        await books.storage.run(partial(sealing.seal, signer=SIGNER))
        expected = read_trial_balance(books.place, NOW)
        typed = ("bash", "-ec", drill)
        ended = await asyncio.to_thread(
            subprocess.run, typed, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    try:
        with closing(connect(restored)) as connection:
            connection.execute("UPDATE writers SET owner = 'before'")
        async with open_books(tmp_path, restored) as books:
            assert read_trial_balance(books.place, NOW) == expected
            assert verify_books(books.place, SIGNER.public_key)["verified"]
            await books.close(await books.settled(verified(nonce=2, call="call_2"), 2), Ending.DELIVERED)
    finally:
        with closing(connect(postgres)) as connection:
            connection.execute("DROP DATABASE restored WITH (FORCE)")
