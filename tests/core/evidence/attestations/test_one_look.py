"""What a page is told of a version's evidence: the newest, bounded, and read as it lies there."""

from __future__ import annotations

from ...conftest import MODEL, TASK, Shelf
from ..governed import NO_FINDING, Governed, policy


def test_documents_are_told_newest_first_and_counted_where_they_are_left_out(shelf: Shelf) -> None:
    governed = Governed(shelf)
    seqs = [governed.review(person) for person in ("ada", "bob", "cyd")]
    governed.sign()
    told = shelf.registry().evidence(TASK, MODEL, "1", most=2)
    assert [one.seq for one in told.documents] == seqs[:0:-1]
    assert [one.decision for one in told.documents] == ["approve", "approve"]
    assert [one.signers[0].person for one in told.signatures] == ["trainer"]
    assert told.left_out == 1
    assert shelf.registry().evidence(TASK, MODEL, "2").documents == []


def test_guarded_are_the_aliases_that_policies_name_and_those_asked_for_that_they_match(shelf: Shelf) -> None:
    governed = Governed(shelf)
    assert shelf.registry().evidence(TASK, MODEL, "1", ["production"]).guarded == []
    governed.set_policy(policy(NO_FINDING))
    named = governed.set_policy(policy(NO_FINDING, alias="can*", task="*"), task="*")
    told = shelf.registry().evidence(TASK, MODEL, "1", ["canary", "latest"])
    assert told.guarded == ["production", "canary"]
    shelf.storage.documents.delete(f"log/documents/{named.removeprefix('sha256:')}.json")
    assert shelf.registry().evidence(TASK, MODEL, "1").guarded is None
