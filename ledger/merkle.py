"""Merkle trees as in RFC 6962, section 2.1: one hash over many, and a short path from each to it. Pure.

A leaf is hashed with another prefix than a node, so that no node can be shown as a leaf.
"""

import hashlib
from collections.abc import Sequence


def leaf(content: bytes) -> bytes:
    """Return the hash of one leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash over two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the hash over all *leaves*, which are hashes of leaves; at least one."""
    assert leaves, "a tree has a leaf"
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the hashes that lead from the leaf at *index* to the root, lowest first."""
    assert 0 <= index < len(leaves), "a path begins at a leaf"
    found: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        level, index = _above(level), index >> 1
    return tuple(found)


def climb(start: bytes, index: int, size: int, steps: Sequence[bytes]) -> bytes | None:
    """Return the root that *steps* lead to from a leaf of a tree of *size*; None if they do not fit it."""
    if not 0 <= index < size:
        return None
    reached, left = start, list(steps)
    while size > 1:
        if index ^ 1 < size:
            if not left:
                return None
            step = left.pop(0)
            reached = node(step, reached) if index & 1 else node(reached, step)
        index, size = index >> 1, (size + 1) >> 1
    return None if left else reached


def _above(level: Sequence[bytes]) -> list[bytes]:
    """Hash neighbours together; who has none stands on the next level as it is."""
    paired = [node(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
    return paired if len(level) % 2 == 0 else [*paired, level[-1]]
