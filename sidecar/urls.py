"""URLs: those of the config, and where a redirect leads. Read in one way, or refused. Asks nobody.

What programs read differently is not guessed at: no backslash or space, no dots alone in a path, no
host in numbers that is not an address. What may not stand on the wire as it is, is escaped.
"""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

from ledger.values import value

_OWN_PORTS: Final = {"http": 80, "https": 443}
_TEXT: Final = re.compile(r"(?i)https?://[!-\"$-\[\]-~]+")
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_DOTS: Final = re.compile(r"(?i)(?:\.|%2e){1,2}")
_NOT_IN_A_PATH: Final = '"<>`{}'
_NOT_IN_A_QUERY: Final = "\"<>'"


@value
class Url:
    """An http or https URL. `origin` carries no secret and no port that is the scheme's own.

    `path` is at least a slash; `query` is None where there is no question mark.
    """

    origin: str
    path: str
    query: str | None = None

    @property
    def target(self) -> str:
        """Return the path and query, as they are asked for."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    def joined(self, reference: str) -> "Url":
        """Return where *reference*, found here, leads; a fragment is nobody's. ValueError as in `read`."""
        return read(urljoin(self.origin + self.target, reference.partition("#")[0]))


def read(text: str) -> Url:
    """Read an absolute URL; a user and password in it are left out. ValueError: it is none, or an odd one."""
    if not _TEXT.fullmatch(text):
        raise ValueError("the URL must be http or https, in printable ASCII without a fragment")
    parts = urlsplit(text)
    host, port = _host(parts.hostname or ""), parts.port
    origin = f"{parts.scheme}://{host}"
    if port is not None and port != _OWN_PORTS[parts.scheme]:
        origin += f":{port}"
    if any(_DOTS.fullmatch(segment) for segment in parts.path.split("/")):
        raise ValueError("the URL's path has a segment of dots alone")
    query = _escaped(parts.query, _NOT_IN_A_QUERY) if "?" in text else None
    return Url(origin, _escaped(parts.path, _NOT_IN_A_PATH) or "/", query)


def _host(name: str) -> str:
    if ":" in name and "%" not in name:
        return f"[{ip_address(name)}]"
    if _NUMBER.fullmatch(name):
        return str(ip_address(name))
    if not _HOST.fullmatch(name):
        raise ValueError("the URL has no host, or one that cannot be read")
    return name


def _escaped(text: str, marks: str) -> str:
    return "".join([f"%{ord(mark):02X}" if mark in marks else mark for mark in text])
