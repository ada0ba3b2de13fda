"""The tree is the one of RFC 6962, and its proofs hold for what they prove and for nothing else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence import log_tree

# The roots of RFC 6962's usual example: its leaves, and the root of the first one, two, ... of them.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOT_OF_ONE = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
ROOT_OF_EIGHT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def by_definition(leaves: list[bytes]) -> bytes:
    """The root as the RFC defines it."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0]).digest() if leaves else hashlib.sha256().digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    both = by_definition(leaves[:half]) + by_definition(leaves[half:])
    return hashlib.sha256(b"\x01" + both).digest()


def grown(leaves: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """(the row, the root after each leaf)."""
    tree, row, roots = log_tree.Frontier(), list[bytes](), [log_tree.EMPTY]
    for leaf in leaves:
        row += tree.add(log_tree.leaf_hash(leaf))
        roots.append(tree.root())
    return row, roots


def test_the_published_roots_come_out() -> None:
    _, roots = grown(LEAVES)
    assert roots[1].hex() == ROOT_OF_ONE
    assert roots[8].hex() == ROOT_OF_EIGHT


@given(st.lists(st.binary(max_size=4), max_size=40))
def test_every_root_is_the_one_of_the_definition(leaves: list[bytes]) -> None:
    row, roots = grown(leaves)
    assert len(row) == log_tree.row_length(len(leaves))
    for size, root in enumerate(roots):
        assert root == by_definition(leaves[:size]) == log_tree.root_at(size, row.__getitem__)


def test_every_proof_of_a_tree_holds_at_its_place_only() -> None:
    leaves = [bytes([number]) for number in range(21)]
    row, roots = grown(leaves)
    hashes = [log_tree.leaf_hash(leaf) for leaf in leaves]
    for size in range(1, len(leaves) + 1):
        for index in range(size):
            proof = log_tree.inclusion_proof(index, size, row.__getitem__)
            held = [
                (at, of)
                for at in range(size)
                for of in range(size)
                if log_tree.includes(at, size, hashes[of], proof, roots[size])
            ]
            assert held == [(index, index)]
        for old in range(size + 1):
            proof = log_tree.consistency_proof(old, size, row.__getitem__)
            held_of = [of for of in range(size + 1) if log_tree.extends(of, size, proof, roots[of], roots[size])]
            assert old in held_of
            assert all(not proof for of in held_of if of != old)  # nothing is to be proven of the empty and the same
            assert not old or not log_tree.extends(old, size, proof, roots[old - 1], roots[size])


@given(st.data())
def test_a_proof_that_was_changed_proves_nothing(data: st.DataObject) -> None:
    leaves = [bytes([number]) for number in range(data.draw(st.integers(2, 70)))]
    row, roots = grown(leaves)
    size = len(leaves)
    old = data.draw(st.integers(1, size - 1))
    proof = log_tree.consistency_proof(old, size, row.__getitem__)
    at = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    for other in (proof[:-1], [*proof, proof[0]], [*proof[:at], flipped, *proof[at + 1 :]], [b"", *proof[1:]]):
        assert not log_tree.extends(old, size, other, roots[old], roots[size])
    index = data.draw(st.integers(0, size - 1))
    proof = log_tree.inclusion_proof(index, size, row.__getitem__)
    leaf = log_tree.leaf_hash(leaves[index])
    for other in (proof[:-1], [*proof, proof[0]], [proof[0][::-1], *proof[1:]]):
        assert not log_tree.includes(index, size, leaf, other, roots[size])


@given(st.binary(max_size=3), st.integers(-3, 2**70), st.integers(-3, 2**70), st.lists(st.binary(max_size=33)))
def test_nothing_that_is_sent_raises(some: bytes, old: int, size: int, proof: list[bytes]) -> None:
    assert not log_tree.includes(old, size, some, proof, some)
    assert not log_tree.extends(old, size, proof, some, some)


def test_a_tree_goes_on_from_its_row() -> None:
    leaves = [bytes([number]) for number in range(13)]
    row, roots = grown(leaves)
    tree = log_tree.Frontier.of(9, row.__getitem__)
    assert tree.root() == roots[9]
    for leaf in leaves[9:]:
        tree.add(log_tree.leaf_hash(leaf))
    assert tree.root() == roots[13]


def test_what_a_tree_has_not_is_not_proven() -> None:
    with pytest.raises(ValueError, match="no leaf 3"):
        log_tree.inclusion_proof(3, 3, list[bytes]().__getitem__)
    with pytest.raises(ValueError, match="none of 4"):
        log_tree.consistency_proof(4, 3, list[bytes]().__getitem__)
