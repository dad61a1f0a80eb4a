"""Where things are: URLs, listening addresses, the database. Text to values; knows no setting by name.

URLs may carry keys, so no sentence repeats one.
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from sidecar import urls
from sidecar.configuration.model import Address
from sidecar.configuration.problems import WrongValue
from sidecar.configuration.reading import Number

URL: Final = r"https?://[^\s#]+"
LISTEN: Final = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}"
SQLITE: Final = r"sqlite:///[^?#]+"
POSTGRES: Final = r"postgres(ql)?://[^/?#\s]*/[^/?#\s]+(\?[!-~]*)?"
STORAGE: Final = f"{SQLITE}|{POSTGRES}"
BESIDE_POSTGRES: Final = Path("sidecar.db")
"""What the sidecar's own files are named after where the books are not in a file."""
FILE: Final = r"[^\x00-\x1f\x7f]{1,1000}"

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_BASE_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)*")


def base_url(value: object) -> str:
    """Read an http or https URL that paths are put behind: no credentials, query or fragment.

    The trailing slash is dropped, so that one place has one spelling.
    """
    parts = _split(value)
    if parts.username is not None or parts.password is not None:
        raise WrongValue("url_credentials", "the URL must not carry a user name or password")
    if parts.query or str(value).endswith("?"):
        raise WrongValue("url_query", "the URL must not have a query")
    path = parts.path.rstrip("/")
    if not _BASE_PATH.fullmatch(path):
        raise WrongValue("url_path", "the URL's path may only have plain segments, without // or dots alone")
    return _readable(f"{parts.scheme}://{parts.netloc.lower()}{path}")


def rpc_url(value: object) -> str:
    """Read the http or https URL of a node; providers put keys into its path or query."""
    _split(value)
    return _readable(str(value))


def _split(value: object) -> SplitResult:
    if isinstance(value, Number) or not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,2000}", value):
        raise WrongValue("url", "must be a URL such as https://host.example")
    if not value.startswith(("http://", "https://")):
        raise WrongValue("url_scheme", "the URL must start with http:// or https://")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise WrongValue("url", "the URL's host or port cannot be read") from None
    if port == 0 or not (_HOST.fullmatch(host) or _is_ip(host)):
        raise WrongValue("url", "the URL has no host, or a port or host that cannot be reached")
    if "#" in value:
        raise WrongValue("url_query", "the URL must not have a fragment")
    return parts


def _readable(url: str) -> str:
    try:
        urls.read(url)
    except ValueError as odd:
        raise WrongValue("url", str(odd)) from None
    return url


def is_local(url: str) -> bool:
    """Tell whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback)


def port_of(url: str) -> int:
    """Return the URL's port, also where it is the scheme's own."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def listen(value: object) -> Address:
    """Read `host:port`; an IPv6 host stands in brackets, port 0 is any free one."""
    if not isinstance(value, str) or not re.fullmatch(LISTEN, value):
        raise WrongValue("listen", "must be host:port, such as 127.0.0.1:8402")
    host, _, port = value.rpartition(":")
    bare = host.strip("[]")
    if host != bare and not _is_ip(bare):
        raise WrongValue("listen", "only an IPv6 address stands in brackets")
    if int(port) > 65535:
        raise WrongValue("listen", "a port is at most 65535")
    if re.fullmatch(r"[0-9.]+", bare) and not _is_ip(bare):
        raise WrongValue("listen", "the IP address cannot be read")
    return Address(bare, int(port))


def file_name(value: object) -> Path:
    """Read the path of a file, relative to the config file or absolute."""
    if isinstance(value, Number) or not isinstance(value, str) or not re.fullmatch(FILE, value):
        raise WrongValue("file_name", "must be the path of a file")
    return Path(value)


@dataclass(frozen=True, slots=True)
class Database:
    """A file's path as written, relative to the config file or absolute; or the address of a PostgreSQL."""

    path: Path
    address: str = field(default="", repr=False)


def storage(value: object) -> Database:
    """Read `sqlite:///file` (relative to the config file), `sqlite:////absolute/file` or a PostgreSQL URL."""
    if isinstance(value, str) and value.startswith(("postgresql:", "postgres:")):
        if not re.fullmatch(POSTGRES, value):
            raise WrongValue("storage", "must be postgresql://user:password@host/db, percent-encoded")
        return Database(BESIDE_POSTGRES, value)
    if not isinstance(value, str) or not re.fullmatch(SQLITE, value) or value.endswith("/"):
        raise WrongValue(
            "storage", "must be sqlite:///file.db, sqlite:////absolute/file.db or postgresql://user@host/db"
        )
    name = value.removeprefix("sqlite:///")
    if name.startswith(":") or "\x00" in name:
        raise WrongValue("storage", "the books are kept in a file; memory and special names are not")
    return Database(Path(name))
