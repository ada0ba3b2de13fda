"""Check: what the journal says, what the documents say, and what is on the disk, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator

from . import aliases, packages
from .changes import pending
from .errors import PackageCorrupt, RegistryError
from .journal import Line, chain_faults
from .layout import META
from .model import CheckReport, Finding
from .models import ModelStore, all_models
from .storage.base import KeyNotFound, Storage


def check(storage: Storage) -> CheckReport:
    """Every disagreement in the registry. Reads manifests and documents, no artifact; writes nothing."""
    findings: list[Finding] = []
    counts = {"models": 0, "versions": 0, "events": 0}
    wanted: dict[str, str] = {}
    for model in all_models(storage, 0.0):
        counts["models"] += 1
        try:
            lines = list(model.journal.lines())
            versions = set(model.versions())
            counts["events"] += len(lines)
            counts["versions"] += len(versions)
            findings += _check_model(model, lines, versions)
            wanted.update(dict.fromkeys(model.attempts_in_want(), model.title))
        except RegistryError as error:
            findings.append(Finding("damage", model.title, f"cannot be read: {error.message}"))
    for attempt in storage.staged():
        if not attempt.alive and attempt.name not in wanted:
            findings.append(Finding("note", f".staging/{attempt.name}", "abandoned; a sweep removes it when it is old"))
    return CheckReport(counts["models"], counts["versions"], counts["events"], findings)


def _check_model(model: ModelStore, lines: list[Line], versions: set[str]) -> Iterator[Finding]:
    for seq, fault in chain_faults(lines):
        yield Finding("damage", f"{model.title} event {seq}", fault)
    steps = pending(model)
    for step in steps:
        yield Finding("pending", model.title, step + "; the next change to the model finishes it")
    if steps:
        lines = lines[:-1] if lines and lines[-1].is_own else lines  # what is pending is no damage
    yield from _check_versions(model, lines, versions)
    yield from _check_aliases(model, lines, is_pending=bool(steps))
    yield from _check_states(model, versions)


def _check_versions(model: ModelStore, lines: list[Line], versions: set[str]) -> Iterator[Finding]:
    registered = {line.get("version"): line for line in lines if line.is_own and line.get("event") == "register"}
    for version, line in registered.items():
        where = f"{model.title}@{version}"
        if version not in versions:
            yield Finding("damage", where, f"event {line.seq} registered it, but it is not in versions/")
            continue
        digest = packages.package_digest(model, version)
        if digest is None:
            yield Finding("damage", where, "its manifest is missing")
        elif digest != line.get("package_digest"):
            yield Finding("damage", where, f"its manifest is not the one that event {line.seq} recorded")
        elif not model.storage.sealed(model.keys.package(version)):
            yield Finding("note", where, "its directory is writable; packages are sealed read-only")
    last = lines[-1] if lines else None
    for version in sorted(versions - registered.keys()):
        where = f"{model.title}@{version}"
        if packages.package_digest(model, version) is None:
            yield Finding("note", where, "older software's half version: it has no manifest")
        elif last is None or last.get("version") != version or not last.is_own:
            yield Finding("note", where, "older software's: no event registers it, so its manifest is not proven")
        yield from _check_meta(model, version)


def _check_meta(model: ModelStore, version: str) -> Iterator[Finding]:
    try:
        packages.read_meta(model, version)
    except PackageCorrupt:
        yield Finding("note", f"{model.title}@{version}", f"its {META} is missing or no JSON object")


def _check_aliases(model: ModelStore, lines: list[Line], *, is_pending: bool) -> Iterator[Finding]:
    replayed = {line.get("alias"): line for line in lines if isinstance(line.get("alias"), str)}
    found = aliases.names(model.storage, model.keys)
    for name in found:
        where = f"{model.title} alias {name}"
        try:
            alias = aliases.read(model.storage, model.keys, name)
        except PackageCorrupt as error:
            yield Finding("damage", where, error.message)
            continue
        line = replayed.get(name)
        if alias is None:
            continue
        if model.locate(alias.version) is None and not is_pending:
            yield Finding("damage", where, f"it names version {alias.version}, which is not there")
        if line is None:
            if not is_pending:
                yield Finding("note", where, "older software's: no event names it")
        elif alias.version != line.get("version") and not is_pending:
            severity = "damage" if line.is_own and alias.seq is not None else "note"
            yield Finding(
                severity, where, f"its document names {alias.version}, event {line.seq} names {line.get('version')}"
            )
    for name in sorted(replayed.keys() - set(found)):
        if replayed[name].get("version") is not None:
            yield Finding("damage", f"{model.title} alias {name}", f"event {replayed[name].seq} set it; no document")


def _check_states(model: ModelStore, versions: set[str]) -> Iterator[Finding]:
    for entry in model.storage.list(model.keys.states):
        where = f"{model.title} state of {entry.name.removesuffix('.json')}"
        try:
            state = json.loads(model.storage.read(entry.key).data)
        except (ValueError, RecursionError, KeyNotFound):
            state = None
        if not isinstance(state, dict):
            yield Finding("damage", where, "the document is not a JSON object")
        elif entry.name.removesuffix(".json") not in versions:
            yield Finding("damage", where, "there is no such version")
