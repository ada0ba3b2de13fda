"""What a session of uploads may have: decisions on values, without I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..format.layout import ModelKeys
from ..packages.intake import path_refusal, refused, require_short
from ..settings import CoreSettings
from ..storage.contract import Incoming, SessionFiles, Storage
from ..vocabulary.errors import ArtifactsRefused, InvalidParameter, UploadNotFound, UploadTooLarge
from ..vocabulary.texts import printable

MOST_BYTES = 2**53 - 1  # of one file; what every JSON reader keeps exact
ANNOUNCED = ("path", "sha256", "size_bytes")  # what is said of a file beforehand
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_path(path: str) -> None:
    """A package can have a file of this path. Raises ``ArtifactsRefused``."""
    reason = path_refusal(path)
    if reason:
        raise refused([{"path": printable(path), "reason": reason}])


def check_lengths(storage: Storage, about: Mapping[str, Any], paths: Iterable[str]) -> None:
    """The storage can name the files, in the version with the shortest name. Raises ``ArtifactsRefused``."""
    package = ModelKeys(about["task"], about["model_name"]).package("x")
    require_short(paths, storage.packages.longest_path(package))


def check_size(size_bytes: int) -> None:
    """Raises ``InvalidParameter``, ``UploadTooLarge``."""
    if size_bytes < 0:
        raise InvalidParameter("The length of a file is a number of bytes, 0 or more.", field="size_bytes")
    if size_bytes > MOST_BYTES:
        raise UploadTooLarge(f"A file has at most {MOST_BYTES} bytes.", size_bytes=size_bytes, limit_bytes=MOST_BYTES)


def check_form(file: Mapping[str, Any]) -> Mapping[str, Any]:
    """``file`` itself, if it says what is said of a file beforehand. Raises ``KeyError``, ``TypeError``."""
    if not isinstance(file["path"], str) or not isinstance(file["sha256"], str):
        raise TypeError(file)
    if not isinstance(file["size_bytes"], int):
        raise TypeError(file)
    return file


def check_declared(files: Sequence[Mapping[str, Any]], room: int, most_files: int) -> list[dict[str, Any]]:
    """What was said beforehand about files: path, sha256, size_bytes of each, if together they make a package.

    There is room for so many of the ``most_files``.
    """
    if len(files) > room:
        raise too_many(most_files)
    problems = []
    paths: set[str] = set()
    for file in files:
        path, sha256, size_bytes = file["path"], file["sha256"], file["size_bytes"]
        reason = path_refusal(path) or ("is listed twice" if path in paths else None)
        if reason is None and _SHA256.fullmatch(sha256) is None:
            reason = "has a sha256 that is not 64 lower-case hex digits"
        if reason is None and not 0 <= size_bytes <= MOST_BYTES:
            reason = "has a size that no file can have"
        if reason is not None:
            problems.append({"path": printable(path), "reason": reason})
        paths.add(path)
    problems += [{"path": path, "reason": "is listed as a file and as a directory"} for path in _directories(paths)]
    if problems:
        raise refused(problems)
    return [{name: file[name] for name in ANNOUNCED} for file in files]


def check_together(files: Sequence[Mapping[str, Any]]) -> None:
    """The files of all pages make a package together. Raises ``ArtifactsRefused``."""
    paths: set[str] = set()
    problems = []
    for file in files:
        if file["path"] in paths:
            problems.append({"path": file["path"], "reason": "is listed twice"})
        paths.add(file["path"])
    problems += [{"path": path, "reason": "is listed as a file and as a directory"} for path in _directories(paths)]
    if problems:
        raise refused(problems)


def collisions(paths: Iterable[str]) -> list[dict[str, str]]:
    """The files that are also directories of others, as problems."""
    return [{"path": path, "reason": "is a file and a directory at once"} for path in _directories(set(paths))]


def _directories(paths: set[str]) -> list[str]:
    above = {path[:at] for path in paths for at, character in enumerate(path) if character == "/"}
    return sorted(paths & above)


def admit(path: str, size_bytes: int, settings: CoreSettings) -> Callable[[SessionFiles], str | None]:
    """Decides, from what a session has, whether a file may come to it; gives the id of one that is there already.

    Raises ``ArtifactsRefused``, ``UploadTooLarge``.
    """

    def decide(session: SessionFiles) -> str | None:
        if session.paths is not None:
            known = session.paths.get(path)
            if known is not None:
                if known[1] != size_bytes:
                    raise already_there(path)
                return known[0]
            above = {path[:at] for at, character in enumerate(path) if character == "/"}
            if not above.isdisjoint(session.paths) or path in session.directories:
                raise refused([{"path": path, "reason": "is a file and a directory at once"}])
        if session.files >= settings.max_upload_files:
            raise too_many(settings.max_upload_files)
        if settings.max_upload_bytes and session.size_bytes + size_bytes > settings.max_upload_bytes:
            raise over_quota(session.size_bytes + size_bytes, settings.max_upload_bytes)
        return None

    return decide


def check_room(
    files: Sequence[Mapping[str, Any]], have: Sequence[str], present: Mapping[str, Incoming], settings: CoreSettings
) -> None:
    """What was announced may come, beside all else that the session has. Raises ``UploadTooLarge``."""
    needless = {*have, *present}
    coming = [file["size_bytes"] for file in files if file["path"] not in needless]
    if len(coming) + len(present) > settings.max_upload_files:
        raise too_many(settings.max_upload_files)
    size_bytes = sum(coming) + sum(file.size_bytes for file in present.values())
    if settings.max_upload_bytes and size_bytes > settings.max_upload_bytes:
        raise over_quota(size_bytes, settings.max_upload_bytes)


def already_there(path: str) -> ArtifactsRefused:
    return refused([{"path": path, "reason": "is in this upload already; go on with that file, or delete it first"}])


def too_many(most: int) -> UploadTooLarge:
    return UploadTooLarge(f"One upload takes at most {most} files. Pack small files together.", limit_files=most)


def too_long(file: Incoming) -> UploadTooLarge:
    return UploadTooLarge(
        f"These are more bytes than the {file.size_bytes} that {file.path!r} was said to have. None were kept.",
        offset=file.offset,
        size_bytes=file.size_bytes,
    )


def over_quota(size_bytes: int, most: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"The files of this upload come to {size_bytes} bytes; this registry takes at most {most} at once. "
        "Nothing of it was stored.",
        size_bytes=size_bytes,
        limit_bytes=most,
    )


def damaged(upload_id: str) -> UploadNotFound:
    return UploadNotFound(
        "What was noted of this upload is damaged. Begin a new one; a sweep removes this one.",
        upload_id=printable(upload_id),
    )
