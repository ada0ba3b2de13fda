"""A service proves by hashes that its log goes on from a note that was kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import LogCorrupt, log_extension, size_of_note
from registry_core.evidence import extension

from ..logged import ORIGIN, Logged


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


def test_of_two_notes_and_a_proof_it_is_said_what_they_prove(logged: Logged) -> None:
    old = logged.publish()
    logged.registry.promote("t", "m", "production", "1")
    new = logged.publish().decode()
    proof = logged.registry.log_consistency(size_of_note(old, [logged.vkey])).proof
    found = log_extension(old, new, proof, [logged.vkey])
    assert (found.origin, found.from_size, found.size, found.checkpoint, found.models) == (ORIGIN, 7, 9, new, None)
    assert log_extension(old, old.decode(), [], [logged.vkey]).size == 7
    with pytest.raises(LogCorrupt):
        log_extension(new.encode(), old.decode(), proof, [logged.vkey])


def test_a_service_proves_its_growth_by_hashes(logged: Logged) -> None:
    old = extension.kept(logged.publish(), extension.verifiers_of([logged.vkey]))
    logged.registry.promote("t", "m", "production", "1")
    logged.publish()
    proof = logged.registry.log_consistency(old.size)
    new = extension.newest(proof.checkpoint.encode(), extension.verifiers_of([logged.vkey]))
    extension.require_extended(old, new, proof.proof)
    for wrong in (
        [],
        proof.proof[:-1],
        [*proof.proof, proof.proof[0]],
        ["?"],
        [proof.proof[0][:-4]],
        proof.proof[::-1],
    ):
        with pytest.raises(LogCorrupt):
            extension.require_extended(old, new, wrong)
    with pytest.raises(LogCorrupt):
        extension.require_extended(new, old, proof.proof)
