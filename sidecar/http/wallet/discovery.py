"""Discovery: the document under `/.well-known/x402`, made once at start.

No specification names this path yet. `version` and `resources`, a list of URLs, are what
indexers read there; `routes` says the same and more, also of paths with a parameter.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sidecar.http.wallet.quotes import quote

if TYPE_CHECKING:
    from sidecar.http.buyers import Entry

BYTES_MAX: Final = 256 * 1024
_PARAMETRIC: Final = ("{", "*")


def discovery(
    entries: Sequence["Entry"], public_url: str, keys: Sequence[Mapping[str, str]], bytes_max: int = BYTES_MAX
) -> bytes:
    """Return the document: what is sold, on what terms, and where to ask for more.

    Routes that would make it larger than *bytes_max* are left out, and `complete` is false then.
    *keys* are the public keys that receipts are signed with.
    """
    priced = [_route(entry, public_url) for entry in entries if entry.sold is not None]
    shown = len(priced)
    while len(document := _document(priced[:shown], len(priced), public_url, keys)) > bytes_max and shown:
        shown = shown * bytes_max // len(document)  # at least one fewer, as the document is longer
    return document


def _document(
    routes: Sequence[Mapping[str, Any]], all_routes: int, public_url: str, keys: Sequence[Mapping[str, str]]
) -> bytes:
    ours = public_url + "/__402/"
    document = {
        "version": 1,
        "x402Versions": [1, 2],
        "resources": list(dict.fromkeys(route["resource"] for route in routes if route["resource"])),
        "routes": routes,
        "complete": len(routes) == all_routes,
        "links": {
            "quote": ours + "quote",
            "credits": ours + "credits",
            "statement": ours + "statement",
            "receipts": ours + "receipts/{call}",
        },
        "keys": keys,
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _route(entry: "Entry", public_url: str) -> dict[str, Any]:
    method, _, pattern = entry.name.partition(" ")
    written_out = not any(mark in pattern for mark in _PARAMETRIC)
    return {
        "method": method,
        "pattern": pattern,
        "resource": public_url + pattern if written_out else None,
        **quote(None if entry.sold is None else entry.sold.sale.endpoint),
    }
