"""Upkeep of training runs: they are copied, and folded where they lie in many pieces; nothing removes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..format.runs import METRICS, key_of, parse_point
from ..models.model import ModelStore
from ..models.runs import Run, ids
from ..storage.contract import Entry, Storage
from ..vocabulary.runs import RUNNING

COPIED_AT_ONCE_BYTES = 8 * 1024 * 1024
_KEPT_BY_STORAGES = (".lock", "batches")  # below a run, each for itself

CopyDocument = Callable[[Storage, Storage, str], None]


def fold(model: ModelStore) -> None:
    """What runs that have ended logged lies in one piece each, where a storage keeps each call as one."""
    if model.storage.documents.looks_are_cheap():
        return
    for run_id in ids(model):
        run = Run(model, run_id)
        if run.status() != RUNNING:
            model.storage.documents.fold_lines(run.home)


def copy(model: ModelStore, target: Storage, copy_document: CopyDocument) -> Iterator[str]:
    """Every run is in the target too, in the form that it writes; yields the id of each that has other points there.

    What the source has gained since an earlier copy is added. Lines that are no points are left behind.
    """
    for run_id in ids(model):
        run = Run(model, run_id)
        for entry in model.storage.documents.list(run.home, deep=True):
            if _is_document(entry, run.home):
                copy_document(model.storage, target, entry.key)
        if not _copy_lines(run, target):
            yield run_id


def _is_document(entry: Entry, home: str) -> bool:
    directory, _, name = entry.key[len(home) + 1 :].rpartition("/")
    is_own = (directory.partition("/")[0] or name) in _KEPT_BY_STORAGES
    return entry.kind == "file" and not is_own and not (directory == METRICS and key_of(name) is not None)


def _copy_lines(run: Run, target: Storage) -> bool:
    """Whether what the target has of each metric is how the source's begins; it has all of that then."""
    there = target.documents.lines(run.home, METRICS)
    waiting: dict[str, bytearray] = {}
    size_bytes = 0

    def pour() -> None:
        if waiting:
            target.documents.append_lines(run.home, {name: bytes(data) for name, data in waiting.items()})
        waiting.clear()

    for name, lines in run.model.storage.documents.lines(run.home, METRICS).items():
        if key_of(name) is None:
            continue
        known = _points(there.get(name, ()))
        for line in _points(lines):
            before = next(known, None)
            if before is None:
                waiting.setdefault(f"{METRICS}/{name}", bytearray()).extend(line)
                size_bytes += len(line)
                if size_bytes >= COPIED_AT_ONCE_BYTES:
                    pour()
                    size_bytes = 0
            elif before != line:
                return False
        if next(known, None) is not None:
            return False
    pour()
    return True


def _points(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that are points, each with its newline."""
    return (line.rstrip(b"\n") + b"\n" for line in lines if parse_point(line) is not None)
