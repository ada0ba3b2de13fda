"""What can be read from a published package: its proof, its metadata, its list of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..format import manifest
from ..format.layout import MANIFEST, META
from ..models.model import ModelStore
from ..models.package_manifest import is_ours, manifest_bytes
from ..storage.contract import Entry, KeyNotFound
from ..vocabulary.answers import PackageFile, PackageListing, Problem
from ..vocabulary.texts import DIGEST_PREFIX, digest, escaped, parse_object
from .hash_stream import hash_stream
from .strays import warning, without_strays
from .verify import corrupt

MANIFEST_ROLE = "manifest"


def read_meta(model: ModelStore, version: str, said: str | None = None) -> dict[str, Any]:
    """The version's ``model_meta.json``. Raises ``PackageCorrupt`` where there is none to read.

    With ``said``, the SHA-256 hex in a manifest that is proven, it is the one that was registered.
    """
    try:
        data = _read_meta(model, version)
    except KeyNotFound:
        raise corrupt(model, version, [Problem(META, "missing")]) from None
    require_said(model, version, META, data, said)
    meta = parse_object(data)
    if meta is None:
        raise corrupt(model, version, [Problem(META, "unreadable", actual="not a JSON object")])
    return meta


def remarks(model: ModelStore, version: str, meta: Mapping[str, Any]) -> list[str]:
    """What whoever is shown older software's metadata must know of it: that it does not name the version.

    All that is registered does. Raises ``PackageCorrupt`` where ours does not.
    """
    if all(meta.get(name) == value for name, value in {**model.keys.names, "version": version}.items()):
        return []
    if is_ours(model, version):
        raise corrupt(model, version, [Problem(META, "changed", actual="it does not name this version")])
    return [f"{META} of {version} does not name this version. Is it another's?"]


def require_said(model: ModelStore, version: str, path: str, data: bytes, said: str | None) -> None:
    """The file is the one that the manifest says, if it says one. Raises ``PackageCorrupt``."""
    actual = hashlib.sha256(data).hexdigest() if said is not None else None
    if actual != said:
        raise corrupt(model, version, [Problem(path, "changed", f"{DIGEST_PREFIX}{said}", f"{DIGEST_PREFIX}{actual}")])


def _read_meta(model: ModelStore, version: str) -> bytes:
    with suppress(KeyNotFound):
        return model.storage.packages.read(model.keys.package(version), META)
    model.require_version(version)  # deleted meanwhile: then it is not damaged, but gone
    return model.storage.packages.read(model.keys.package(version), META)


def listing(model: ModelStore, version: str) -> PackageListing:
    """Every file, the manifest by its role, with what the manifest says of it; reads no artifact."""
    hashes, sizes, strays = _present(model, version)
    if not hashes or hashes.keys() - sizes.keys():
        model.require_version(version)  # deleted meanwhile, and perhaps restored: look again
        hashes, sizes, strays = _present(model, version)
    return PackageListing(
        version,
        [
            PackageFile(
                escaped(path),
                DIGEST_PREFIX + hashes[path] if path in hashes else None,
                sizes.get(path),
                MANIFEST_ROLE if path == MANIFEST else None,
            )
            for path in sorted(hashes.keys() | sizes.keys())
        ],
        warning(strays),
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
    for path, size_bytes in without_strays(model, version, files(model, version), hashes)[0].items():
        if path in (META, MANIFEST):
            continue
        if path in hashes:
            found[path] = hashes[path]
        else:
            with model.storage.packages.open(package, path) as reader:
                found[path] = hash_stream(reader, size_hint=size_bytes or 0)[0]
    return found


def _kept_content(model: ModelStore, version: str) -> dict[str, str]:
    """As :func:`content`, of a deleted version: what the manifest beside its tombstone says."""
    try:
        hashes = manifest.parse(model.storage.documents.read(model.keys.kept_manifest(version)).data).hashes
    except KeyNotFound:
        return {}
    return {path: sha256 for path, sha256 in hashes.items() if path != META}


def said_of(model: ModelStore, version: str) -> dict[str, str] | None:
    """As :func:`manifest_hashes`, proven; None of a package that older software may have written in.

    Raises ``PackageCorrupt``.
    """
    if not is_ours(model, version):
        return None
    data, _ = proven_manifest(model, version)
    return manifest.parse(data or b"").hashes


def proven_manifest(model: ModelStore, version: str) -> tuple[bytes | None, bool]:
    """(the manifest that names the package, whether it is an adopted package's baseline).

    None for a half version of older software. Raises ``PackageCorrupt`` where it is not the one that was registered.
    """
    for _ in range(2):
        recorded = model.recorded_digest(version)
        try:
            data, is_baseline = manifest_bytes(model, version)
        except KeyNotFound:
            data, is_baseline = None, False
        actual = digest(data) if data is not None else None
        if recorded in (None, actual):
            return data, is_baseline
        model.require_version(version)  # deleted meanwhile, and perhaps restored: look again
    raise corrupt(model, version, [Problem(MANIFEST, "manifest" if actual else "missing", recorded, actual)])


def manifest_hashes(model: ModelStore, version: str) -> dict[str, str]:
    """Path -> SHA-256 hex as the manifest says; empty for a half version of older software."""
    return _parsed_manifest(model, version)[1]


def _parsed_manifest(model: ModelStore, version: str) -> tuple[bytes | None, dict[str, str]]:
    """(the package's own manifest, what the one that names it says); None where that is another, or there is none."""
    try:
        return _parsed(*manifest_bytes(model, version))
    except KeyNotFound:
        return None, {}


def _parsed(data: bytes | None, is_baseline: bool) -> tuple[bytes | None, dict[str, str]]:
    if data is None:
        return None, {}
    return None if is_baseline else data, manifest.parse(data, covers_manifest=is_baseline).hashes


def files(model: ModelStore, version: str) -> Iterator[Entry]:
    """What lies in the package, the manifest included, and what is no part of it too."""
    return model.storage.documents.list(model.keys.package(version), deep=True)


def _present(model: ModelStore, version: str) -> tuple[dict[str, str], dict[str, int | None], list[str]]:
    """(path -> SHA-256 hex as the manifest says, and its own, path -> size of what is there, what else lies there)."""
    own, hashes = _parsed(*proven_manifest(model, version))
    if own is not None:
        hashes = {**hashes, MANIFEST: hashlib.sha256(own).hexdigest()}
    sizes, strays = without_strays(model, version, files(model, version), hashes)
    return hashes, sizes, strays
