"""A source directory becomes a plan: which files, and why they may be taken in.

Containment and file kinds are decided here, before a byte is copied; the copying itself checks
again that each file is still the one that was planned (:class:`registry_core.hashing.FileSource`).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace

from .errors import ArtifactsRefused, DigestMismatch, InvalidMetadata
from .hashing import FileSource, in_parallel
from .layout import MANIFEST, META
from .manifest import compare_brought, parse
from .metadata import MAX_BYTES as MAX_META_BYTES
from .metadata import parse_packaged
from .model import ProgressCallback
from .progress import Meter
from .refs import has_control, is_unicode, printable
from .storage.base import Artifact, Staging

MAX_DEPTH = 64
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
_SHOWN = 20


@dataclass(frozen=True)
class Plan:
    """The regular files of a package. ``brought_meta`` and ``brought_manifest`` are the caller's
    own ``model_meta.json`` and ``sha256sums.txt``, which the registry reads but writes anew."""

    files: tuple[FileSource, ...]
    brought_meta: FileSource | None
    brought_manifest: FileSource | None


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
    top = _contained(artifacts_dir, registry_root, allowed_roots)
    files: list[FileSource] = []
    problems: list[dict[str, str]] = []
    _walk(top, files, problems)
    by_name = {file.name: file for file in files}
    for name in (META, MANIFEST):
        if any(other.startswith(name + "/") for other in by_name):
            problems.append({"path": name, "reason": "is a directory, but the registry writes a file of that name"})
    own = {META, MANIFEST}
    for name in required_files:
        if name not in by_name and name not in own:
            problems.append({"path": name, "reason": "is required by this registry's policy and missing"})
    if problems:
        raise _refused(problems)
    manifest = by_name.pop(MANIFEST, None)
    if not by_name:
        raise ArtifactsRefused("artifacts_dir holds no file. Check that the training job wrote its package there.")
    meta = by_name.pop(META, None)
    return Plan(tuple(by_name.values()), meta, manifest)


def _contained(artifacts_dir: str, registry_root: str | None, allowed_roots: tuple[str, ...]) -> str:
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
    try:
        status = os.stat(top)
    except OSError as error:
        raise ArtifactsRefused(
            f"artifacts_dir cannot be opened: {error.strerror}. It must be visible to the registry's machine and user."
        ) from None
    if not stat.S_ISDIR(status.st_mode):
        raise ArtifactsRefused("artifacts_dir is not a directory.")
    if registry_root is not None:
        root = os.path.realpath(registry_root)
        if _is_below(top, root) or _is_below(root, top):
            raise ArtifactsRefused("artifacts_dir lies inside or around the registry itself. Stage packages elsewhere.")
    return top


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _walk(top: str, files: list[FileSource], problems: list[dict[str, str]]) -> None:
    pending = [("", 1)]
    while pending:
        inside, depth = pending.pop()
        where = os.path.join(top, inside)
        try:
            entries = sorted(os.scandir(where), key=lambda entry: entry.name)
        except OSError as error:
            problems.append({"path": printable(inside or "."), "reason": f"cannot be read: {error.strerror}"})
            continue
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            reason = _refusal(name, entry, depth)
            if reason:
                problems.append({"path": printable(name), "reason": reason})
            elif entry.is_dir(follow_symlinks=False):
                pending.append((name, depth + 1))
            else:
                status = entry.stat(follow_symlinks=False)
                files.append(
                    FileSource(
                        name,
                        os.path.join(top, name),
                        status.st_dev,
                        status.st_ino,
                        status.st_size,
                        status.st_mtime_ns,
                    )
                )


def _refusal(name: str, entry: os.DirEntry[str], depth: int) -> str | None:
    if not is_unicode(name):
        return "has a name that is not UTF-8"
    if has_control(name) or "\\" in name:
        return "has a control character, a newline or a backslash in its name"
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if stat.S_ISDIR(mode):
        return f"is nested deeper than {MAX_DEPTH} levels" if depth >= MAX_DEPTH else None
    if not stat.S_ISREG(mode):
        return f"is {_kind(mode)}; a package holds regular files only"
    return None


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a block device",
        stat.S_IFCHR: "a character device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")


def _refused(problems: list[dict[str, str]]) -> ArtifactsRefused:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ArtifactsRefused(
        f"{first['path']!r} {first['reason']}{more}. Nothing was taken in.", problems=problems[:_SHOWN]
    )


def packaged_meta(plan: Plan) -> tuple[dict[str, object], str | None]:
    """(the object in the package's own model_meta.json or {}, its SHA-256 in hex or None)."""
    if plan.brought_meta is None:
        return {}, None
    if plan.brought_meta.size_bytes > MAX_META_BYTES:
        raise InvalidMetadata(f"The package's {META} is larger than {MAX_META_BYTES} bytes.")
    return parse_packaged(plan.brought_meta.read(MAX_META_BYTES)), plan.brought_meta.digest_only()[0]


def copy(plan: Plan, staging: Staging, *, workers: int, progress: ProgressCallback | None = None) -> list[Artifact]:
    """Every planned file, staged and hashed in one pass, several at once."""
    meter = Meter(progress)
    meter.start(len(plan.files), sum(file.size_bytes for file in plan.files))

    def take(file: FileSource) -> Artifact:
        artifact = staging.add(file.name, replace(file, tick=meter.tick))
        meter.file_done()
        return artifact

    return in_parallel(take, _largest_first(plan), workers)


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


def _largest_first(plan: Plan) -> list[FileSource]:
    # A large file begun last would run alone at the end while the other cores wait.
    return sorted(plan.files, key=lambda file: -file.size_bytes)
