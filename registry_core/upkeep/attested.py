"""Upkeep of evidence: the documents that attest events name are compared, copied, and what none names is removed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from ..format.chain import Line, lost_range
from ..format.events import ATTEST
from ..models import proof, vouching
from ..models.model import ModelStore
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.errors import PackageCorrupt
from ..vocabulary.reports import Finding
from ..vocabulary.texts import DIGEST_PREFIX, digest, is_segment

LEAST_AGE_S = 3600.0  # where nobody holds a model, what is younger may be on its way


def named(model: ModelStore, lines: Iterable[Line]) -> dict[str, tuple[Line, str]]:
    """Key -> the last event that names what lies there, and its digest."""
    found: dict[str, tuple[Line, str]] = {}
    for line in lines:
        said, version = line.get("attestation"), line.get("version")
        what = said.get("digest") if line.is_own and line.get("event") == ATTEST and isinstance(said, dict) else None
        if isinstance(what, str) and isinstance(version, str) and is_segment(version):
            sha256 = what.removeprefix(DIGEST_PREFIX)
            if len(sha256) == 64 and not sha256.strip("0123456789abcdef"):
                found[model.keys.attestation(version, sha256)] = (line, what)
    return found


def check(model: ModelStore, lines: list[Line], unfinished: Line | None) -> Iterator[Finding]:
    """What is missing or damaged of what events name, what none names, and lists of evidence that say otherwise."""
    expected = named(model, lines)
    for key, (line, what) in expected.items():
        fault = _fault(model.storage, key, what)
        if fault is not None:
            where = f"{model.title} {key.removeprefix(model.keys.model + '/')}"
            yield Finding("damage", where, f"it {fault} event {line.seq} names", "attestation_damaged")
    for entry in model.storage.documents.list(model.keys.attestations, deep=True):
        if entry.kind == "file" and entry.key not in expected:
            where = f"{model.title} {entry.key.removeprefix(model.keys.model + '/')}"
            yield Finding("note", where, "no event names it", "attestation_unnamed", "omr sweep")
    under_way = unfinished.get("version") if unfinished is not None else None
    documents = {entry.name.removesuffix(".json") for entry in model.storage.documents.list(model.keys.evidences)}
    said = vouching.followed(lines)
    for version in sorted((documents | said.keys()) - {under_way}):
        yield from _check_listed(model, lines, version, said.get(version))


def _fault(storage: Storage, key: str, what: str) -> str | None:
    try:
        return None if digest(storage.documents.read(key).data) == what else "is not what"
    except KeyNotFound:
        return "is missing, and"
    except PackageCorrupt as error:
        return f"cannot be read ({error.message}), and"


def _check_listed(model: ModelStore, lines: list[Line], version: str, last: Line | None) -> Iterator[Finding]:
    where = f"{model.title} evidence of {version}"
    try:
        fields = vouching.read(model.storage, model.keys, version)
    except ValueError:
        yield Finding("damage", where, "the document is damaged; the journal says what it said", "evidence_damaged")
        return
    if last is not None and fields is None:
        yield Finding("damage", where, "events are about it, but there is no document", "evidence_missing")
    elif fields is None or any(lost_range(line) for line in lines):
        return  # where events are lost nobody can tell what it was
    elif last is None:
        yield Finding("damage", where, "no event is about it", "evidence_differs")
    else:
        expected = {**vouching.replay(model.keys, version, lines), "seq": last.seq}
        if any(fields.get(name) != value for name, value in expected.items() if name not in vouching.NOT_COMPARED):
            yield Finding("damage", where, "it is not what the events say", "evidence_differs")


def copy(model: ModelStore, target: Storage) -> None:
    """What events name is in the target too, proven. Raises ``PackageCorrupt`` where it is not what it was."""
    for key, (line, what) in named(model, model.journal.lines()).items():
        if _fault(target, key, what) is None:
            continue
        fault = _fault(model.storage, key, what)
        if fault is not None:
            raise PackageCorrupt(
                f"At the source {key} {fault} event {line.seq} of {model.title} names. Restore it before migrating."
            )
        target.documents.write(key, model.storage.documents.read(key).data)


def sweep(model: ModelStore, older_than_s: float, *, dry_run: bool) -> list[str]:
    """What no event names is gone, but never what may be on its way to be named; the keys of it.

    Where events are lost and accounted for, nothing goes: they may have named it. Raises ``JournalCorrupt`` where any
    may be lost or changed, ``LockTimeout``, ``StorageError``.
    """
    if not any(True for _ in model.storage.documents.list(model.keys.attestations)):
        return []
    if dry_run:
        return _unnamed(model, older_than_s)
    with model.lock():  # where there are locks, whoever sets a document aside has it until its event stands
        unnamed = _unnamed(model, older_than_s)
        for key in unnamed:
            model.storage.documents.delete(key)
    return unnamed


def _unnamed(model: ModelStore, older_than_s: float) -> list[str]:
    is_locked = model.storage.documents.looks_are_cheap()
    # First what lies there, then who names it: an event that comes in between names what is not in the list.
    there = [one for one in model.storage.documents.list(model.keys.attestations, deep=True) if one.kind == "file"]
    lines, now = list(model.journal.read_anew()), time.time()
    known = named(model, lines)
    least = older_than_s if is_locked else max(older_than_s, LEAST_AGE_S)
    old = (one for one in there if one.key not in known and (is_locked or one.changed_s is not None))
    unnamed = [one.key for one in old if one.changed_s is None or now - one.changed_s >= least]
    if not unnamed or any(lost_range(line) for line in lines):  # what is lost for good may have named them
        return []
    proof.prove(model)
    return unnamed
