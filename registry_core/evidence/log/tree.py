"""The Merkle tree of RFC 6962 over the lines of a log: its root, and proofs that a line is in it and that it only grew.

Hashes of whole subtrees are kept in one row, in the order in which they become whole: behind a leaf's hash those of all
subtrees that the leaf completes. So the row is only ever appended to, and any proof takes a few dozen of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

HASH_BYTES = 32
Node = Callable[[int], bytes]  # the hash that stands at that place of the row

_LEAF, _INNER = b"\x00", b"\x01"
EMPTY = hashlib.sha256().digest()


def leaf_hash(line: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(_LEAF + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node by those of its two children."""
    return hashlib.sha256(_INNER + left + right).digest()


def place(level: int, index: int) -> int:
    """Where in the row the hash of the ``index``-th subtree of 2**level leaves stands."""
    last_leaf = ((index + 1) << level) - 1
    return row_length(last_leaf) + level


def row_length(size: int) -> int:
    """How many hashes the row of a tree of ``size`` leaves has."""
    return 2 * size - size.bit_count()


class Frontier:
    """A tree that leaves are added to; it keeps the roots of the largest whole subtrees, from the left, and no more."""

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self.size = size
        self._roots = list(roots)

    @classmethod
    def of(cls, size: int, node: Node) -> Frontier:
        """The tree of the first ``size`` leaves of the row."""
        return cls(size, [node(place(level, index)) for level, index in _whole(0, size)])

    def add(self, leaf: bytes) -> list[bytes]:
        """The leaf's hash is the next one; what the row gets by that."""
        row = [leaf]
        size = self.size
        while size & 1:
            row.append(node_hash(self._roots.pop(), row[-1]))
            size >>= 1
        self._roots.append(row[-1])
        self.size += 1
        return row

    def root(self) -> bytes:
        """The root of the tree."""
        return _joined(self._roots) if self._roots else EMPTY


def root_at(size: int, node: Node) -> bytes:
    """The root of the tree of the first ``size`` leaves of the row."""
    return Frontier.of(size, node).root()


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """What proves that the leaf is in the tree of ``size`` leaves. Raises ``ValueError`` where it is not."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    return [_range_root(start, end, node) for start, end in reversed(list(_beside(index, size)))]


def consistency_proof(old_size: int, size: int, node: Node) -> list[bytes]:
    """What proves that the tree of ``size`` leaves begins with the one of ``old_size``; nothing where either is all.

    Raises ``ValueError`` where it is the smaller one.
    """
    if not 0 <= old_size <= size:
        raise ValueError(f"a tree of {size} leaves begins with none of {old_size}")
    if old_size in (0, size):
        return []
    start, end, proof = 0, size, list[tuple[int, int]]()
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append((middle, end))
            end = middle
        else:
            proof.append((start, middle))
            start = middle
    if start > 0:  # else the verifier has it: it is the root of the old tree
        proof.append((start, end))
    return [_range_root(first, last, node) for first, last in reversed(proof)]


def includes(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that the leaf of that hash is the ``index``-th of the tree; never raises."""
    if not 0 <= index < size or not _are_hashes([leaf, *proof, root]):
        return False
    sides = list(_beside(index, size))
    if len(sides) != len(proof):
        return False
    found = leaf
    for (start, _), hash_ in zip(reversed(sides), proof, strict=True):
        found = node_hash(found, hash_) if start > index else node_hash(hash_, found)
    return found == root


def extends(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Whether the proof shows that the tree begins with the old one; never raises."""
    if not 0 <= old_size <= size or not _are_hashes([*proof, old_root, root]):
        return False
    if old_size == size:
        return not proof and old_root == root
    if old_size == 0:
        return not proof and old_root == EMPTY
    start, end, goes_left = 0, size, list[bool]()
    while old_size != end:
        middle = start + _split(end - start)
        goes_left.append(old_size <= middle)
        start, end = (start, middle) if old_size <= middle else (middle, end)
    hashes = list(proof) if start > 0 else [old_root, *proof]
    if len(hashes) != len(goes_left) + 1:
        return False
    old = new = hashes[0]
    for is_left, hash_ in zip(reversed(goes_left), hashes[1:], strict=True):
        if is_left:
            new = node_hash(new, hash_)
        else:
            old, new = node_hash(hash_, old), node_hash(hash_, new)
    return old == old_root and new == root


def _are_hashes(hashes: Sequence[bytes]) -> bool:
    return all(isinstance(hash_, bytes) and len(hash_) == HASH_BYTES for hash_ in hashes)


def _split(size: int) -> int:
    """How many of ``size`` leaves, two at least, lie to the left: the largest power of two that is less."""
    return 1 << ((size - 1).bit_length() - 1)


def _beside(index: int, size: int) -> Iterator[tuple[int, int]]:
    """The leaves (from, to) beside the way from the root to the leaf."""
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            yield middle, end
            end = middle
        else:
            yield start, middle
            start = middle


def _whole(start: int, end: int) -> Iterator[tuple[int, int]]:
    """(level, index) of the largest whole subtrees that make up the leaves; one begins at ``start``."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_root(start: int, end: int, node: Node) -> bytes:
    return _joined([node(place(level, index)) for level, index in _whole(start, end)])


def _joined(roots: Sequence[bytes]) -> bytes:
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root
