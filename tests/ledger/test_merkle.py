"""A Merkle tree proves each of its leaves by a short path, and nothing else."""

import hashlib

import pytest

from ledger import merkle

LEAVES = [merkle.leaf(bytes([n])) for n in range(33)]


def test_the_hashes_are_those_of_the_rfc() -> None:
    """RFC 6962, section 2.1: prefix 0 for a leaf, 1 for a node, and a tree of three leans to the left."""
    a, b, c = LEAVES[:3]

    assert a == hashlib.sha256(b"\x00\x00").digest()
    assert merkle.root([a]) == a
    assert merkle.root([a, b]) == hashlib.sha256(b"\x01" + a + b).digest()
    assert merkle.root([a, b, c]) == merkle.node(merkle.node(a, b), c)


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_every_leaf_has_a_path_to_the_root(size: int) -> None:
    """The path is no longer than the tree is high, and leads to the root from its own leaf only."""
    leaves = LEAVES[:size]
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.path(leaves, index)

        assert len(path) <= (size - 1).bit_length()
        assert merkle.climb(leaf, index, size, path) == root
        assert merkle.climb(merkle.leaf(b"x"), index, size, path) != root
        assert all(merkle.climb(leaf, other, size, path) != root for other in range(size) if other != index)


@pytest.mark.parametrize(("index", "size", "steps"), [(3, 3, 2), (-1, 3, 2), (0, 3, 1), (0, 3, 3), (0, 1, 1)])
def test_a_path_that_does_not_fit_leads_nowhere(index: int, size: int, steps: int) -> None:
    """A place outside the tree, a step too few or too many."""
    assert merkle.climb(LEAVES[0], index, size, LEAVES[1 : 1 + steps]) is None


def test_roots_tell_trees_apart() -> None:
    """Another order, another leaf, or one more is another root."""
    first = merkle.root(LEAVES[:5])

    assert first not in {
        merkle.root(LEAVES[:6]),
        merkle.root(LEAVES[:4]),
        merkle.root([*LEAVES[:4], LEAVES[3]]),
        merkle.root(LEAVES[4::-1]),
    }
