"""What a version consists of, worked out from what the registry says, and proven by the package digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from registry_core import PackageCorrupt, PackageListing, Problem, Resolution, parse_manifest

from ..forms import MANIFEST, sha256_of, tree_fault
from .download import Remote

MAX_MANIFEST_BYTES = 32 * 1024 * 1024
MAX_FILES = 500_000
_PREFIX = "sha256:"
_SHOWN = 20


@dataclass(frozen=True)
class Package:
    """The files of one version, the manifest among them, each with its digest and its size."""

    resolution: Resolution
    files: tuple[Remote, ...]
    warnings: tuple[str, ...] = ()

    @property
    def bytes_total(self) -> int:
        return sum(file.size_bytes for file in self.files)


def assemble(found: Resolution, listing: PackageListing, manifest: bytes | None) -> Package:
    """The package, if the manifest (or, of an adopted version, the listing) is what the package digest names.

    Raises ``PackageCorrupt`` where it is not, for files that it does not cover or the registry has not, and for paths
    that no file may be laid at.
    """
    expected = sha256_of(found.package_digest)
    if manifest is None or expected is None:
        raise _corrupt(found, [Problem(MANIFEST, "missing", found.package_digest)])
    own = hashlib.sha256(manifest).hexdigest()
    sizes = {file.name: file.size_bytes for file in listing.files}
    listed = {file.name: sha256_of(file.sha256) for file in listing.files}
    if own == expected:
        hashes: dict[str, str | None] = dict(_parse(found, manifest))
    elif _digest_of({**listed, MANIFEST: own}) == expected:
        hashes = dict(listed)  # adopted: the digest is over all files as they were found then
    else:
        raise _corrupt(found, [Problem(MANIFEST, "manifest", found.package_digest, _PREFIX + own)])
    hashes[MANIFEST] = own
    sizes[MANIFEST] = len(manifest)
    _refuse_uncovered(found, {*listed, *hashes} - {path for path, sha256 in hashes.items() if sha256 is not None})
    fault = tree_fault(hashes)
    if fault is not None:
        raise _corrupt(found, [Problem(fault[0], "manifest", actual=f"no file can be laid there: {fault[1]}")])
    files = tuple(_remote(found, path, hashes[path], sizes.get(path)) for path in sorted(hashes))
    return Package(found, files, tuple(listing.warnings))


def _remote(found: Resolution, path: str, sha256: str | None, size_bytes: int | None) -> Remote:
    if size_bytes is None:
        raise _corrupt(found, [Problem(path, "missing", sha256 and _PREFIX + sha256)])
    return Remote(found.task, found.model_name, found.version, path, sha256, size_bytes)


def _refuse_uncovered(found: Resolution, paths: set[str]) -> None:
    if not paths:
        return
    first, more = min(paths), f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    raise PackageCorrupt(
        f"{found.model_name}@{found.version} cannot be pulled: nothing proves {first!r}{more}. Where older software "
        "made the version, 'omr adopt' at the registry gives it a digest over all its files.",
        version=found.version,
        problems=[Problem(path, "extra").to_dict() for path in sorted(paths)[:_SHOWN]],
    )


def _parse(found: Resolution, manifest: bytes) -> dict[str, str]:
    """Path -> hex, as ``sha256sum`` and older software write it."""
    try:
        manifest.decode("utf-8")
    except UnicodeDecodeError:
        raise _corrupt(found, [Problem(MANIFEST, "manifest", actual="it is not UTF-8")]) from None
    if manifest.count(b"\n") > MAX_FILES:
        raise _corrupt(found, [Problem(MANIFEST, "manifest", actual=f"it has more than {MAX_FILES} lines")])
    parsed = parse_manifest(manifest, max_faults=1)
    if parsed.faults:
        raise _corrupt(found, [Problem(MANIFEST, "manifest", actual=fault) for fault in parsed.faults])
    hashes = parsed.hashes
    if not hashes:
        raise _corrupt(found, [Problem(MANIFEST, "manifest", actual="it lists no file")])
    return hashes


def _digest_of(hashes: Mapping[str, str | None]) -> str:
    lines = (f"{sha256}  {'./-' if path == '-' else path}\n" for path, sha256 in sorted(hashes.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def _corrupt(found: Resolution, problems: list[Problem]) -> PackageCorrupt:
    first = problems[0]
    return PackageCorrupt(
        f"{found.model_name}@{found.version} cannot be pulled: {first.path!r} ({first.kind}) is not what the "
        "journal's digest names. Verify the version.",
        version=found.version,
        problems=[problem.to_dict() for problem in problems],
    )
