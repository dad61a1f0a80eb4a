"""The sidecar's own secrets: made once, readable by one user, never guessed anew."""

import json
import os
import stat
from pathlib import Path

import pytest

from sidecar.adapters.secrets import SECRET_BYTES, SecretsUnusable, beside, existing, load


def made(folder: Path) -> Path:
    """Make secrets for a database in *folder* and return their file."""
    load(folder / "books.db")
    return folder / "books.db.secrets"


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """The next start finds the same ones; another database has its own."""
    first = load(tmp_path / "books.db")

    assert load(tmp_path / "books.db") == first
    assert beside(tmp_path / "books.db") == tmp_path / "books.db.secrets"
    other = load(tmp_path / "other.db")
    kept, others = (
        {one.origin, one.calls, bytes.fromhex(one.operator), one.answers, one.receipts, one.checkpoints}
        for one in (first, other)
    )
    assert len(kept | others) == 12
    assert {len(secret) for secret in kept} == {SECRET_BYTES}


def test_a_file_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    """Its own secrets stay as they are; what is new is made once, and nobody else may read it."""
    path = made(tmp_path)
    kept = json.loads(path.read_text(encoding="ascii"))
    path.write_text(json.dumps({name: kept[name] for name in kept if name != "receipts"}), encoding="ascii")
    grown = load(tmp_path / "books.db")

    assert grown.origin.hex() == kept["origin"]
    assert grown.receipts.hex() != kept["receipts"]
    assert load(tmp_path / "books.db") == grown
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_only_reads_makes_no_secret(tmp_path: Path) -> None:
    """None until all of them are there, and nothing beside the database."""
    assert existing(tmp_path / "books.db") is None
    assert list(tmp_path.iterdir()) == []

    path = made(tmp_path)
    kept = json.loads(path.read_text(encoding="ascii"))
    assert existing(tmp_path / "books.db") == load(tmp_path / "books.db")
    path.write_text(json.dumps({name: kept[name] for name in kept if name != "checkpoints"}))
    assert existing(tmp_path / "books.db") is None
    path.write_text("{")
    with pytest.raises(SecretsUnusable, match="is damaged"):
        existing(tmp_path / "books.db")


def test_only_its_user_can_read_the_file(tmp_path: Path) -> None:
    """Mode 0600 from the first byte on, and no draft is left behind."""
    path = made(tmp_path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_that_lies_about_is_not_trusted(tmp_path: Path) -> None:
    """A start that was cut short left a file others might read: its mode and content are not taken over."""
    draft = tmp_path / "books.db.secrets.new"
    draft.write_text("half", encoding="ascii")
    draft.chmod(0o644)
    path = made(tmp_path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not draft.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        json.dumps({"origin": "00" * 32, "calls": "00" * 32}).encode(),
        json.dumps({"origin": "00" * 32, "calls": "00" * 32, "operator": 7}).encode(),
        json.dumps({"origin": "00" * 32, "calls": "00" * 32, "operator": "zz"}).encode(),
        json.dumps(
            {"origin": "00" * 32, "calls": "00" * 32, "operator": "zz", "answers": "00" * 32}
        ).encode(),
        json.dumps({"origin": "00" * 31, "calls": "", "operator": "00" * 32, "answers": "00" * 32}).encode(),
        json.dumps({"origin": "00" * 31, "calls": "00" * 32, "operator": "00" * 32}).encode(),
    ],
)
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """New secrets in its place would silently break every agent that knows the old ones."""
    path = made(tmp_path)
    path.write_bytes(content)
    with pytest.raises(SecretsUnusable, match="is damaged") as raised:
        load(tmp_path / "books.db")

    assert str(path) in str(raised.value)
    assert path.read_bytes() == content


def test_a_damaged_file_is_not_quoted(tmp_path: Path) -> None:
    """The sentence goes to a log; what stood in the file may still be a secret."""
    path = made(tmp_path)
    kept = path.read_text(encoding="ascii")
    path.write_text(kept[:-5], encoding="ascii")
    with pytest.raises(SecretsUnusable) as raised:
        load(tmp_path / "books.db")

    assert json.loads(kept)["origin"] not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """One sentence with the path and the system's reason."""
    with pytest.raises(SecretsUnusable, match="cannot be used: No such file or directory"):
        load(tmp_path / "nowhere" / "books.db")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Something else under its name is not overwritten."""
    beside(tmp_path / "books.db").mkdir()
    with pytest.raises(SecretsUnusable, match="cannot be used: Is a directory"):
        load(tmp_path / "books.db")


def test_a_start_cut_short_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the content is on disk there is no file under the name; the next start makes one."""

    def power_fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", power_fails)
        with pytest.raises(SecretsUnusable, match="Input/output error"):
            load(tmp_path / "books.db")
    assert not (tmp_path / "books.db.secrets").exists()

    assert load(tmp_path / "books.db") == load(tmp_path / "books.db")


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    """They may end up in a traceback or a debugger's output."""
    kept = load(tmp_path / "books.db")

    for secret in (kept.operator, kept.origin.hex(), kept.calls.hex(), repr(kept.origin), repr(kept.calls)):
        assert secret not in repr(kept)
