"""``sha256sums.txt``: every file of a package but itself, in the format of ``sha256sum -c``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .hashing import DIGEST_PREFIX, digest, hash_stream, in_parallel, size_hint
from .layout import MANIFEST, META
from .storage.base import Artifact, Entry, KeyNotFound, Readable, Storage
from .vocabulary.answers import Problem
from .vocabulary.errors import StorageError
from .vocabulary.progress import Meter
from .vocabulary.texts import escaped

_LINE = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")


def render(artifacts: Iterable[Artifact]) -> bytes:
    """The manifest of the artifacts, sorted by path: ``<hex>  <path>`` a line, UTF-8."""
    lines = sorted((artifact.path, artifact.sha256) for artifact in artifacts)
    # To sha256sum a bare "-" is its standard input.
    return "".join(f"{sha256}  {'./-' if path == '-' else path}\n" for path, sha256 in lines).encode()


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read: path -> hex; ``faults`` are the lines that make no sense."""

    hashes: dict[str, str]
    faults: list[str] = field(default_factory=list)


def parse(data: bytes, *, covers_manifest: bool = False) -> Manifest:
    """What the bytes say, faults included; never raises.

    Takes what ``sha256sum`` and older software write: text or binary mode, a leading ``./``, and
    a line for the manifest itself, which cannot be right and is passed over (``covers_manifest``: it can,
    because this is a baseline kept elsewhere).
    """
    hashes: dict[str, str] = {}
    faults: list[str] = []
    for number, raw in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
        line = raw.rstrip("\r")
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            faults.append(f"line {number} is not '<sha256>  <path>'")
            continue
        path = match[2].removeprefix("./")
        sha256 = match[1].lower()
        if path == MANIFEST and not covers_manifest:
            continue
        if hashes.setdefault(path, sha256) != sha256:
            faults.append(f"line {number} gives {path!r} a second digest")
    return Manifest(hashes, faults)


def compare_brought(brought: Manifest, actual: dict[str, str]) -> list[Problem]:
    """Where the files of a package differ from the manifest it came with (hex digests)."""
    problems = [Problem(MANIFEST, "manifest", actual=fault) for fault in brought.faults]
    for path, expected in sorted(brought.hashes.items()):
        found = actual.get(path)
        if found != expected:
            kind = "missing" if found is None else "changed"
            problems.append(Problem(path, kind, DIGEST_PREFIX + expected, found and DIGEST_PREFIX + found))
    return problems


@dataclass(frozen=True)
class Report:
    """The outcome of reading every byte of a package."""

    problems: list[Problem]
    warnings: list[str]
    files_checked: int
    bytes_checked: int
    package_digest: str


def verify(
    storage: Storage,
    package: str,
    registered_digest: str | None,
    *,
    baseline: bytes | None = None,
    workers: int,
    meter: Meter,
) -> Report:
    """Every way in which the package differs from what was registered; an empty list proves it.

    ``registered_digest`` is the package digest in the journal; ``baseline``, of an adopted package, is
    the manifest of all its files, which is kept outside of it. Without a digest the package is older
    software's: files that its manifest does not cover, and a ``model_meta.json`` that a tag has
    rewritten, are warnings.
    """
    entries = {entry.key[len(package) + 1 :]: entry for entry in storage.list(package, deep=True)}
    problems, manifest, package_digest = _read_manifest(storage, package, registered_digest, baseline)
    warnings: list[str] = []
    old = registered_digest is None
    known = manifest.hashes
    uncovered = entries.keys() - known.keys() - (set() if baseline is not None else {MANIFEST})
    if any(problem.kind == "unreadable" for problem in problems):
        uncovered = set()  # nobody can say now what the manifest covers
    for path in sorted(uncovered):
        if old and entries[path].kind == "file":
            warnings.append(f"{escaped(path)} is not covered by the manifest, so nothing is known about its bytes.")
        else:
            problems.append(Problem(escaped(path), "extra"))
    present = sorted(known.keys() & entries.keys())
    problems += [Problem(path, "missing", DIGEST_PREFIX + known[path]) for path in known.keys() - entries.keys()]
    total_bytes = sum(entries[path].size_bytes or 0 for path in present)
    meter.start(len(present), total_bytes)

    def check(path: str) -> tuple[Problem | None, int]:
        hint = size_hint(entries[path].size_bytes or 0, total_bytes, workers)
        outcome = _check_file(storage, package, path, entries[path], known[path], hint, meter.tick)
        meter.file_done()
        return outcome

    checked = in_parallel(check, present, workers)
    for problem in (found for found, _ in checked if found):
        if old and problem.path == META and problem.kind == "changed":
            warnings.append(f"{META} was rewritten after registration, as older software does for tags and stages.")
        else:
            problems.append(problem)
    problems.sort(key=lambda problem: (problem.path, problem.kind))
    return Report(problems, warnings, len(present), sum(size for _, size in checked), package_digest)


def _read_manifest(
    storage: Storage, package: str, registered_digest: str | None, baseline: bytes | None
) -> tuple[list[Problem], Manifest, str]:
    try:
        data = baseline if baseline is not None else read_file(storage, package, MANIFEST)
    except KeyNotFound:
        return [Problem(MANIFEST, "missing", registered_digest)], Manifest({}), ""
    except StorageError:
        if not storage.reads_fail_for_good:
            raise
        return [Problem(MANIFEST, "unreadable", registered_digest)], Manifest({}), ""
    manifest = parse(data, covers_manifest=baseline is not None)
    actual = digest(data)
    problems = [Problem(MANIFEST, "manifest", actual=fault) for fault in manifest.faults]
    if registered_digest not in (None, actual):
        problems.append(Problem(MANIFEST, "manifest", registered_digest, actual))
    elif not manifest.hashes:
        problems.append(Problem(MANIFEST, "manifest", actual="it lists no file"))
    return problems, manifest, actual


def _check_file(
    storage: Storage, package: str, path: str, entry: Entry, expected: str, hint: int, tick: Callable[[int], None]
) -> tuple[Problem | None, int]:
    expected = DIGEST_PREFIX + expected
    if entry.kind != "file":
        return Problem(path, "changed", expected, "not a regular file"), 0
    try:
        with storage.open(package, path) as reader:
            sha256, size = hash_stream(reader, size_hint=hint, tick=tick)
    except KeyNotFound:
        return Problem(path, "missing", expected), 0
    except (OSError, StorageError):
        if not storage.reads_fail_for_good:
            raise
        return Problem(path, "unreadable", expected), 0
    actual = DIGEST_PREFIX + sha256
    return (None if actual == expected else Problem(path, "changed", expected, actual)), size


def read_file(storage: Storage, package: str, path: str) -> bytes:
    """The whole of a small file of a package. Raises ``KeyNotFound``, ``StorageError``."""
    with storage.open(package, path) as reader:
        return read_all(reader)


def read_all(reader: Readable) -> bytes:
    """All that the reader still holds; it is small."""
    parts = []
    while part := reader.read(1024 * 1024):
        parts.append(part)
    return b"".join(parts)
