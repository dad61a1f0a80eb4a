"""A prepared 402: header and body with everything encoded ahead but the path and the error.

Knows no call. Base64 turns three bytes into four characters, so a prefix whose length is a
multiple of three can be encoded once and what follows encoded for each answer. The body is
plain JSON, and every entry of its `accepts` has the same path to be put in.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.x402 import version1
from sidecar.x402.codec import VERSION
from sidecar.x402.documents import Requirements, Resource
from sidecar.x402.identifier import Demand, declared
from sidecar.x402.terms import requirements_members, resource_members


@dataclass(frozen=True, slots=True)
class Challenge:
    """One route's 402, ready but for its last members. Made by `prepare`."""

    encoded: bytes
    entries: tuple[bytes, ...]  # version 1's `accepts`, parted where the path belongs

    def header(self, path: bytes, error: bytes) -> bytes:
        """The PAYMENT-REQUIRED value for *path*, which ends the resource's URL.

        *path* is a canonical target's and *error* a machine code: neither holds a character
        that JSON would escape.
        """
        rest = b'%b"},"error":"%b"}' % (path, error)
        return self.encoded + binascii.b2a_base64(rest, newline=False)

    def body(self, path: bytes, error: bytes, problem: bytes) -> bytes:
        """The JSON body for *path*: what a version 1 client reads, then the members of *problem*.

        *problem* is an encoded object that is not empty.
        """
        accepts = path.join(self.entries)
        return b'{"x402Version":1,"error":"%b","accepts":[%b],%b' % (error, accepts, problem[1:])


def prepare(offers: Sequence[Requirements], resource: Resource, identifier: Demand = Demand.OFF) -> Challenge:
    """Encode the 402 of *offers*; the URL of *resource* is what every path is appended to.

    Version 1 has no extensions: where an *identifier* is required it is offered nothing.
    """
    members: dict[str, object] = {
        "x402Version": VERSION,
        "accepts": [requirements_members(offer) for offer in offers],
    }
    if extensions := declared(identifier):
        members["extensions"] = extensions
    members["resource"] = resource_members(resource)
    opened = _dump(members).removesuffix(b'"}}')  # the URL, which is the last member, stays open
    # JSON takes white space after the brace; it moves the seam to a multiple of three.
    padded = b"{" + b" " * (-len(opened) % 3) + opened[1:]
    payable_in_v1 = () if identifier is Demand.REQUIRED else offers
    entries = [_dump(entry) for entry in version1.accepts(payable_in_v1, resource)]
    return Challenge(binascii.b2a_base64(padded, newline=False), _parted(entries))


def _parted(entries: Sequence[bytes]) -> tuple[bytes, ...]:
    """The entries as one text, cut at the end of each one's URL, which is its last member."""
    parts = [b""]
    for entry in entries:
        separator = b"," if len(parts) > 1 else b""
        parts[-1] += separator + entry.removesuffix(b'"}')
        parts.append(b'"}')
    return tuple(parts)


def _dump(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")
