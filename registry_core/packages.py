"""What can be read from a published package: its proof, its metadata, its list of files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from . import manifest
from .hashing import DIGEST_PREFIX, digest, hash_stream
from .journal import Line
from .layout import MANIFEST, META
from .models import ModelStore
from .storage.base import Entry, KeyNotFound
from .vocabulary.answers import PackageFile, PackageListing, Problem, Verification
from .vocabulary.errors import PackageCorrupt
from .vocabulary.progress import Meter, ProgressCallback
from .vocabulary.texts import escaped

MAX_LOOKS = 20  # at a version that others keep moving


def verify(model: ModelStore, version: str, *, workers: int, progress: ProgressCallback | None) -> Verification:
    """Every byte was read and is as registered. Raises ``PackageCorrupt`` with all ``problems``."""
    began = time.monotonic()
    for _ in range(MAX_LOOKS):
        before = model.journal.last()
        line = model.registered(version)
        report = manifest.verify(
            model.storage,
            model.keys.package(version),
            line.get("package_digest") if line else None,
            baseline=baseline(model, version, line),
            workers=workers,
            meter=Meter(progress),
        )
        if not report.problems:
            break
        model.require_version(version)  # deleted while it was read: then it is not damaged, but gone
        if model.journal.last() == before:  # else it may have been deleted, and restored since
            raise corrupt(model, version, report.problems)
    else:
        raise corrupt(model, version, report.problems)
    return Verification(
        version=version,
        files_checked=report.files_checked,
        bytes_checked=report.bytes_checked,
        package_digest=report.package_digest,
        duration_s=round(time.monotonic() - began, 6),
        warnings=report.warnings,
    )


def corrupt(model: ModelStore, version: str, problems: list[Problem]) -> PackageCorrupt:
    """The error that names all problems."""
    first = problems[0]
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return PackageCorrupt(
        f"{model.title}@{version} is damaged: {first.path!r} ({first.kind}){more}. "
        "Do not use it; restore the package from a backup, or register it again under a new version.",
        version=version,
        problems=[problem.to_dict() for problem in problems],
    )


def read_meta(model: ModelStore, version: str) -> dict[str, Any]:
    """The version's ``model_meta.json``. Raises ``PackageCorrupt`` where there is none to read."""
    try:
        meta = json.loads(_read_meta(model, version))
    except KeyNotFound:
        raise corrupt(model, version, [Problem(META, "missing")]) from None
    except (ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict):
        raise corrupt(model, version, [Problem(META, "unreadable", actual="not a JSON object")])
    return meta


def _read_meta(model: ModelStore, version: str) -> bytes:
    with suppress(KeyNotFound):
        return manifest.read_file(model.storage, model.keys.package(version), META)
    model.require_version(version)  # deleted meanwhile: then it is not damaged, but gone
    return manifest.read_file(model.storage, model.keys.package(version), META)


def package_digest(model: ModelStore, version: str) -> str | None:
    """The digest of the manifest as it is now, or as the pointer says where there is one.

    None for a half version of older software.
    """
    facts = model.facts(version)
    if facts is not None:
        return facts.package_digest
    try:
        return digest(manifest_bytes(model, version)[0])
    except KeyNotFound:
        return None


def present_digest(model: ModelStore, version: str) -> str | None:
    """As :func:`package_digest`, of a version that is published. Raises ``VersionNotFound``."""
    found = package_digest(model, version)
    if found is None:
        model.require_version(version)  # deleted meanwhile, and perhaps restored: look again
        found = package_digest(model, version)
    return found


def manifest_bytes(model: ModelStore, version: str) -> tuple[bytes, bool]:
    """(the manifest that names the package, whether it is an adopted package's baseline).

    Raises ``KeyNotFound`` for a half version of older software.
    """
    facts = model.facts(version)
    if facts is None or facts.notes.get("adopted"):
        with suppress(KeyNotFound):
            data = model.storage.read(model.keys.baseline(version)).data
            # A crash may have left one that no event names.
            if facts is not None or _is_adopted(model, version):
                return data, True
    return manifest.read_file(model.storage, model.keys.package(version), MANIFEST), False


def _is_adopted(model: ModelStore, version: str) -> bool:
    line = model.registered(version)
    return line is not None and bool(line.get("adopted"))


def baseline(model: ModelStore, version: str, registered: Line | None) -> bytes | None:
    """The manifest of all files of an adopted package, None for every other; empty where it is lost."""
    if registered is None or not registered.get("adopted"):
        return None
    try:
        return model.storage.read(model.keys.baseline(version)).data
    except KeyNotFound:
        return b""


def listing(model: ModelStore, version: str) -> PackageListing:
    """Every file but the manifest, with what the manifest says of it; reads no artifact."""
    hashes, sizes = manifest_hashes(model, version), dict(_files(model, version))
    if not hashes or hashes.keys() - sizes.keys():
        model.require_version(version)  # deleted meanwhile, and perhaps restored: look again
        hashes, sizes = manifest_hashes(model, version), dict(_files(model, version))
    return PackageListing(
        version,
        [
            PackageFile(escaped(path), DIGEST_PREFIX + hashes[path] if path in hashes else None, sizes.get(path))
            for path in sorted((hashes.keys() | sizes.keys()) - {MANIFEST})
        ],
    )


def content(model: ModelStore, version: str) -> dict[str, str]:
    """Path -> SHA-256 hex of the caller's own files: all but metadata and manifest.

    Taken from the manifest; only what an older manifest does not cover is read.
    """
    package = model.keys.package(version)
    if model.locate(version) is None:
        return _kept_content(model, version)
    hashes = manifest_hashes(model, version)
    found = {}
    for path, size_bytes in _files(model, version):
        if path in (META, MANIFEST):
            continue
        if path in hashes:
            found[path] = hashes[path]
        else:
            with model.storage.open(package, path) as reader:
                found[path] = hash_stream(reader, size_hint=size_bytes or 0)[0]
    return found


def _kept_content(model: ModelStore, version: str) -> dict[str, str]:
    """As :func:`content`, of a deleted version: what the manifest beside its tombstone says."""
    try:
        hashes = manifest.parse(model.storage.read(model.keys.kept_manifest(version)).data).hashes
    except KeyNotFound:
        return {}
    return {path: sha256 for path, sha256 in hashes.items() if path != META}


def manifest_hashes(model: ModelStore, version: str) -> dict[str, str]:
    """Path -> SHA-256 hex as the manifest says; empty for a half version of older software."""
    try:
        data, is_baseline = manifest_bytes(model, version)
    except KeyNotFound:
        return {}
    return manifest.parse(data, covers_manifest=is_baseline).hashes


def files(model: ModelStore, version: str) -> Iterator[Entry]:
    """What lies in the package, the manifest included."""
    return model.storage.list(model.keys.package(version), deep=True)


def _files(model: ModelStore, version: str) -> list[tuple[str, int | None]]:
    start = len(model.keys.package(version)) + 1
    return [(entry.key[start:], entry.size_bytes) for entry in files(model, version)]
