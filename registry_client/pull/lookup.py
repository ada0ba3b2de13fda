"""What a ref means: asked of the registry, or remembered by the cache where nobody answers."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import replace
from datetime import UTC, datetime

from registry_core import Conflict, PackageCorrupt, PackageListing, RegistryError, Resolution, StorageUnavailable

from ..forms import MANIFEST
from ..local.cache import Cache
from ..remote import answers
from ..remote.transport import is_unreachable
from ..remote.versions import Versions
from .download import Remote, fetch
from .remote_package import MAX_MANIFEST_BYTES, Package, assemble

log = logging.getLogger(__name__)


def look_up(client: Versions, task: str, ref: str, cache: Cache | None, *, offline: bool) -> tuple[Package, bool]:
    """(the package, whether it is what the cache remembers)."""
    if not offline:
        try:
            return _ask(client, task, ref, cache), False
        except StorageUnavailable as error:
            if not is_unreachable(error):
                raise
            known = _recall(cache, client, task, ref)
            if known is None:
                raise
            log.warning("%s", error.message)
            return known, True
    known = _recall(cache, client, task, ref)
    if known is None or cache is None:
        raise StorageUnavailable(f"{ref} of {client.url} was never pulled into the cache {cache and cache.directory}.")
    return known, True


def _ask(client: Versions, task: str, ref: str, cache: Cache | None) -> Package:
    found = client.resolve(task, ref, verify=False)
    if (found.task, found.model_name) != (task, ref.partition("@")[0]):
        raise answers.strange(Resolution, "it is about another model")
    listing = client.artifacts(task, f"{found.model_name}@{found.version}")
    if listing.version != found.version:
        raise Conflict(
            f"{found.version!r} is an alias of {found.model_name} too, which hides the version. Remove the alias."
        )
    for left in reversed(range(2)):
        manifest = _fetch_manifest(client, found)
        try:
            package = assemble(found, listing, manifest)
        except PackageCorrupt:
            if left:
                continue  # one bad moment on the way is not damage
            raise
        if cache is not None:
            cache.put(manifest or b"")
        return package
    raise AssertionError("unreachable")


def _fetch_manifest(client: Versions, found: Resolution) -> bytes | None:
    remote = Remote(found.task, found.model_name, found.version, MANIFEST, None, MAX_MANIFEST_BYTES)
    with tempfile.TemporaryFile() as file:
        try:
            fetch(client.transport, remote, file.fileno(), lambda _: None, lambda: None)
        except RegistryError as error:
            if error.code in ("artifact_not_found", "package_corrupt"):
                return None  # it is not there, or longer than any can be
            raise
        file.seek(0)
        return file.read(MAX_MANIFEST_BYTES)


def _key(client: Versions, task: str, ref: str) -> str:
    """Whoever calls: what one may see, another who uses this machine's account is told only by the registry."""
    return "\0".join((client.url, task, ref, *filter(None, [client.transport.whose])))


def remember(cache: Cache | None, client: Versions, ref: str, package: Package) -> None:
    """The cache knows what the ref meant, if there is one."""
    if cache is None:
        return
    found = package.resolution
    listing = [
        {"name": f.path, "sha256": f.sha256 and f"sha256:{f.sha256}", "size_bytes": f.size_bytes}
        for f in package.files
        if f.path != MANIFEST
    ]
    manifest = next(f.sha256 for f in package.files if f.path == MANIFEST)
    content = {
        "url": client.url,
        "resolution": found.to_dict(),
        "listing": {"version": found.version, "files": listing},
        "manifest": manifest,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        cache.note("refs", _key(client, found.task, ref), content)
        pinned = {**content, "resolution": {**found.to_dict(), "alias": None}}
        cache.note("refs", _key(client, found.task, f"{found.model_name}@{found.version}"), pinned)
    except RegistryError as error:
        log.warning("%s", error.message)  # the package is there all the same


def _recall(cache: Cache | None, client: Versions, task: str, ref: str) -> Package | None:
    """What the ref meant when it was last pulled, proven by its package digest again; None if it is not known."""
    note = None if cache is None else cache.noted("refs", _key(client, task, ref))
    if cache is None or note is None:
        return None
    try:
        found = answers.read(Resolution, note["resolution"])
        listing = answers.read(PackageListing, note["listing"])
        manifest = cache.get(str(note["manifest"]), MAX_MANIFEST_BYTES)
        package = assemble(found, listing, manifest)
    except (KeyError, RegistryError):
        return None
    said = f"The registry was not asked: {ref} is what it meant at {note.get('at')}, from the cache."
    return replace(package, warnings=(said, *package.warnings))
