"""What can be read from a published package: its proof, its metadata, its list of files."""

from __future__ import annotations

import json
import time
from typing import Any

from . import manifest
from .errors import PackageCorrupt
from .hashing import DIGEST_PREFIX, digest, hash_stream
from .layout import MANIFEST, META
from .model import PackageFile, PackageListing, Problem, ProgressCallback, Verification
from .models import ModelStore
from .progress import Meter
from .storage.base import KeyNotFound


def verify(model: ModelStore, version: str, *, workers: int, progress: ProgressCallback | None) -> Verification:
    """Every byte was read and is as registered. Raises ``PackageCorrupt`` with all ``problems``."""
    began = time.monotonic()
    line = model.registered(version)
    report = manifest.verify(
        model.storage,
        model.keys.package(version),
        line.get("package_digest") if line else None,
        workers=workers,
        meter=Meter(progress),
    )
    if report.problems:
        raise _corrupt(model, version, report.problems)
    return Verification(
        version=version,
        files_checked=report.files_checked,
        bytes_checked=report.bytes_checked,
        package_digest=report.package_digest,
        duration_s=round(time.monotonic() - began, 6),
        warnings=report.warnings,
    )


def _corrupt(model: ModelStore, version: str, problems: list[Problem]) -> PackageCorrupt:
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
        meta = json.loads(manifest.read_file(model.storage, model.keys.package(version), META))
    except KeyNotFound:
        raise _corrupt(model, version, [Problem(META, "missing")]) from None
    except (ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict):
        raise _corrupt(model, version, [Problem(META, "unreadable", actual="not a JSON object")])
    return meta


def package_digest(model: ModelStore, version: str) -> str | None:
    """The digest of the manifest as it is now, or as the pointer says where there is one.

    None for a half version of older software.
    """
    facts = model.storage.facts(model.keys.package(version))
    if facts is not None:
        return facts.package_digest
    try:
        return digest(manifest.read_file(model.storage, model.keys.package(version), MANIFEST))
    except KeyNotFound:
        return None


def listing(model: ModelStore, version: str) -> PackageListing:
    """Every file but the manifest, with what the manifest says of it; reads no artifact."""
    hashes = manifest_hashes(model, version)
    sizes = dict(_files(model, version))
    return PackageListing(
        version,
        [
            PackageFile(path, DIGEST_PREFIX + hashes[path] if path in hashes else None, sizes.get(path))
            for path in sorted((hashes.keys() | sizes.keys()) - {MANIFEST})
        ],
    )


def content(model: ModelStore, version: str) -> dict[str, str]:
    """Path -> SHA-256 hex of the caller's own files: all but metadata and manifest.

    Taken from the manifest; only what an older manifest does not cover is read.
    """
    package = model.keys.package(version)
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


def manifest_hashes(model: ModelStore, version: str) -> dict[str, str]:
    """Path -> SHA-256 hex as the manifest says; empty for a half version of older software."""
    try:
        return manifest.parse(manifest.read_file(model.storage, model.keys.package(version), MANIFEST)).hashes
    except KeyNotFound:
        return {}


def _files(model: ModelStore, version: str) -> list[tuple[str, int | None]]:
    package = model.keys.package(version)
    return [(entry.key[len(package) + 1 :], entry.size_bytes) for entry in model.storage.list(package, deep=True)]
