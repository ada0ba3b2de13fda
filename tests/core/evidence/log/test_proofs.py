"""What a service gives of its log: proofs in the newest note's tree, of lines and sizes that there are alone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from registry_core import InvalidParameter, LogCorrupt, LogNotSet, NotInLog
from registry_core.evidence import log_tree, signed_note
from registry_core.format.layout import CHECKPOINT

from ....support.packages import open_registry
from ..logged import Logged, lines_of, write_lines

HUGE = 10**30


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


def test_lines_that_the_note_does_not_cover_are_in_no_proof(logged: Logged) -> None:
    with pytest.raises(LogNotSet):
        logged.registry.log_proof("t", "m", seq=1)
    logged.publish()
    logged.registry.promote("t", "m", "production", "1")
    for seq in (4, 5, 0, -1, 1 << 53, HUGE):
        with pytest.raises(NotInLog):
            logged.registry.log_proof("t", "m", seq=seq)
    for seq in (1, 3):
        assert logged.registry.log_proof("t", "m", seq=seq).seq == seq
    assert logged.registry.log_proof(seq=1).index == 0
    with pytest.raises(NotInLog):
        logged.registry.log_proof(seq=2)  # the checkpoint itself


def test_sizes_that_the_note_does_not_reach_have_no_proof(logged: Logged) -> None:
    note = signed_note.checkpoint_of(signed_note.parse(logged.publish()))
    registry = logged.registry
    for sizes in ((-1, None), (note.size + 1, None), (HUGE, None), (1, note.size + 1), (2, 1), (0, -1), (1, HUGE)):
        with pytest.raises(InvalidParameter):
            registry.log_consistency(*sizes)
    for old in range(note.size + 1):
        found = registry.log_consistency(old)
        proof = [base64.b64decode(one) for one in found.proof]
        roots = [log_tree.EMPTY, *[_root(logged, size) for size in range(1, note.size + 1)]]
        assert log_tree.extends(old, note.size, proof, roots[old], note.root)
        assert not log_tree.extends(old, note.size, proof, bytes(32), note.root)


def _root(logged: Logged, size: int) -> bytes:
    """Of the first leaves, as the one checkpoint has them."""
    journals = [logged.root / "log/journal/registry.jsonl", logged.journal("m"), logged.journal("n")]
    lines = [line for path in journals for line in path.read_bytes().splitlines()]
    del lines[1]  # the checkpoint
    tree = log_tree.Frontier()
    for line in lines[:size]:
        tree.add(log_tree.leaf_hash(line))
    return tree.root()


def test_what_was_changed_is_given_no_proof(logged: Logged) -> None:
    """Also where the index of the log still has the hashes of what was."""
    logged.publish()
    registry = logged.registry
    registry.log_proof("t", "m", seq=1)
    lines = lines_of(logged.journal())
    write_lines(logged.journal(), [{**lines[0], "reason": "as if it had always been said"}, *lines[1:]])
    with pytest.raises(LogCorrupt):
        open_registry(logged.root).log_proof("t", "m", seq=1)


def test_a_note_that_the_journals_do_not_bear_out_proves_nothing(logged: Logged) -> None:
    note, shown = logged.publish(), logged.root / CHECKPOINT
    said = signed_note.checkpoint_of(signed_note.parse(note))
    for wrong in (
        signed_note.Checkpoint("another.example", said.size, said.root),
        signed_note.Checkpoint(said.origin, said.size, bytes(32)),
        signed_note.Checkpoint(said.origin, said.size + 1, said.root),
        signed_note.Checkpoint(said.origin, 10**17, said.root),
    ):
        shown.write_bytes(bytes(signed_note.sign(wrong.text, [(wrong.origin, logged.private)])))
        for ask in (lambda: logged.registry.log_proof("t", "m", seq=1), lambda: logged.registry.log_consistency(1)):
            with pytest.raises(LogCorrupt):
                ask()
    for damage in (b"", b"\xff", note.replace(b"\n", b"\r\n"), note[:-1], note + note):
        shown.write_bytes(damage)
        with pytest.raises(LogCorrupt):
            logged.registry.log_checkpoint()
