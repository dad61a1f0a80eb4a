"""The hash chain: each journal is sealed together with everything before it. Pure.

A row that is changed, removed or slipped in later is found, because the hash of
its journal, and of every later one, no longer follows.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger import accounts
from ledger.accounts import Account
from ledger.transfers import Booked


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last journal's number and hash (32 bytes)."""

    seq: int
    hash: bytes


GENESIS: Final = Head(0, bytes(32))
"""The head of an empty book."""

_JSON: Final = json.JSONEncoder(separators=(",", ":"))


def canonical(booked: Booked, opened: Sequence[Account]) -> bytes:
    """Return the bytes that are sealed: one JSON array, ASCII, no spaces, integers in decimal.

        [seq, id, kind, happened_us, recorded_us, subject, note, [account, ...], [entry, ...]]
        account = [id, asset, decimals, class, side, constraint]
        entry   = [id, kind, debit, credit, units, pending_id or null]

    The accounts are *opened*: those that no journal before has used, in the order
    in which the entries name them, debit first. Entries stand in the order of the
    journal and name accounts by their id. Account ids are in text form. The limit
    of an account is not sealed: it is a setting of one use.
    """
    definitions = [
        [accounts.text(one.id), one.asset.code, one.asset.decimals, one.kind, one.side, one.constraint]
        for one in opened
    ]
    entries = [
        [
            row.id,
            row.kind,
            accounts.text(row.debit.id),
            accounts.text(row.credit.id),
            row.units,
            row.pending_id,
        ]
        for row in booked.rows
    ]
    head = [booked.seq, booked.id, booked.kind, booked.happened_us, booked.recorded_us]
    return _JSON.encode([*head, booked.subject, booked.note, definitions, entries]).encode("ascii")


def extend(head: Head, booked: Booked, opened: Sequence[Account]) -> Head:
    """Return the head after *booked*: its hash is SHA-256 over the hash before it and its own bytes."""
    return Head(booked.seq, hashlib.sha256(head.hash + canonical(booked, opened)).digest())
