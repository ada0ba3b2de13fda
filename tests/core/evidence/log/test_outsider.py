"""By a kept note alone it is found that a journal was rewritten with all its links, cut, reordered, or made longer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import (
    DestinationDiffers,
    InvalidParameter,
    JournalCorrupt,
    LogCorrupt,
    LogNotSet,
    LogProof,
    StorageUnavailable,
)
from registry_core.evidence import keys, signed_note

from ....support.packages import open_registry, write_package
from ..logged import ORIGIN, Lines, Logged, lines_of, write_lines

FROM = ["root", "export"]


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


def prove(logged: Logged, old: bytes, source: str) -> LogProof:
    """From the root, or from an export and nothing else: the root is gone."""
    if source == "root":
        return logged.registry.prove_log(old, [logged.vkey])
    place = logged.root.with_name("export")
    logged.registry.export_log(place)
    shutil.rmtree(logged.root, ignore_errors=True)
    return open_registry(place).prove_log(old, [logged.vkey])


@pytest.mark.parametrize("source", FROM)
def test_a_log_that_only_grew_goes_on_from_every_note_that_it_had(logged: Logged, source: str) -> None:
    old = logged.publish()
    logged.registry.promote("t", "m", "production", "1")
    new = logged.publish()
    logged.registry.promote("t", "m", "production", "2")  # covered by nothing yet
    proof = prove(logged, old, source)
    assert (proof.origin, proof.models, proof.checkpoint) == (ORIGIN, 2, new.decode())
    assert (proof.from_size, proof.size, proof.warnings) == (7, 9, [])


def reworded(lines: Lines) -> Lines:
    return [{**lines[0], "reason": "as if it had always been said"}, *lines[1:]]


def reordered(lines: Lines) -> Lines:
    return [lines[1], lines[0], *lines[2:]]


def inserted(lines: Lines) -> Lines:
    return [lines[0], {**lines[0], "event": "tag", "set": {"tags": {"a": "b"}}}, *lines[1:]]


def removed(lines: Lines) -> Lines:
    return [lines[0], *lines[2:]]


def cut(lines: Lines) -> Lines:
    return lines[:-1]


@pytest.mark.parametrize("source", FROM)
@pytest.mark.parametrize("change", [reworded, reordered, inserted, removed, cut])
def test_a_journal_with_all_links_made_anew_is_found(
    logged: Logged, change: Callable[[Lines], Lines], source: str
) -> None:
    old = logged.publish()
    write_lines(logged.journal(), change(lines_of(logged.journal())))
    shutil.rmtree(logged.journal().parents[1] / ".index", ignore_errors=True)
    with pytest.raises(LogCorrupt):
        prove(logged, old, source)


@pytest.mark.parametrize("source", FROM)
@pytest.mark.parametrize("change", [reworded, reordered, inserted, removed, cut])
def test_so_it_is_where_the_log_was_made_anew_too_by_whoever_has_the_key(
    logged: Logged, change: Callable[[Lines], Lines], source: str
) -> None:
    """The whole root is consistent: only the kept note says that it is another one."""
    old = logged.publish()
    first = logged.root / "log/journal/registry.jsonl"
    write_lines(logged.journal(), change(lines_of(logged.journal())))
    write_lines(first, lines_of(first)[:1])
    for stray in (logged.root / "log/journal/.lock", logged.root / "log/journal/.index"):
        shutil.rmtree(stray, ignore_errors=True)
        stray.unlink(missing_ok=True)
    forged = logged.publish()
    assert forged != old
    if change is not cut:
        assert logged.registry.prove_log(forged, [logged.vkey]).size >= 6, "it holds by itself"
    with pytest.raises(LogCorrupt):
        prove(logged, old, source)


@pytest.mark.parametrize("source", FROM)
def test_a_model_that_is_gone_and_a_log_that_ends_earlier_are_found(logged: Logged, source: str) -> None:
    logged.publish()
    own = logged.root / "log/journal/registry.jsonl"
    before = own.read_bytes()
    logged.registry.promote("t", "m", "production", "1")
    old = logged.publish()
    own.write_bytes(before)
    with pytest.raises(LogCorrupt, match="had 9"):
        prove(logged, old, source)


def test_without_its_journal_a_model_is_missed(logged: Logged) -> None:
    old = logged.publish()
    shutil.rmtree(logged.journal("n").parents[1])
    with pytest.raises(LogCorrupt):
        prove(logged, old, "root")


def test_what_no_checkpoint_covers_yet_is_held_against_the_chain(logged: Logged) -> None:
    old = logged.publish()
    logged.registry.promote("t", "m", "production", "1")
    logged.registry.promote("t", "m", "production", "2")
    data = logged.journal().read_bytes().splitlines(keepends=True)
    logged.journal().write_bytes(b"".join([*data[:3], data[3].replace(b"production", b"Production"), *data[4:]]))
    with pytest.raises(JournalCorrupt):
        prove(logged, old, "root")


def test_a_note_that_another_key_has_signed_is_not_believed(logged: Logged) -> None:
    old = logged.publish()
    other = keys.new_ed25519()
    said = signed_note.checkpoint_of(signed_note.parse(old))
    forged = bytes(signed_note.sign(said.text, [(ORIGIN, other)]))
    (logged.root / "log/checkpoint").write_bytes(forged)
    with pytest.raises(LogCorrupt, match="cannot be believed"):
        prove(logged, old, "root")
    with pytest.raises(InvalidParameter):
        prove(logged, forged, "root")
    for wrong in (b"", b"\xff", b"no note", old + b"more", old[:-2]):
        with pytest.raises(InvalidParameter):
            logged.registry.prove_log(wrong, [logged.vkey])
    for line in ([], [""], ["a+b+c"], [logged.vkey[:-3]]):
        with pytest.raises(InvalidParameter):
            logged.registry.prove_log(old, line)


def test_without_a_note_it_is_said_that_nothing_signs_the_end(logged: Logged) -> None:
    old = logged.publish()
    (logged.root / "log/checkpoint").unlink()
    proof = prove(logged, old, "export")
    assert proof.checkpoint is None
    assert "log/checkpoint" in proof.warnings[0]


def test_a_note_of_another_log_is_told_apart(logged: Logged) -> None:
    said = signed_note.checkpoint_of(signed_note.parse(logged.publish()))
    private = keys.new_ed25519()
    other = signed_note.sign(signed_note.Checkpoint("other", said.size, said.root).text, [("other", private)])
    with pytest.raises(LogCorrupt, match="another log"):
        logged.registry.prove_log(bytes(other), [str(signed_note.verifier_of("other", private.public))])


def test_a_registry_without_a_log_has_none(tmp_path: Path, logged: Logged) -> None:
    old = logged.publish()
    (tmp_path / "other").mkdir()
    registry = open_registry(tmp_path / "other")
    registry.register("t", "m", "1", write_package(tmp_path / "package"))
    with pytest.raises(LogNotSet):
        registry.prove_log(old, [logged.vkey])


def test_the_export_has_all_that_the_proof_needs_and_no_secret(logged: Logged, tmp_path: Path) -> None:
    registry = logged.registry
    registry.set_access_rules(b'{"schema": "omr-access/1", "admins": ["user:max"]}')
    token = registry.create_token("service", "ci").token
    attested = logged.root / "tasks/t/models/m/attestations/1" / f"{'0' * 64}.json"
    attested.parent.mkdir(parents=True)
    attested.write_bytes(b"{}")
    note = logged.publish()
    found = registry.export_log(tmp_path / "out")
    held = {str(file.relative_to(tmp_path / "out")): file for file in (tmp_path / "out").rglob("*") if file.is_file()}
    models = {f"tasks/t/models/{name}/audit/promotions.jsonl" for name in ("m", "n")}
    documents = [name for name in held if name.startswith("log/documents/")]
    assert set(held) == {
        *models,
        *documents,
        *("registry.json", "log/checkpoint", "log/vkey", "log/journal/registry.jsonl"),
        str(attested.relative_to(logged.root)),
    }
    assert len(documents) == 1
    for name, file in held.items():
        assert name == "log/vkey" or file.read_bytes() == (logged.root / name).read_bytes()
        assert token.encode() not in file.read_bytes()
    assert held["log/vkey"].read_text() == logged.vkey + "\n"
    assert held["log/checkpoint"].read_bytes() == note
    lines = sum(len(held[name].read_bytes().splitlines()) for name in (*models, "log/journal/registry.jsonl"))
    assert (found.models, found.lines, found.documents) == (2, lines, 2)


def test_an_export_is_made_whole_where_nothing_is(logged: Logged, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    logged.registry.export_log(tmp_path / "empty")
    before = sorted(tmp_path.iterdir())
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (tmp_path / "empty", logged.root, logged.journal(), tmp_path / "link", tmp_path / "no" / "parent"):
        with pytest.raises(DestinationDiffers):
            logged.registry.export_log(taken)
    (tmp_path / "link").unlink()
    assert sorted(tmp_path.iterdir()) == before
    for length in (250, 300):  # of what is written first, and of the directory itself
        with pytest.raises(StorageUnavailable, match="cannot be written"):
            logged.registry.export_log(tmp_path / ("x" * length))
    assert sorted(tmp_path.iterdir()) == before
