"""Taking over: versions of older software get the baseline that they lack, and nothing of theirs is touched.

An adopted version's manifest, of all its files as they are found, is kept at ``adopted/<version>.txt``; its
register event carries that manifest's digest as the package digest, and ``adopted: true``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..format import manifest
from ..format.events import REGISTER
from ..format.layout import MANIFEST, ModelKeys
from ..models.changes import Draft, change
from ..models.missing import no_version
from ..models.model import ModelStore
from ..packages import contents, verify
from ..packages.hash_stream import hash_stream
from ..packages.parallel import in_parallel
from ..vocabulary.artifact import Artifact
from ..vocabulary.errors import PackageCorrupt, RegistryError
from ..vocabulary.progress import Meter, ProgressCallback
from ..vocabulary.reports import AdoptionReport, Finding
from ..vocabulary.texts import check_words, digest, has_control, is_unicode, printable


def adopt(
    models: Iterable[ModelStore],
    *,
    workers: int,
    actor: str | None,
    reason: str | None,
    dry_run: bool,
    progress: ProgressCallback | None,
) -> AdoptionReport:
    """Every whole version that no event registers has a register event that proves all its files.

    A half version (no manifest) and a damaged one are left alone and reported. Repeatable. With
    ``dry_run`` nothing is written.
    """
    check_words(actor, reason)
    adopted: list[str] = []
    noticed: list[Finding] = []
    refused: list[Finding] = []
    already = 0
    pending = []
    for model in models:
        registered = {
            line.get("version") for line in model.journal.lines() if line.is_own and line.get("event") == REGISTER
        }
        for version in model.versions():
            already += version in registered
            if version not in registered:
                pending.append((model, version))
    for model, version in pending:
        title = f"{model.title}@{version}"
        try:
            noticed += [
                Finding("note", title, warning, "noticed") for warning in _inspect(model, version, workers, progress)
            ]
            if not dry_run:
                _adopt(model, version, workers, actor, reason)
            adopted.append(title)
        except PackageCorrupt as error:
            problems = error.detail.get("problems", [])
            is_half = any(problem["path"] == MANIFEST and problem["kind"] == "missing" for problem in problems)
            refused.append(
                Finding("note", title, "a half version: it has no manifest", "older_half_version")
                if is_half
                else Finding("damage", title, error.message, error.code)
            )
        except RegistryError as error:
            refused.append(Finding("damage", title, error.message, error.code))
    return AdoptionReport(adopted, already, noticed, refused)


def _inspect(model: ModelStore, version: str, workers: int, progress: ProgressCallback | None) -> list[str]:
    """What is known to be odd about it. Raises ``PackageCorrupt`` where its own manifest is not met."""
    return verify.verify(model, version, workers=workers, progress=progress).warnings


@dataclass(frozen=True)
class SeenAdopt:
    """What taking over looks at."""

    model: ModelKeys
    is_registered: bool
    is_published: bool


def _adopt(model: ModelStore, version: str, workers: int, actor: str | None, reason: str | None) -> None:
    data = manifest.render(_hash_all(model, version, workers, Meter(None).tick))
    own = {"created_at": _created_at(model, version), "adopted": True}
    baseline = {model.keys.baseline(version): data}

    def look() -> SeenAdopt:
        return SeenAdopt(model.keys, model.registered(version) is not None, model.has_version(version))

    def decide(seen: SeenAdopt) -> Draft | bool:
        if seen.is_registered:
            return True
        if not seen.is_published:
            no_version(seen.model, version)
        return Draft(REGISTER, version, actor, reason, package_digest=digest(data), own=own, beside=baseline)

    change(model, look, decide)


def _created_at(model: ModelStore, version: str) -> str | None:
    try:
        created_at = contents.read_meta(model, version).get("created_at")
    except PackageCorrupt:
        return None
    return created_at if isinstance(created_at, str) and is_unicode(created_at) else None


def _hash_all(model: ModelStore, version: str, workers: int, tick: Callable[[int], None]) -> list[Artifact]:
    package = model.keys.package(version)
    entries = list(model.storage.documents.list(package, deep=True))
    for entry in entries:
        if entry.kind != "file" or has_control(entry.key) or "\\" in entry.key or not is_unicode(entry.key):
            raise PackageCorrupt(
                f"{model.title}@{version} holds {printable(entry.name)!r}, which no manifest can list: "
                "it is no regular file, or has a control character, a backslash or no valid Unicode in its name."
            )

    def take(number: int) -> Artifact:
        path = entries[number].key[len(package) + 1 :]
        with model.storage.packages.open(package, path) as reader:
            sha256, size_bytes = hash_stream(reader, size_hint=entries[number].size_bytes or 0, tick=tick)
        return Artifact(path, sha256, size_bytes)

    return in_parallel(take, range(len(entries)), workers)
