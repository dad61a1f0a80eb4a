"""A prepared 402: PAYMENT-REQUIRED with everything encoded ahead but the path and the error.

Knows no call. Base64 turns three bytes into four characters, so a prefix whose length is a
multiple of three can be encoded once and what follows encoded for each answer.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.x402.codec import VERSION
from sidecar.x402.documents import Requirements, Resource
from sidecar.x402.terms import requirements_members, resource_members


@dataclass(frozen=True, slots=True)
class Challenge:
    """One route's 402, ready but for its last members. Made by `prepare`."""

    encoded: bytes

    def header(self, path: bytes, error: bytes) -> bytes:
        """The PAYMENT-REQUIRED value for *path*, which ends the resource's URL.

        *path* is a canonical target's and *error* a machine code: neither holds a character
        that JSON would escape.
        """
        rest = b'%b"},"error":"%b"}' % (path, error)
        return self.encoded + binascii.b2a_base64(rest, newline=False)


def prepare(offers: Sequence[Requirements], resource: Resource) -> Challenge:
    """Encode the 402 of *offers*; the URL of *resource* is what every path is appended to."""
    members = {
        "x402Version": VERSION,
        "accepts": [requirements_members(offer) for offer in offers],
        "resource": resource_members(resource),
    }
    text = json.dumps(members, separators=(",", ":")).encode("ascii")
    opened = text.removesuffix(b'"}}')  # the URL, which is the last member, stays open
    # JSON takes white space after the brace; it moves the seam to a multiple of three.
    padded = b"{" + b" " * (-len(opened) % 3) + opened[1:]
    return Challenge(binascii.b2a_base64(padded, newline=False))
