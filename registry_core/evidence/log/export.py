"""An export: what an outsider needs to prove the log and the gates, in a directory that is read as a root is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...format.layout import CHECKPOINT, DOCUMENTS, LOG, REGISTRY, REGISTRY_JOURNAL
from ...models.all_models import all_models
from ...models.journal import Journal
from ...storage.contract import KeyNotFound, Storage
from ...vocabulary.errors import DestinationDiffers, PackageCorrupt, StorageUnavailable
from ...vocabulary.log import Exported
from ...vocabulary.texts import check_key

VKEY = f"{LOG}/vkey"


def export(storage: Storage, destination: Path, vkey: str | None) -> Exported:
    """All journals, what their events name outside of packages, the newest note and its key lie in the directory.

    Each under the key that it has in the root, so that the export is read as one; ``vkey`` in ``log/vkey``. The
    directory is there as a whole or not at all. Packages, tokens and sessions are not in it. Raises
    ``DestinationDiffers`` where something is there already, ``StorageUnavailable``.
    """
    beside = None
    try:
        if destination.is_symlink() or (destination.exists() and not _is_empty(destination)):
            raise DestinationDiffers(
                f"There is something at {destination} already. Name a directory that is not there yet."
            )
        beside = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=_parent(destination)))
        found = _copy(storage, beside, vkey)
        os.replace(beside, destination)
    except OSError as error:
        raise StorageUnavailable(f"The export cannot be written to {destination}: {error.strerror}.") from None
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
    return found


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())


def _parent(destination: Path) -> Path:
    if not destination.absolute().parent.is_dir():
        raise DestinationDiffers(f"There is no directory that {destination} could lie in. Make it first.")
    return destination.absolute().parent


def _copy(storage: Storage, top: Path, vkey: str | None) -> Exported:
    """First what says how far the log goes, then the registry's journal, then those of models, which reach as far."""
    for key in (CHECKPOINT, REGISTRY):
        _document(storage, top, key)
    if vkey is not None:
        _write(top, VKEY, [f"{vkey}\n".encode()])
    lines = _journal(storage, top, REGISTRY_JOURNAL)
    documents = _below(storage, top, DOCUMENTS)
    models = 0
    for model in all_models(storage, 0.0):
        lines += _journal(storage, top, model.keys.journal)
        documents += _below(storage, top, model.keys.attestations)
        models += 1
    return Exported(models, lines, documents)


def _journal(storage: Storage, top: Path, key: str) -> int:
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for line in Journal(storage, key).read_anew():
            if b"\n" in line.raw:
                raise PackageCorrupt(f"Line {line.seq} of {key} holds a newline, which no line does.")
            count += 1
            yield line.raw + b"\n"

    _write(top, key, lines())
    return count


def _below(storage: Storage, top: Path, prefix: str) -> int:
    entries = [entry for entry in storage.documents.list(prefix, deep=True) if entry.kind == "file"]
    for entry in entries:
        _document(storage, top, entry.key)
    return len(entries)


def _document(storage: Storage, top: Path, key: str) -> None:
    try:
        _write(top, key, [storage.documents.read(key).data])
    except KeyNotFound:
        return


def _write(top: Path, key: str, parts: Iterable[bytes]) -> None:
    """The parts are what lies at the key. Nothing is written where there are none."""
    file = top / check_key(key)
    stream = None
    try:
        for part in parts:
            if stream is None:
                file.parent.mkdir(parents=True, exist_ok=True)
                stream = file.open("xb")
            stream.write(part)
    finally:
        if stream is not None:
            stream.close()
