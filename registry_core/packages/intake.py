"""A source directory becomes a plan: which files, and why they may be taken in.

Containment and file kinds are decided here, before a byte is copied, on directories that are open:
whatever is renamed or linked meanwhile, the walk never leaves them. The copying itself checks
again that each file is still the one that was planned (:class:`registry_core.packages.sources.FileSource`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeAlias

from ..format.layout import MANIFEST, META
from ..format.manifest import compare_brought, parse
from ..format.metadata import MAX_BYTES as MAX_META_BYTES
from ..format.metadata import parse_packaged
from ..storage.contract import Staging
from ..vocabulary.artifact import Artifact
from ..vocabulary.errors import ArtifactsRefused, DigestMismatch, HoldingDamaged, InvalidMetadata
from ..vocabulary.progress import Meter, ProgressCallback
from ..vocabulary.texts import has_control, is_unicode, printable
from .hash_stream import size_hint
from .kept_files import KeptFile, Reading, holding_damaged
from .parallel import in_parallel
from .sources import FileSource, Pouring

MAX_DEPTH = 64
MAX_NAME_BYTES = 255  # of one segment, on every filesystem in use
MAX_PATH_BYTES = 1024
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
_SHOWN = 20
_BATCH, _BATCHED_BYTES = 64, 64 * 1024  # to hand over each small file takes as long as to copy it

File: TypeAlias = FileSource | KeptFile


@dataclass(frozen=True)
class Plan:
    """The regular files of a package. ``brought_meta`` and ``brought_manifest`` are the caller's
    own ``model_meta.json`` and ``sha256sums.txt``, which the registry reads but writes anew."""

    files: tuple[File, ...]
    brought_meta: File | None
    brought_manifest: File | None


class Uploaded(Protocol):
    """A package whose files have arrived over a network, claimed by one registration."""

    def plan(self, required_files: tuple[str, ...]) -> Plan:
        """Its files as a plan. Raises ``ArtifactsRefused`` naming what is missing, ``DigestMismatch``."""

    def end(self) -> None:
        """Nothing is left of the upload. Never raises: what it was for is done."""


def plan(
    artifacts_dir: str,
    *,
    registry_root: str | None,
    allowed_roots: tuple[str, ...] = (),
    required_files: tuple[str, ...] = (),
) -> Plan:
    """Every file below ``artifacts_dir``, if all of them may be taken in.

    Raises ``ArtifactsRefused``, with up to 20 ``problems``, for a directory that is missing, not
    absolute, outside the allowed roots, or inside or around the registry; for anything but
    regular files with names that a manifest can hold; and where required files are missing.
    """
    top = contained(artifacts_dir, registry_root, allowed_roots)
    files: list[FileSource] = []
    problems: list[dict[str, str]] = []
    try:
        registry = _identity(os.stat(registry_root)) if registry_root is not None else None
        with _directory(top, None, registry) as top_fd:
            _walk(top, top_fd, registry, files, problems)
    except OSError as error:
        if os.path.isfile(top):
            raise ArtifactsRefused(
                "artifacts_dir is a file, and a package is a directory. Put it into one of its own; 'omr push' takes "
                "it as it is."
            ) from None
        raise ArtifactsRefused(
            f"artifacts_dir cannot be read: {error.strerror}. It must be a directory that is visible to the "
            "registry's machine and user, and stay where it is."
        ) from None
    return plan_of(files, problems, "artifacts_dir", required_files)


def plan_of(
    files: Iterable[File],
    problems: list[dict[str, str]],
    source: str,
    required_files: tuple[str, ...] = (),
) -> Plan:
    """The plan of these files, if together they make a package. ``problems`` have been found before.

    ``source`` is what to call the place that they come from. Raises ``ArtifactsRefused``.
    """
    by_name = {file.name: file for file in files}
    for name in (META, MANIFEST):
        if any(other.startswith(name + "/") for other in by_name):
            problems.append({"path": name, "reason": "is a directory, but the registry writes a file of that name"})
    own = {META, MANIFEST}
    for name in required_files:
        if name not in by_name and name not in own:
            problems.append({"path": name, "reason": "is required by this registry's policy and missing"})
    if problems:
        raise refused(problems)
    manifest = by_name.pop(MANIFEST, None)
    if not by_name:
        raise ArtifactsRefused(f"{source} holds no file. Check that the training job wrote its package there.")
    meta = by_name.pop(META, None)
    return Plan(tuple(by_name.values()), meta, manifest)


def contained(artifacts_dir: str, registry_root: str | None, allowed_roots: tuple[str, ...]) -> str:
    if not isinstance(artifacts_dir, str) or not is_unicode(artifacts_dir) or "\0" in artifacts_dir:
        raise ArtifactsRefused("artifacts_dir is not a valid path.")
    if not os.path.isabs(artifacts_dir):
        raise ArtifactsRefused("artifacts_dir must be an absolute path, as the registry's machine sees it.")
    top = os.path.realpath(artifacts_dir)
    if allowed_roots and not any(_is_below(top, os.path.realpath(root)) for root in allowed_roots):
        raise ArtifactsRefused(
            "artifacts_dir lies outside the directories that this registry takes packages from. "
            "Write the package below one of its allowed staging roots."
        )
    if registry_root is not None:
        root = os.path.realpath(registry_root)
        if _is_below(top, root) or _is_below(root, top):
            raise _overlaps_registry()
    return top


def _overlaps_registry() -> ArtifactsRefused:
    return ArtifactsRefused("artifacts_dir lies inside or around the registry itself. Stage packages elsewhere.")


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


@contextmanager
def _directory(path: str, start: int | None, registry: tuple[int, int] | None) -> Iterator[int]:
    """A descriptor of the directory at ``path``, below ``start`` or ``/``; no symbolic link leads there.

    Nor does the way lead through the directory ``registry``, which may have other names by other mounts.
    Raises ``ArtifactsRefused``, and ``OSError``, also where some part of the path is a symbolic link by now.
    """
    flags = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open("/" if start is None else ".", flags | os.O_PATH, dir_fd=start)
    try:
        for part in filter(None, path.split("/")):
            below = os.open(part, flags | os.O_PATH, dir_fd=here)
            os.close(here)
            here = below
            if _identity(os.fstat(here)) == registry:
                raise _overlaps_registry()
        readable = os.open(".", flags | os.O_RDONLY, dir_fd=here)
    finally:
        os.close(here)
    try:
        yield readable
    finally:
        os.close(readable)


def _walk(
    top: str, top_fd: int, registry: tuple[int, int] | None, files: list[FileSource], problems: list[dict[str, str]]
) -> None:
    """Adds what lies below ``top``, whose descriptor is ``top_fd``."""
    pending = [("", 1)]
    while pending:
        inside, depth = pending.pop()
        try:
            with _directory(inside, top_fd, registry) as directory:
                entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
                found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            problems.append({"path": printable(inside or "."), "reason": f"cannot be read: {error.strerror}"})
            continue
        for entry_name, status in found:
            name = f"{inside}/{entry_name}" if inside else entry_name
            reason = _refusal(name, status.st_mode, depth)
            if reason:
                problems.append({"path": printable(name), "reason": reason})
            elif stat.S_ISDIR(status.st_mode):
                pending.append((name, depth + 1))
            else:
                location = os.path.join(top, name)
                files.append(
                    FileSource(name, location, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                )


def path_refusal(path: str) -> str | None:
    """Why no file of a package can have this path; None if one can. The rules are those of a directory."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "is not a relative path of plain segments"
    if not is_unicode(path):
        return "has a name that is not UTF-8"
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts) or len(path.encode()) > MAX_PATH_BYTES:
        return "is too long a path"
    deepest = _refusal(path, stat.S_IFDIR, len(parts) - 1) if len(parts) > 1 else None
    return deepest or _refusal(path, stat.S_IFREG, len(parts))


def _refusal(name: str, mode: int, depth: int) -> str | None:
    if not is_unicode(name):
        return "has a name that is not UTF-8"
    if has_control(name) or "\\" in name:
        return "has a control character, a newline or a backslash in its name"
    if stat.S_ISDIR(mode):
        return f"is nested deeper than {MAX_DEPTH} levels" if depth >= MAX_DEPTH else None
    if stat.S_ISLNK(mode):
        return "is a symbolic link; a package holds regular files only, and 'omr push --follow-links' sends those"
    if not stat.S_ISREG(mode):
        return f"is {_kind(mode)}; a package holds regular files only"
    return None


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a block device",
        stat.S_IFCHR: "a character device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")


def refused(problems: list[dict[str, str]]) -> ArtifactsRefused:
    """The error that names the first of them, and shows some."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ArtifactsRefused(
        f"{first['path']!r} {first['reason']}{more}. Nothing was taken in.", problems=problems[:_SHOWN]
    )


def require_short(paths: Iterable[str], longest: int | None) -> None:
    """The storage can name every file. Raises ``ArtifactsRefused`` before a byte is moved."""
    if longest is not None:
        long = [path for path in paths if len(path.encode()) > longest]
        if long or longest < len(MANIFEST):
            reason = f"is too long a path: of this version, the object store takes {longest} bytes"
            raise refused([{"path": path, "reason": reason} for path in long or [MANIFEST]])


def packaged_meta(plan: Plan) -> tuple[dict[str, object], str | None]:
    """(the object in the package's own model_meta.json or {}, its SHA-256 in hex or None)."""
    if plan.brought_meta is None:
        return {}, None
    if plan.brought_meta.size_bytes > MAX_META_BYTES:
        raise InvalidMetadata(f"The package's {META} is larger than {MAX_META_BYTES} bytes.")
    return parse_packaged(plan.brought_meta.read(MAX_META_BYTES)), plan.brought_meta.digest_only()[0]


def copy(plan: Plan, staging: Staging, *, workers: int, progress: ProgressCallback | None = None) -> list[Artifact]:
    """Every planned file, staged and hashed in one pass, several at once.

    Raises ``HoldingDamaged`` naming all that are damaged where the registry has them.
    """
    meter = Meter(progress)
    total_bytes = sum(file.size_bytes for file in plan.files)
    meter.start(len(plan.files), total_bytes)
    damaged: list[str] = []

    def take(file: File, left_bytes: int) -> Artifact | None:
        hint = size_hint(file.size_bytes, left_bytes, workers)
        if isinstance(file, FileSource):
            artifact = staging.add(file.name, Pouring(file, hint, meter.tick))
        else:
            reading = Reading(meter.tick, hint)
            try:
                artifact = file.put_into(staging, reading.prove)
            except HoldingDamaged:
                damaged.append(file.name)  # the others are read all the same: their owner hears of all at once
                return None
            meter.tick(artifact.size_bytes - reading.count)
        meter.file_done()
        return artifact

    def take_some(files: Sequence[tuple[File, int]]) -> list[Artifact | None]:
        return [take(*file) for file in files]

    taken = chain.from_iterable(in_parallel(take_some, batches(_largest_first(plan), workers), workers))
    if damaged:
        raise holding_damaged(sorted(damaged))
    return [artifact for artifact in taken if artifact is not None]


def digests(plan: Plan, *, workers: int) -> dict[str, str]:
    """Path -> SHA-256 hex of every planned file, read but not copied."""
    files = _largest_first(plan)
    hashes = in_parallel(lambda file: file.digest_only()[0], files, workers)
    return {file.name: sha256 for file, sha256 in zip(files, hashes, strict=True)}


def check_brought_manifest(plan: Plan, actual: dict[str, str]) -> None:
    """The manifest that the package brings agrees with its files; an empty one is ignored.

    ``actual``: path -> SHA-256 hex of the files as they were brought. Raises ``DigestMismatch``
    listing the files, ``ArtifactsRefused`` for a manifest of absurd size.
    """
    if plan.brought_manifest is None:
        return
    if plan.brought_manifest.size_bytes > MAX_MANIFEST_BYTES:
        raise ArtifactsRefused(f"{MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes.", path=MANIFEST)
    data = plan.brought_manifest.read(MAX_MANIFEST_BYTES)
    if not data.strip():
        return
    problems = compare_brought(parse(data), actual)
    if problems:
        names = ", ".join(repr(problem.path) for problem in problems[:3])
        raise DigestMismatch(
            f"The package differs from the {MANIFEST} that it brings: {names}"
            f"{' and more' if len(problems) > 3 else ''}. Write the package again, or remove its manifest.",
            problems=[problem.to_dict() for problem in problems],
        )


def batches(files: Sequence[File], workers: int) -> Iterator[list[tuple[File, int]]]:
    """The files, each with the bytes of it and of all after it; of many small ones some together, others one by one."""
    most = min(_BATCH, len(files) // (workers * 8))  # few enough for all workers to end at about the same time
    left = sum(file.size_bytes for file in files)
    batch: list[tuple[File, int]] = []
    for file in files:
        batch.append((file, left))
        left -= file.size_bytes
        if len(batch) >= most or file.size_bytes >= _BATCHED_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _largest_first(plan: Plan) -> list[File]:
    # A large file begun last would run alone at the end while the other cores wait.
    return sorted(plan.files, key=lambda file: -file.size_bytes)
