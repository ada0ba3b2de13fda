"""The manifest that names a version's package, wherever it is kept."""

from __future__ import annotations

from contextlib import suppress

from ..format.chain import Line
from ..format.layout import MANIFEST
from ..storage.contract import KeyNotFound
from ..vocabulary.errors import PackageCorrupt
from ..vocabulary.texts import digest
from .model import ModelStore


def is_ours(model: ModelStore, version: str) -> bool:
    """Whether this software laid the package down, so that nobody has ever had a reason to write in it."""
    facts = model.facts(version)
    if facts is not None:
        return facts.package_digest is not None and not facts.notes.get("adopted")
    born = model.registered(version)
    return born is not None and not born.get("adopted")


def manifest_digest(model: ModelStore, version: str) -> str | None:
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


def kept_digest(model: ModelStore, version: str) -> str | None:
    """The digest of the manifest that is kept of a deleted version; None where there is none to read."""
    try:
        return digest(model.storage.documents.read(model.keys.kept_manifest(version)).data)
    except (KeyNotFound, PackageCorrupt):
        return None


def package_digest(model: ModelStore, version: str) -> str | None:
    """The digest that the version was registered with; of older software's version that of its manifest as it is now.

    None for a half version of older software.
    """
    return model.recorded_digest(version) or manifest_digest(model, version)


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
    facts, born = model.facts(version), model.noticed.born.get(version)
    if facts is not None:
        may_have_one = bool(facts.notes.get("adopted"))
    else:
        may_have_one = born is None or bool(born.get("adopted"))  # unless whoever asks has come upon its event already
    if may_have_one:
        with suppress(KeyNotFound):
            data = model.storage.documents.read(model.keys.baseline(version)).data
            # A crash may have left one that no event names.
            if facts is not None or _is_adopted(model, version):
                return data, True
    return model.storage.packages.read(model.keys.package(version), MANIFEST), False


def _is_adopted(model: ModelStore, version: str) -> bool:
    line = model.registered(version)
    return line is not None and bool(line.get("adopted"))


def baseline(model: ModelStore, version: str, registered: Line | None) -> bytes | None:
    """The manifest of all files of an adopted package, None for every other; empty where it is lost."""
    if registered is None or not registered.get("adopted"):
        return None
    try:
        return model.storage.documents.read(model.keys.baseline(version)).data
    except KeyNotFound:
        return b""
