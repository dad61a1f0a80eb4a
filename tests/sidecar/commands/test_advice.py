"""What a refused start says next; the refusals themselves are tried in `scenarios/test_doors`."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.store import StoreNotOurs, StoreNotReached, StoreTooNew, StoreUnfit, StoreUnusable
from sidecar.adapters.secrets import SecretsUnusable
from sidecar.commands.advice import advised
from sidecar.http.servers import CannotListenError
from sidecar.ports import Fault


def a_full_disk(path: Path) -> sqlite3.Error:
    """What SQLite raises when its file may not grow."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (b)")
        connection.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute("INSERT INTO t VALUES (randomblob(100000))")
        return caught.value


def caused(reason: Exception, cause: BaseException) -> Exception:
    reason.__cause__ = cause
    return reason


def test_a_full_disk_is_named_whoever_met_it(tmp_path: Path) -> None:
    """The key says which disk."""
    step = "; see that the disk `storage` is on has room and is sound"
    full = a_full_disk(tmp_path / "full.db")

    assert advised(caused(StoreUnusable("books.db cannot be written"), full)).endswith(step)
    assert advised(caused(SecretsUnusable("It is full."), OSError(errno.ENOSPC, ""))) == "It is full" + step


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (
            caused(CannotListenError("agent", "It is taken."), OSError(errno.EADDRINUSE, "")),
            "It is taken; change listen.agent, or stop what listens there",
        ),
        (StoreNotOurs("notes.db is not a database"), "notes.db is not a database; name another file in"),
        (StoreNotReached("PostgreSQL is away"), "PostgreSQL is away; see that it runs, and that `storage`"),
        (StoreUnusable("no"), "no; name a file in `storage` whose folder is there"),
        (
            caused(SecretsUnusable("Not for you."), PermissionError(13, "")),
            "Not for you; it stands beside",
        ),
    ],
)
def test_each_refusal_has_its_next_step(reason: Exception, sentence: str) -> None:
    """One sentence, with the key of the config."""
    assert advised(reason).startswith(sentence)


def test_nobody_is_sought_who_listens_where_nobody_can() -> None:
    """An address of another machine, or a port this user may not take, is only changed."""
    reason = caused(CannotListenError("buyers", "Cannot listen."), OSError(errno.EADDRNOTAVAIL, ""))

    assert advised(reason) == "Cannot listen; change listen.buyers"


def test_who_holds_the_file_is_to_be_stopped(tmp_path: Path) -> None:
    """Whichever words SQLite has for it."""
    with closing(sqlite3.connect(tmp_path / "held.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        other = sqlite3.connect(tmp_path / "held.db", timeout=0, isolation_level=None)
        with closing(other), pytest.raises(sqlite3.Error) as caught:
            other.execute("BEGIN IMMEDIATE")

    step = "; stop the process that holds it, or name another file in `storage`"
    assert advised(caused(StoreUnusable("It is locked"), caught.value)) == f"It is locked{step}"


@pytest.mark.parametrize(
    "reason",
    [
        StoreTooNew("use the version that wrote it"),
        StoreUnfit("it is a standby; the books are written on the primary"),
        SecretsUnusable("damaged: restore it."),
        Fault("facilitator: refused"),
    ],
)
def test_what_says_it_itself_is_left_as_it_is(reason: Exception) -> None:
    """Nothing is said twice."""
    assert advised(reason) == str(reason)
