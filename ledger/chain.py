"""The hash chain: each journal is sealed together with everything before it. Pure.

A row that is changed, removed or slipped in later is found, because the hash of
its journal, and of every later one, no longer follows.
"""

import hashlib
import json.encoder
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ledger import accounts
from ledger.accounts import Account, AccountId
from ledger.transfers import Booked
from ledger.values import value


@value
class Head:
    """The end of the chain: the last journal's number and hash (32 bytes)."""

    seq: int
    hash: bytes


GENESIS: Final = Head(0, bytes(32))
"""The head of an empty book."""

_quoted: Final = json.encoder.encode_basestring_ascii
"""Writes a text as JSON does."""


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
    try:
        return _written(booked, opened).encode("ascii")
    except TypeError:
        return b"null"  # a row was taken away or lacks a member: no journal has these bytes


def _written(booked: Booked, opened: Sequence[Account]) -> str:
    definitions = ",".join(
        [
            f"[{_name(one.id)},{_quoted(one.asset.code)},{one.asset.decimals},"
            f'"{one.kind!s}","{one.side!s}","{one.constraint!s}"]'
            for one in opened
        ]
    )
    entries = ",".join(
        [
            f'[{_quoted(row.id)},"{row.kind!s}",{_name(row.debit.id)},{_name(row.credit.id)},{row.units},'
            f"{'null' if row.pending_id is None else _quoted(row.pending_id)}]"
            for row in booked.rows
        ]
    )
    return (
        f"[{booked.seq},{_quoted(booked.id)},{_quoted(booked.kind)},{booked.happened_us},{booked.recorded_us},"
        f"{_quoted(booked.subject)},{_quoted(booked.note)},[{definitions}],[{entries}]]"
    )


@lru_cache(maxsize=16_384)
def _name(account_id: AccountId) -> str:
    return _quoted(accounts.text(account_id))


def extend(head: Head, booked: Booked, opened: Sequence[Account]) -> Head:
    """Return the head after *booked*: its hash is SHA-256 over the hash before it and its own bytes."""
    return Head(booked.seq, hashlib.sha256(head.hash + canonical(booked, opened)).digest())
