"""What versions achieved, and how they differ: metrics, parameters and files, side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..format.layout import META
from ..models.annotation import beside
from ..models.model import Found, ModelStore
from ..models.package_manifest import is_ours
from ..models.runs import Run, ids
from ..packages import contents, provenance, text_diff
from ..packages.stated_metrics import _as_written, of_version, run_of
from ..packages.stored_files import Inventories, StoredFile
from ..storage.contract import read_all
from ..vocabulary.answers import Alias
from ..vocabulary.comparison import Comparison, FileDiff, VersionFacts
from ..vocabulary.errors import ArtifactNotFound, InvalidParameter, PackageCorrupt
from ..vocabulary.finite import finite
from ..vocabulary.runs import Metrics, RunFacts
from ..vocabulary.texts import DIGEST_PREFIX, printable
from . import running

FEWEST, MOST = 2, 20
MOST_RUNS = 100  # told of beside a version's metrics
_PARAMETER_KEYS = ("params", "hyperparameters")


def metrics(model: ModelStore, version: str) -> Metrics:
    """What the version states that it achieved, the points of the run that it names, and the runs of its model.

    Where it names none, or one that is not there, there are no points.
    """
    digests = contents.said_of(model, version)
    meta = contents.read_meta(model, version, (digests or {}).get(META))
    known, named = ids(model), run_of(meta)
    points, warnings = Run(model, named).points() if named in known else ({}, [])
    if len(known) > MOST_RUNS:
        warnings.append(f"The model has {len(known)} runs, of which {MOST_RUNS} are shown here.")
    runs = [facts.to_dict() for facts in running.facts_of(model, known[:MOST_RUNS])]
    said = {
        "version_metrics": of_version(model, version, meta, digests),
        "run_history": {key: [_point(**point) for point in curve] for key, curve in points.items()},
        "runs": runs,
    }
    said, unsayable = finite(said)
    return Metrics(
        version,
        said["version_metrics"],
        said["run_history"],
        [RunFacts(**run) for run in said["runs"]],
        [*warnings, *unsayable],
    )


def stated_metrics(model: ModelStore, version: str) -> dict[str, Any]:
    """What the version states that it achieved, without a word of runs. Raises ``PackageCorrupt``."""
    digests = contents.said_of(model, version)
    meta = contents.read_meta(model, version, (digests or {}).get(META))
    said: dict[str, Any] = finite(of_version(model, version, meta, digests))[0]
    return said


def _point(step: Any, value: Any, ts_utc: str | None = None) -> dict[str, Any]:
    """Clients call its time one or the other."""
    return {"step": step, "value": value, "timestamp": ts_utc, "ts_utc": ts_utc}


def compare(
    model: ModelStore, versions: list[str], path: str | None = None, inventories: Inventories | None = None
) -> Comparison:
    """The versions side by side, and all in which they differ; of two versions also how the file does.

    Raises ``InvalidParameter``, ``VersionNotFound``, ``ArtifactNotFound``.
    """
    wanted = list(dict.fromkeys(versions))
    if path is not None and len(wanted) != FEWEST:
        raise InvalidParameter("A file is compared of exactly two versions.", field="path")
    if not FEWEST <= len(wanted) <= MOST:
        raise InvalidParameter(f"Compare {FEWEST} to {MOST} different versions.", field="versions")
    for version in wanted:
        model.require_version(version)
    runs, named = ids(model), model.told.aliases()
    facts = {version: _facts(model, version, runs, named) for version in wanted}
    return Comparison(
        versions=facts,
        diff={
            "metrics": _differences({version: dict(_as_written(found.metrics)) for version, found in facts.items()}),
            "params": _differences({version: found.params for version, found in facts.items()}),
            "tags": _differences({version: found.tags for version, found in facts.items()}),
            "provenance": _differences({version: found.provenance for version, found in facts.items()}),
            # Every version's metadata differs from every other's, if only in its name.
            "files": _differences({version: _without_meta(found.files) for version, found in facts.items()}),
            "sizes": _differences({version: _without_meta(found.sizes) for version, found in facts.items()}),
        },
        file=None if path is None else _file(model, wanted, path, inventories or Inventories()),
        warnings=model.told.warnings(asks=True),
    )


def _file(model: ModelStore, versions: list[str], path: str, inventories: Inventories) -> FileDiff:
    """How the file of two versions differs, each as it was registered. Raises ``ArtifactNotFound``."""
    sides: dict[str, StoredFile | None] = {}
    for version in versions:
        found = Found(model, version, None, model.require_version(version), model.facts(version))
        try:
            sides[version] = inventories.of(found).file(found, path)
        except ArtifactNotFound:
            if sides and not any(sides.values()):
                raise
            sides[version] = None
    known, shown = [file for file in sides.values() if file is not None], printable(path)
    if any(file.size_bytes > text_diff.MAX_BYTES for file in known):
        is_same = len({(file.sha256, file.size_bytes) for file in sides.values() if file}) == 1 < len(known)
        return FileDiff(shown, "same" if is_same and known[0].sha256 else "too_large", "")
    old, new = ((version, None if file is None else _bytes(model, file)) for version, file in sides.items())
    return text_diff.differ(shown, old, new)


def _bytes(model: ModelStore, file: StoredFile) -> bytes:
    """The file as it was registered. Raises ``PackageCorrupt``."""
    with file.open() as reader:
        data = read_all(reader)
    contents.require_said(model, file.version, file.path, data, file.sha256)
    return data


def _without_meta(files: Mapping[str, Any]) -> dict[str, Any]:
    return {path: digest for path, digest in files.items() if path != META}


def _facts(model: ModelStore, version: str, runs: Collection[str], named: Collection[Alias]) -> VersionFacts:
    listing = contents.listing(model, version)
    files = {file.name: file.sha256 for file in listing.files if file.role is None}
    sizes = {file.name: file.size_bytes for file in listing.files if file.role is None}
    digests = None
    if is_ours(model, version):
        digests = {path: sha256.removeprefix(DIGEST_PREFIX) for path, sha256 in files.items() if sha256 is not None}
    try:
        meta = contents.read_meta(model, version, (digests or {}).get(META))
        said = beside(model, version, meta, [alias.alias for alias in named if alias.version == version])
        stage, tags = said.stage, said.tags
    except PackageCorrupt:
        if model.registered(version) is not None:
            raise
        meta, stage, tags = {}, "none", {}  # older software's half version
    return VersionFacts(
        metrics=of_version(model, version, meta, digests),
        created_at=meta.get("created_at"),
        stage=stage,
        tags=tags,
        params=_params(model, meta, runs),
        files=files,
        sizes=sizes,
        provenance=provenance.of_meta(meta),
    )


def _params(model: ModelStore, meta: Mapping[str, Any], runs: Collection[str]) -> dict[str, Any]:
    """Those of the run that the metadata names, if it is one of ``runs``, and its own."""
    named = run_of(meta)
    found = Run(model, named).params() if named in runs else {}
    for key in _PARAMETER_KEYS:
        if isinstance(meta.get(key), Mapping):
            found |= meta[key]
    return found


def _differences(sides: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Key -> version -> value, of the keys that not all sides have with one value."""
    keys = sorted({key for side in sides.values() for key in side})
    rows = {key: {version: side.get(key) for version, side in sides.items()} for key in keys}
    return {
        key: row
        for key, row in rows.items()
        if any(key not in side for side in sides.values())
        or any(value != next(iter(row.values())) for value in row.values())
    }
