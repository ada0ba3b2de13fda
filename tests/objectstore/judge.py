"""What a registry on an object store holds, read byte by byte, and whether that is what its clients were told.

The evidence is gathered by another S3 client than the registry's own; the judgement is a function of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from registry_core import ModelRegistry, RegistryError

from .workload import NOT_SENT, TASK, Change, Outcome

_MARKER = re.compile(r"\.staging/([0-9a-f]{32})\.json")
_MODEL = re.compile(rf"tasks/{TASK}/models/([^/]+)/(.+)")
_EVENT = re.compile(r"audit/(\d{12})\.json")
_ALIAS = re.compile(r"aliases/([^/]+)\.json")
_POINTER = re.compile(r"versions/([^/]+)\.json")
_USED_KEY = re.compile(r"keys/([0-9a-f]{64})\.json")
_FILE = re.compile(r"versions/([^/]+)/([^/]+)/(.+)")

Named = tuple[str, str]  # (model, version) or (model, alias)


@dataclass
class Evidence:
    """Everything below one root, and what the registry says of it when nobody changes it any more."""

    journals: dict[str, dict[int, bytes]] = field(default_factory=dict)
    aliases: dict[Named, dict[str, Any]] = field(default_factory=dict)
    pointers: dict[Named, dict[str, Any]] = field(default_factory=dict)
    used_keys: dict[Named, dict[str, Any]] = field(default_factory=dict)  # (model, SHA-256 of the key)
    files: dict[Named, dict[str, str]] = field(default_factory=dict)  # of the attempt that the pointer names
    stray: list[str] = field(default_factory=list)
    resolved: dict[Named, str] = field(default_factory=dict)  # package digest, every byte proven; or the error
    findings: list[str] = field(default_factory=list)


def gather(registry: ModelRegistry, client: Any, root: str) -> Evidence:
    """All evidence, after a recovery and a sweep of everything: call when no replica runs any more.

    A sweep leaves attempts that were about to commit to a later one; so do we.
    """
    registry.recover()
    registry.sweep(0)
    notes = [finding for finding in registry.check().findings if not finding.where.startswith(".staging/")]
    evidence = Evidence(findings=[f"{note.severity}: {note.where}: {note.message}" for note in notes])
    waiting: set[str] = set()
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    packages: dict[tuple[str, str, str], dict[str, str]] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for entry in page.get("Contents", []):
            key = entry["Key"].removeprefix(f"{prefix}/")
            data = client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            if (marker := _MARKER.fullmatch(key)) and json.loads(data).get("state") == "reserved":
                waiting.add(marker[1])
            else:
                _sort_in(key, data, evidence, packages)
    for (model, version, attempt), files in packages.items():
        if evidence.pointers.get((model, version), {}).get("attempt") == attempt:
            evidence.files[model, version] = files
        elif attempt not in waiting:
            evidence.stray += [f"{model}/versions/{version}/{attempt}/{path}" for path in files]
    for model, version in evidence.pointers:
        try:
            evidence.resolved[model, version] = str(registry.resolve(TASK, f"{model}@{version}").package_digest)
        except RegistryError as error:
            evidence.resolved[model, version] = error.message
    return evidence


def _sort_in(key: str, data: bytes, evidence: Evidence, packages: dict[tuple[str, str, str], dict[str, str]]) -> None:
    within = _MODEL.fullmatch(key)
    model, rest = within.groups() if within else ("", "")
    if match := _EVENT.fullmatch(rest):
        evidence.journals.setdefault(model, {})[int(match[1])] = data
    elif match := _ALIAS.fullmatch(rest):
        evidence.aliases[model, match[1]] = json.loads(data)
    elif match := _POINTER.fullmatch(rest):
        evidence.pointers[model, match[1]] = json.loads(data)
    elif match := _FILE.fullmatch(rest):
        files = packages.setdefault((model, match[1], match[2]), {})
        files[match[3]] = _digest(data)
    elif match := _USED_KEY.fullmatch(rest):
        evidence.used_keys[model, match[1]] = json.loads(data)
    elif key != "registry.json" and rest != "keys/.since":
        evidence.stray.append(key)


def judge(evidence: Evidence, changes: Sequence[Change]) -> list[str]:
    """Every way in which the evidence contradicts what the clients asked and were told; empty: none."""
    events = {
        model: [json.loads(journal[seq]) for seq in sorted(journal)] for model, journal in evidence.journals.items()
    }
    faults = [*evidence.findings, *(f"left behind: {key}" for key in evidence.stray)]
    for model, journal in evidence.journals.items():
        faults += _chain(model, journal)
        faults += _replay(model, events[model], evidence)
        faults += _used_keys(model, events[model], evidence)
    faults += _requests(events, {change.name: change for change in changes})
    for change in changes:
        if change.outcome is Outcome.ACKNOWLEDGED:
            faults += _acknowledged(change, events.get(change.model, []), evidence)
    return faults


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _chain(model: str, journal: dict[int, bytes]) -> list[str]:
    """Numbered from 1 without a gap, each naming the digest of the one before, each later than it."""
    faults = []
    before, moment = b"", ""
    for number, seq in enumerate(sorted(journal), start=1):
        event = json.loads(journal[seq])
        if not number == seq == event["seq"]:
            faults.append(f"{model}: event {event['seq']} lies at {seq}, and is number {number}")
        if event["prev"] != _digest(before):
            faults.append(f"{model}: the chain is broken at {seq}")
        if event["ts_utc"] <= moment:
            faults.append(f"{model}: event {seq} is not later than the one before")
        before, moment = journal[seq], event["ts_utc"]
    return faults


def _used_keys(model: str, events: list[dict[str, Any]], evidence: Evidence) -> list[str]:
    """Each idempotency key that an event used has its document, which names the event; and no other key has one."""
    used = {
        _digest(event["idempotency"]["key"].encode()).removeprefix("sha256:"): event["seq"]
        for event in events
        if event.get("idempotency")
    }
    kept = {key: document["seq"] for (of, key), document in evidence.used_keys.items() if of == model}
    return [] if kept == used else [f"{model}: the documents of its keys say {kept}, its events {used}"]


def _replay(model: str, events: list[dict[str, Any]], evidence: Evidence) -> list[str]:
    """One event registers a version; every event saw the aliases as the events before left them; and so do we."""
    faults = []
    now: dict[str, dict[str, Any]] = {}
    registered: dict[str, dict[str, Any]] = {}
    for event in events:
        where, version, alias = f"{model} event {event['seq']}", event["version"], event["alias"]
        if event["event"] == "register":
            if version in registered:
                faults.append(f"{where} registers {version} again")
            registered[version] = event
        elif version not in registered:
            faults.append(f"{where} promotes {version}, which was not there")
        if alias is not None:
            was = now[alias]["version"] if alias in now else None
            if event["previous_version"] != was:
                faults.append(f"{where} moved {alias} from {event['previous_version']}, but it named {was}")
            now[alias] = event
        for gone in event.get("unaliased", ()):
            if now.pop(gone)["version"] != version:
                faults.append(f"{where} removed {gone}, which named another version")
    documents = {alias: document for (owner, alias), document in evidence.aliases.items() if owner == model}
    shown = {alias: (document["version"], document["seq"]) for alias, document in documents.items()}
    due = {alias: (event["version"], event["seq"]) for alias, event in now.items()}
    if shown != due:
        faults.append(f"{model}: the aliases are {shown}, and the journal says {due}")
    published = {version for owner, version in evidence.pointers if owner == model}
    if published != registered.keys():
        faults.append(f"{model}: published or registered, but not both: {sorted(published ^ registered.keys())}")
    for version, event in registered.items():
        faults += _package(model, version, event, evidence)
    return faults


def _package(model: str, version: str, event: dict[str, Any], evidence: Evidence) -> list[str]:
    where, named = f"{model}@{version}", (model, version)
    faults = []
    if evidence.resolved.get(named) != event["package_digest"]:
        faults.append(f"{where} does not resolve to its bytes: {evidence.resolved.get(named)}")
    if evidence.files.get(named, {}).get("sha256sums.txt") != event["package_digest"]:
        faults.append(f"{where}: the manifest in the store is not the one that event {event['seq']} recorded")
    if evidence.pointers.get(named, {}).get("attempt") != event["attempt"]:
        faults.append(f"{where}: its pointer names an attempt that is not event {event['seq']}'s")
    return faults


def _requests(events: dict[str, list[dict[str, Any]]], asked: dict[str, Change]) -> list[str]:
    """No event that nobody asked for, none that was refused, and one at most for each request."""
    faults = []
    counts = Counter(event["reason"] for journal in events.values() for event in journal)
    faults += [f"{count} events for the one request {name}" for name, count in counts.items() if count > 1]
    for model, journal in events.items():
        for event in journal:
            change = asked.get(event["reason"])
            where = f"{model} event {event['seq']}"
            if change is None:
                faults.append(f"{where}: nobody asked for it")
            elif _words(event, model) != (change.kind, change.model, change.version, change.alias):
                faults.append(f"{where} is not what {change.name} asked for: {event}")
            elif change.outcome is Outcome.REFUSED:
                faults.append(f"{where}: {change.name} was told that nothing has changed: {change.answer}")
            elif change.expected not in (NOT_SENT, event["previous_version"]):
                faults.append(f"{where}: {change.name} expected {change.expected}")
    return faults


def _words(event: dict[str, Any], model: str) -> tuple[Any, ...]:
    return event["event"], model, event["version"], event["alias"]


def _acknowledged(change: Change, events: list[dict[str, Any]], evidence: Evidence) -> list[str]:
    """It is in the journal with what the answer said, and its bytes are the caller's."""
    own = [event for event in events if event["reason"] == change.name]
    if len(own) != 1:
        return [f"{change.name} ({change.kind} {change.model}@{change.version}) was acknowledged: {len(own)} events"]
    event, answer = own[0], change.answer
    due: dict[str, Any] = {}
    if change.status == 201:
        due = {name: event[name] for name in ("task", "model_name", "version", "package_digest", "created_at")}
        due["alias_set"] = event["alias"]
    elif change.status == 200:
        due = {name: event[name] for name in ("version", "alias", "previous_version", "seq")}
        due["updated_at"] = event["ts_utc"]
    faults = [f"{change.name} was told {answer}, and the event is {event}" for name in due if answer[name] != due[name]]
    faults += [
        f"{change.name}: committed as {seq}, stands as {event['seq']}"
        for seq in change.committed_seqs
        if seq != event["seq"]
    ]
    stored = evidence.files.get((change.model, change.version), {})
    for path, sha256 in change.files.items():
        if stored.get(path) != sha256:
            faults.append(f"{change.name}: the store has other bytes for {path} of {change.model}@{change.version}")
    said = {path: f"sha256:{sha256}" for path, sha256 in answer["hashes"].items()} if change.status == 201 else {}
    if {path: stored.get(path) for path in said} != said:
        faults.append(f"{change.name}: the answer's hashes are not those of the stored files")
    return faults
