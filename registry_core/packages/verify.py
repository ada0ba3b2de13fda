"""A package proven: every byte of it is as registered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ..format.layout import MANIFEST, META
from ..format.manifest import Manifest, parse
from ..models.model import ModelStore
from ..models.package_manifest import baseline
from ..storage.contract import Entry, KeyNotFound, Storage
from ..vocabulary.answers import Problem, Verification
from ..vocabulary.errors import PackageCorrupt, StorageError, StorageUnavailable
from ..vocabulary.progress import Meter, ProgressCallback
from ..vocabulary.texts import DIGEST_PREFIX, digest, escaped
from .hash_stream import hash_stream, size_hint
from .parallel import in_parallel
from .strays import is_dropping, warning

A = TypeVar("A")
MAX_LOOKS = 20  # at a version that others keep moving
EXTRA = "extra"
MAX_READS = 3  # of what cannot be read, before that is said of it


@dataclass(frozen=True)
class Report:
    """The outcome of reading every byte of a package."""

    problems: list[Problem]
    warnings: list[str]
    files_checked: int
    bytes_checked: int
    package_digest: str


def examine(
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
    entries = {entry.key[len(package) + 1 :]: entry for entry in storage.documents.list(package, deep=True)}
    problems, manifest, package_digest = _read_manifest(storage, package, registered_digest, baseline)
    warnings: list[str] = []
    old = registered_digest is None
    known = manifest.hashes
    uncovered = entries.keys() - known.keys() - (set() if baseline is not None else {MANIFEST})
    if any(problem.kind in ("unreadable", "changed") for problem in problems):
        uncovered = set()  # nobody can say now what the manifest covers
    droppings = []
    for path in sorted(uncovered):
        if entries[path].kind == "file" and is_dropping(path, known):
            droppings.append(path)
        elif old and entries[path].kind == "file":
            warnings.append(f"{escaped(path)} is not covered by the manifest, so nothing is known about its bytes.")
        else:
            problems.append(Problem(escaped(path), EXTRA))
    warnings += warning(droppings)
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
        data = baseline if baseline is not None else _again(storage, lambda: storage.packages.read(package, MANIFEST))
    except KeyNotFound:
        return [Problem(MANIFEST, "missing", registered_digest)], Manifest({}), ""
    except PackageCorrupt as error:
        return [Problem(MANIFEST, "changed", registered_digest, something_else(error))], Manifest({}), ""
    except StorageError as error:
        if not storage.failure_is_final(error):
            raise
        return [Problem(MANIFEST, "unreadable", registered_digest, error.detail.get("errno"))], Manifest({}), ""
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

    def read() -> tuple[str, int]:
        with storage.packages.open(package, path) as reader:
            return hash_stream(reader, size_hint=hint, tick=tick)

    try:
        sha256, size = _again(storage, read)
    except KeyNotFound:
        return Problem(path, "missing", expected), 0
    except PackageCorrupt as error:
        return Problem(path, "changed", expected, something_else(error)), 0
    except StorageError as error:
        if not storage.failure_is_final(error):
            raise
        return Problem(path, "unreadable", expected, error.detail.get("errno")), 0
    actual = DIGEST_PREFIX + sha256
    return (None if actual == expected else Problem(path, "changed", expected, actual)), size


def _again(storage: Storage, read: Callable[[], A]) -> A:
    """What is read. What fails is tried again at once before it counts, for one failure is no damage.

    Where failures say nothing of what lies there, the first one is raised.
    """
    for _ in range(MAX_READS - 1):
        try:
            return read()
        except StorageUnavailable as error:
            if not storage.failure_is_final(error):
                raise
    return read()


def something_else(error: PackageCorrupt) -> str:
    """What lies in the place of a file, as the storage tells it: a symbolic link, a FIFO."""
    return str(error.detail["problems"][0]["actual"])


def verify(model: ModelStore, version: str, *, workers: int, progress: ProgressCallback | None) -> Verification:
    """Every byte was read and is as registered. Raises ``PackageCorrupt`` with all ``problems``."""
    began = time.monotonic()
    for _ in range(MAX_LOOKS):
        before = model.journal.last()
        line = model.registered(version)
        report = examine(
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
    remedy = "restore the package from a backup, or register it again under a new version."
    if any(problem.kind == EXTRA for problem in problems):
        moved = f"'omr repair strays {model.title}' moves away what was never registered"
        is_all = all(problem.kind == EXTRA for problem in problems)
        remedy = f"{moved}." if is_all else f"{moved}; for the rest, {remedy}"
    return PackageCorrupt(
        f"{model.title}@{version} is damaged: {first.path!r} ({first.kind}){more}. Do not use it; {remedy}",
        version=version,
        problems=[problem.to_dict() for problem in problems],
    )
