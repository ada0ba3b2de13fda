"""What a version consists of, worked out from what the registry says, and proven by the package digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry_core import PackageCorrupt, PackageListing, Problem, Resolution, parse_manifest

from .download import Remote

MANIFEST = "sha256sums.txt"
META = "model_meta.json"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
_PREFIX = "sha256:"


@dataclass(frozen=True)
class Package:
    """The files of one version, the manifest among them; ``warnings`` say what nothing proves."""

    resolution: Resolution
    files: tuple[Remote, ...]
    warnings: tuple[str, ...]

    @property
    def bytes_total(self) -> int:
        return sum(file.size_bytes or 0 for file in self.files)


def assemble(found: Resolution, listing: PackageListing, manifest: bytes | None) -> Package:
    """The package, if the manifest (or, of an adopted version, the listing) is what the package digest names.

    Raises ``PackageCorrupt`` where it is not, and for paths that lead out of a directory.
    """
    if manifest is None or found.package_digest is None:
        raise _corrupt(found, [Problem(MANIFEST, "missing", found.package_digest)])
    own = hashlib.sha256(manifest).hexdigest()
    sizes = {file.name: file.size_bytes for file in listing.files}
    listed = {file.name: file.sha256 and file.sha256.removeprefix(_PREFIX) for file in listing.files}
    warnings: list[str] = []
    if _PREFIX + own == found.package_digest:
        hashes: dict[str, str | None] = dict(_parse(found, manifest))
        for path in listed.keys() - hashes.keys():
            hashes[path] = None
            warnings.append(f"{path} is not covered by the manifest, so nothing is known about its bytes.")
    elif _PREFIX + _digest_of({**listed, MANIFEST: own}) == found.package_digest:
        hashes = dict(listed)  # adopted: the digest is over all files as they were found then
    else:
        raise _corrupt(found, [Problem(MANIFEST, "manifest", found.package_digest, _PREFIX + own)])
    hashes[MANIFEST] = own
    sizes[MANIFEST] = len(manifest)
    _check_paths(found, hashes)
    files = tuple(
        Remote(found.task, found.model_name, found.version, path, hashes[path], sizes.get(path))
        for path in sorted(hashes)
    )
    return Package(found, files, tuple(sorted(warnings)))


def _parse(found: Resolution, manifest: bytes) -> dict[str, str]:
    """Path -> hex, as ``sha256sum`` and older software write it."""
    try:
        manifest.decode("utf-8")
    except UnicodeDecodeError:
        raise _corrupt(found, [Problem(MANIFEST, "manifest", actual="it is not UTF-8")]) from None
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


def _check_paths(found: Resolution, paths: Iterable[str]) -> None:
    known = set(paths)
    for path in known:
        parts = path.split("/")
        ancestors = {"/".join(parts[:n]) for n in range(1, len(parts))}
        if "\0" in path or not {"", ".", ".."}.isdisjoint(parts) or ancestors & known:
            raise _corrupt(found, [Problem(path, "manifest", actual="no file can lie there")])


def _corrupt(found: Resolution, problems: list[Problem]) -> PackageCorrupt:
    first = problems[0]
    return PackageCorrupt(
        f"{found.model_name}@{found.version} cannot be pulled: {first.path!r} ({first.kind}) is not what the "
        "journal's digest names. Verify the version.",
        version=found.version,
        problems=[problem.to_dict() for problem in problems],
    )
