"""A tar of announced files becomes files of an upload session: each is hashed as it comes, and kept once whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..format.tar import Member, TarReader, TarRefused
from ..packages.hash_stream import Reads
from ..storage.contract import Incoming, Packing
from ..vocabulary.errors import ChecksumMismatch, PackRefused, RegistryError
from ..vocabulary.texts import printable
from .announcement import Announced

NOT_ANNOUNCED = "was not announced for this upload"


@dataclass
class _Wanted:
    """A file that was announced: the how-manieth, and whether it need not come."""

    number: int
    sha256: str
    size_bytes: int
    is_here: bool


def unpack(reader: Reads, packing: Packing, announced: Announced, present: Mapping[str, Incoming]) -> int:
    """How many files of the tar are whole here; what is refused leaves those before it as they are.

    They come in the order of the announcement, any of them may be missing, and one that is here is passed over. Raises
    ``PackRefused``, ``ChecksumMismatch``, ``StorageError``, each with ``kept``.
    """
    wanted = {
        file["path"]: _Wanted(number, file["sha256"], file["size_bytes"], _is_here(file, present))
        for number, file in enumerate(announced.files)
    }
    for path in announced.have:
        wanted[path].is_here = True
    kept = 0
    last = -1
    tar = TarReader(reader)
    try:
        while (member := tar.next()) is not None:
            file = _checked(member, wanted, last, present)
            if not file.is_here:
                _keep(tar, member, file, packing)
            else:
                tar.pour(lambda _: None)
            last = file.number
            kept += 1
    except TarRefused as refused:
        raise _refused(refused.path, refused.reason, kept) from None
    except RegistryError as error:
        error.detail["kept"] = kept
        raise
    return kept


def _is_here(file: Mapping[str, Any], present: Mapping[str, Incoming]) -> bool:
    there = present.get(file["path"])
    return there is not None and there.sha256 == file["sha256"]


def _checked(member: Member, wanted: Mapping[str, _Wanted], last: int, present: Mapping[str, Incoming]) -> _Wanted:
    file = wanted.get(member.path)
    if file is None:
        raise TarRefused(NOT_ANNOUNCED, member.path)
    if file.number <= last:
        raise TarRefused("does not come in the order of the announcement", member.path)
    if file.size_bytes != member.size_bytes:
        raise TarRefused(f"has {member.size_bytes} bytes, and was announced with {file.size_bytes}", member.path)
    if not file.is_here and member.path in present:
        raise TarRefused("is in this upload already; go on with that file, or delete it first", member.path)
    return file


def _keep(tar: TarReader, member: Member, file: _Wanted, packing: Packing) -> None:
    sha = hashlib.sha256()

    def take(chunk: memoryview) -> None:
        sha.update(chunk)
        packing.write(chunk)

    packing.begin(member.path, member.size_bytes)
    tar.pour(take)
    if sha.hexdigest() != file.sha256:
        raise ChecksumMismatch(
            f"The bytes of {printable(member.path)!r} that arrived are not those that were announced. They were thrown "
            "away; send them again.",
            path=printable(member.path),
        )
    packing.keep(file.sha256)


def _refused(path: str, reason: str, kept: int) -> PackRefused:
    path = printable(path)
    what = repr(path) if path else "This"
    return PackRefused(
        f"{what} {reason}. The files before it, {kept} of them, are kept.",
        path=path,
        reason=reason,
        kept=kept,
    )
