"""Training runs that older software recorded beside a model: ``runs/<run_id>/`` with its files of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..format.layout import ModelKeys
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.answers import Run
from ..vocabulary.texts import parse_object

MAX_POINTS = 10_000  # of one metric of one run; what is beyond is left out
_SUFFIX = ".jsonl"


def history(storage: Storage, keys: ModelKeys, run_id: Any) -> list[Run]:
    """The run of that id; every run of the model where ``run_id`` is None. Damaged files count as empty."""
    names = [entry.name for entry in storage.documents.list(keys.runs) if entry.kind == "prefix"]
    return [_read(storage, keys, name) for name in names if run_id is None or name == run_id]


def params(storage: Storage, keys: ModelKeys, run_id: Any) -> dict[str, Any]:
    """The parameters of the run; empty if there is no such run."""
    return _object(storage, f"{keys.runs}/{run_id}/params.json") if _is_run(storage, keys, run_id) else {}


def _is_run(storage: Storage, keys: ModelKeys, run_id: Any) -> bool:
    return isinstance(run_id, str) and any(entry.name == run_id for entry in storage.documents.list(keys.runs))


def _read(storage: Storage, keys: ModelKeys, run_id: str) -> Run:
    home = f"{keys.runs}/{run_id}"
    points = {
        entry.name.removesuffix(_SUFFIX): _points(storage, entry.key)
        for entry in storage.documents.list(f"{home}/metrics")
        if entry.kind == "file" and entry.name.endswith(_SUFFIX)
    }
    return Run(run_id, _object(storage, f"{home}/params.json"), _object(storage, f"{home}/tags.json"), points)


def _points(storage: Storage, key: str) -> list[Mapping[str, Any]]:
    return [point for _, point in zip(range(MAX_POINTS), _lines(storage, key), strict=False)]


def _lines(storage: Storage, key: str) -> Iterator[Mapping[str, Any]]:
    try:
        data = storage.documents.read(key).data
    except KeyNotFound:
        return
    for line in data.splitlines():
        point = parse_object(line)
        if point:
            yield point


def _object(storage: Storage, key: str) -> dict[str, Any]:
    try:
        return parse_object(storage.documents.read(key).data) or {}
    except KeyNotFound:
        return {}
