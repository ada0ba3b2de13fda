"""Check: what the journal says, what the documents say, and what is on the disk, compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from ..format.chain import Line, lost_range
from ..format.events import DELETE, PURGE, REGISTER, RESTORE
from ..format.layout import META
from ..models import aliases, evidence, package_manifest, proof, states, tombstones
from ..models.all_models import all_models
from ..models.changes import pending
from ..models.model import ModelStore
from ..models.projections import seq_of
from ..models.timeline import Moment, replay
from ..packages import contents
from ..packages.verify import MAX_READS
from ..storage.contract import Storage
from ..vocabulary.errors import PackageCorrupt, RegistryError, StorageUnavailable
from ..vocabulary.reports import CheckReport, Finding
from ..vocabulary.texts import escaped
from . import attested, of_registry, ownership
from .planted import kept_by_store, keys_lost, planted, strays
from .repair import with_remedies
from .sweep import attempts_in_want

MAX_LOOKS = 20  # at a model that never comes to rest, before its lock is waited for
LOCK_WAIT_S = 30.0


def check(storage: Storage) -> CheckReport:
    """Every disagreement in the registry, every journal proven. Reads no artifact; writes nothing."""
    findings: list[Finding] = []

    def name(task: str, error: RegistryError) -> None:
        findings.append(Finding("damage", task, f"its models cannot be listed: {error.message}", "unreadable"))

    reports = [_check_at_rest(model) for model in all_models(storage, 0.0, pass_over=name)]
    findings += [finding for report in reports for finding in report.findings]
    wanted = {attempt for report in reports for attempt in report.wanted}
    findings += [*of_registry.check(storage), *planted(storage, is_ours=any(report.is_ours for report in reports))]
    for attempt in storage.packages.staged():
        if not attempt.alive and attempt.name not in wanted:
            findings.append(_abandoned(attempt.name))
    return CheckReport(
        models=len(reports),
        versions=sum(report.versions for report in reports),
        events=sum(report.events for report in reports),
        findings=[replace(finding, where=escaped(finding.where)) for finding in findings],
    )


@dataclass(frozen=True)
class _ModelReport:
    """What one look at a model found. ``wanted``: attempts that its events name and need; ``is_ours``: has ours."""

    versions: int
    events: int
    findings: list[Finding]
    wanted: set[str]
    is_ours: bool = False


def _check_at_rest(model: ModelStore) -> _ModelReport:
    """What is wrong while nobody changes the model, which is looked at again where one did; at last with the lock."""
    failed = 0
    for _ in range(MAX_LOOKS):
        try:
            before = model.journal.last()
            report = _check_model(model)
            if report.findings and model.journal.last() != before:
                continue
        except RegistryError as error:
            report = _ModelReport(0, 0, [_unreadable(model, error)], set())
            failed += 1
            if isinstance(error, StorageUnavailable) and failed < MAX_READS:
                continue  # one failure says nothing of what lies there
        return report
    with suppress(RegistryError), model.storage.documents.lock(model.key, LOCK_WAIT_S):
        return _check_model(model)
    return report


def _unreadable(model: ModelStore, error: RegistryError) -> Finding:
    code, path = error.detail.get("errno"), error.detail.get("path")
    if code is not None:
        return Finding("damage", model.title, f"unreadable ({code} at {path})", "unreadable")
    return Finding("damage", model.title, f"cannot be read: {error.message}", "unreadable")


def _check_model(model: ModelStore) -> _ModelReport:
    steps = pending(model)  # first: whatever is not pending now is there to be seen from now on
    lines = list(model.journal.lines())
    versions = set(model.versions())
    findings = with_remedies(model, list(_compare(model, lines, versions, steps)))
    is_ours = any(line.is_own for line in lines)
    return _ModelReport(len(versions), len(lines), findings, attempts_in_want(model), is_ours)


def _compare(model: ModelStore, lines: list[Line], versions: set[str], steps: list[str]) -> Iterator[Finding]:
    for fault in proof.faults_of(model):
        yield _of_journal(model, fault)
    yield from _check_note(model, lines)
    yield from _check_clock(model, lines)
    unfinished = lines[-1] if steps and lines[-1].is_own else None
    under_way: set[str] = set()  # where such a version is can be either way
    if unfinished is not None:
        lines = lines[:-1]  # what is pending is no damage
        if unfinished.get("event") == REGISTER and not unfinished.get("adopted"):
            yield from _check_unfinished(model, unfinished, versions)
        if unfinished.get("event") in (REGISTER, DELETE, RESTORE, PURGE):
            under_way = {unfinished.get("version")}
    for step in steps:
        yield Finding(
            "pending", model.title, step + "; the next change to the model finishes it", "unfinished", "omr sweep"
        )
    moment = replay(lines)
    if any(lost_range(line) for line in lines):
        _fill_in(model, moment)
    if unfinished is not None and unfinished.get("event") in (DELETE, RESTORE):
        yield from _check_moving(model, moment.gone.get(unfinished.get("version"), unfinished))
    if unfinished is not None:
        for name in aliases.moves(unfinished.fields or {}):
            moment.aliases.pop(name, None)
    for version in under_way:
        moment.registered.pop(version, None)
        moment.gone.pop(version, None)
    versions = versions - under_way
    yield from _check_registered(model, moment, versions)
    yield from _check_deleted(model, moment, versions)
    yield from _check_unregistered(model, versions - moment.registered.keys())
    yield from _check_aliases(model, moment, is_pending=bool(steps))
    yield from _check_states(model, moment, is_pending=bool(steps))
    yield from ownership.check(model, lines, is_pending=bool(steps))
    yield from attested.check(model, lines, unfinished)
    yield from keys_lost(model, lines)


def _of_journal(model: ModelStore, fault: proof.Fault) -> Finding:
    where = f"{model.title} {fault.document or f'event {fault.seq}'}"
    if fault.is_loss:
        return Finding("damage", where, fault.text, "journal_short", evidence.repair_command(model.keys))
    return Finding("damage", where, fault.text, "document_differs" if fault.document else "journal_broken")


def _check_note(model: ModelStore, lines: list[Line]) -> Iterator[Finding]:
    """What only the note beside the lock says: no proof, and whoever put a whole model back knows why."""
    for noted in evidence.of_note(model.storage, model.keys):
        end = lines[-1].seq if lines else 0
        if (noted.seq or 0) > end:
            message = f"{noted.says()}, but the journal ends at event {end}: was the model put back as it was before?"
            yield Finding("note", model.title, message, "journal_perhaps_short", evidence.repair_command(model.keys))


def _check_clock(model: ModelStore, lines: list[Line]) -> Iterator[Finding]:
    for line in proof.events_ahead(lines):
        where = f"{model.title} event {line.seq}"
        says = f"it says {line.get('ts_utc')}, which is later than now: a clock was ahead, or this one is behind"
        command = f"omr repair clock {model.keys.task} {model.keys.model_name} --yes" if line.is_own else None
        yield Finding("damage" if line.is_own else "note", where, says, "clock_ahead", command)


def _abandoned(attempt: str) -> Finding:
    message = "abandoned; a sweep removes it when it is old"
    return Finding("note", f".staging/{attempt}", message, "abandoned_staging", "omr sweep")


def _fill_in(model: ModelStore, moment: Moment) -> None:
    """What events that are lost have left behind is taken as the documents have it: nothing else can tell."""
    for version in {*model.deleted(), *moment.gone}:
        with suppress(ValueError):
            stone = tombstones.read(model.storage, model.keys, version)
            if stone is None and model.locate(version) is not None:
                moment.gone.pop(version, None)
            elif stone is not None and version not in moment.gone:
                moment.gone[version] = Line(seq_of(stone) or 0, b"", {"version": version})
                moment.purged |= {version} if stone.get("purged_at") is not None else set()
    there = aliases.names(model.storage, model.keys)
    for name in {*there, *moment.aliases}:
        with suppress(PackageCorrupt):
            alias = aliases.read(model.storage, model.keys, name)
            known = moment.aliases.get(name)
            if alias is None:
                moment.aliases.pop(name, None)
            elif known is None or (alias.seq or 0) > known.seq:
                moment.aliases[name] = Line(alias.seq or 0, b"", {"alias": name, "version": alias.version})
    for entry in model.storage.documents.list(model.keys.states):
        version = entry.name.removesuffix(".json")
        with suppress(ValueError):
            moment.states[version], _ = states.read(model.storage, model.keys, version)


def _check_unfinished(model: ModelStore, line: Line, versions: set[str]) -> Iterator[Finding]:
    """What nobody can finish any more about the version that the last event registers."""
    version = line.get("version")
    if version in versions:
        yield from _check_manifest(model, line)
        return
    is_staged = any(found.name == line.get("attempt") and not found.empty for found in model.storage.packages.staged())
    if not is_staged and model.locate(version) is None:  # else it has been published in the meantime
        message = f"event {line.seq} registered it, and its bytes are gone"
        yield Finding("damage", f"{model.title}@{version}", message, "version_lost")


def _check_moving(model: ModelStore, line: Line) -> Iterator[Finding]:
    """Whether nobody can finish any more what came of the deletion, because there is nothing left to move."""
    version = line.get("version")
    key = model.storage.packages.retired(model.keys.package(version), model.keys.grave(version))
    if key is None and model.locate(version) is None:
        yield _lost(model, line)


def _lost(model: ModelStore, line: Line) -> Finding:
    message = f"event {line.seq} deleted it, but its bytes are not kept, and not purged"
    return Finding("damage", f"{model.title}@{line.get('version')}", message, "grave_lost")


def _check_registered(model: ModelStore, moment: Moment, versions: set[str]) -> Iterator[Finding]:
    for version, line in moment.registered.items():
        where = f"{model.title}@{version}"
        if version in moment.gone:
            continue
        if version not in versions:
            message = f"event {line.seq} registered it, but it is not in versions/"
            yield Finding("damage", where, message, "version_missing")
            continue
        yield from _check_manifest(model, line)
        if not model.storage.packages.sealed(model.keys.package(version)):
            message = "its directory is writable; packages are sealed read-only"
            # Older software may rewrite its own in place, adopted or not.
            command = None if line.get("adopted") else f"omr repair seals {model.title}"
            yield Finding("note", where, message, "unsealed", command)


def _check_manifest(model: ModelStore, line: Line) -> Iterator[Finding]:
    where = f"{model.title}@{line.get('version')}"
    digest = package_manifest.manifest_digest(model, line.get("version"))
    if digest is None:
        yield Finding("damage", where, "its manifest is missing", "manifest_missing")
    elif digest != line.get("package_digest"):
        yield Finding(
            "damage", where, f"its manifest is not the one that event {line.seq} recorded", "manifest_changed"
        )
    else:
        yield from strays(model, line.get("version"))


def _check_deleted(model: ModelStore, moment: Moment, versions: set[str]) -> Iterator[Finding]:
    for version, line in moment.gone.items():
        where = f"{model.title}@{version}"
        if version in versions:
            yield Finding("damage", where, f"event {line.seq} deleted it, but it is in versions/", "version_returned")
            continue
        key = model.storage.packages.retired(model.keys.package(version), model.keys.grave(version))
        if key is None and version not in moment.purged:
            yield _lost(model, line)
        recorded = line.get("package_digest")
        if recorded is not None and package_manifest.kept_digest(model, version) != recorded:
            message = f"the manifest that is kept of it is missing, or not the one that event {line.seq} recorded"
            yield Finding("damage", where, message, "kept_manifest_damaged")
        if key is not None and version in moment.purged:
            yield Finding("damage", where, "it was purged, but its bytes are still there", "purge_unfinished")
        elif version in moment.purged:
            yield from kept_by_store(model, version)
        try:
            stone = tombstones.read(model.storage, model.keys, version)
        except ValueError:
            message = "its tombstone is damaged; the journal says what it said"
            yield Finding("damage", where, message, "tombstone_damaged")
            continue
        if stone is None:
            yield Finding("damage", where, f"event {line.seq} deleted it, but it has no tombstone", "tombstone_missing")


def _check_unregistered(model: ModelStore, versions: set[str]) -> Iterator[Finding]:
    for version in sorted(versions):
        where = f"{model.title}@{version}"
        if package_manifest.manifest_digest(model, version) is None:
            yield Finding("note", where, "older software's half version: it has no manifest", "older_half_version")
        else:
            yield Finding(
                "note",
                where,
                "older software's: no event registers it, so its manifest is not proven",
                "older_version",
                "omr adopt",
            )
        yield from _check_meta(model, version)


def _check_meta(model: ModelStore, version: str) -> Iterator[Finding]:
    try:
        contents.read_meta(model, version)
    except PackageCorrupt:
        yield Finding("note", f"{model.title}@{version}", f"its {META} is missing or no JSON object", "meta_damaged")


def _check_aliases(model: ModelStore, moment: Moment, *, is_pending: bool) -> Iterator[Finding]:
    replayed, named = moment.aliases, moment.pointing()
    found = set(aliases.names(model.storage, model.keys))
    for name in sorted(found):
        where = f"{model.title} alias {name}"
        try:
            alias = aliases.read(model.storage, model.keys, name)
        except PackageCorrupt as error:
            is_file = error.detail["problems"][0]["actual"] is None  # else nothing is written over it
            yield Finding("damage", where, error.message, "alias_damaged" if is_file else "planted")
            continue
        line = replayed.get(name)
        if alias is None:
            found.remove(name)
            continue
        if model.locate(alias.version) is None and not is_pending:
            yield Finding(
                "damage", where, f"it names version {alias.version}, which is not there", "alias_without_version"
            )
        if line is None:
            if not is_pending:
                yield Finding("note", where, "older software's: no event names it", "older_alias")
        elif alias.version != named.get(name) and not is_pending:
            severity = "damage" if line.is_own and alias.seq is not None else "note"
            message = f"its document names {alias.version}, event {line.seq} names {named.get(name)}"
            yield Finding(severity, where, message, "alias_differs")
    for name in sorted(named.keys() - found if not is_pending else ()):
        message = f"event {replayed[name].seq} set it; no document"
        yield Finding("damage", f"{model.title} alias {name}", message, "alias_missing")


def _check_states(model: ModelStore, moment: Moment, *, is_pending: bool) -> Iterator[Finding]:
    documents = {entry.name.removesuffix(".json") for entry in model.storage.documents.list(model.keys.states)}
    for version in sorted(documents):
        where = f"{model.title} state of {version}"
        try:
            state, seq = states.read(model.storage, model.keys, version)
        except ValueError:
            yield Finding("damage", where, "the document is damaged; the journal says what it said", "state_damaged")
            continue
        if is_pending or (seq is None and version not in moment.states):
            continue  # the event that is left out here may be what the document shows; or it says that there is none
        if version not in moment.states:
            yield Finding("damage", where, "no event has set it", "state_differs")
        elif state != moment.states[version]:
            yield Finding("damage", where, "it is not what the events have set", "state_differs")
    for version in sorted(moment.states.keys() - documents):
        message = "events have set it, but there is no document"
        yield Finding("damage", f"{model.title} state of {version}", message, "state_missing")
