"""One version: what its README.md says, its files, its numbers, where it came from, and how its bytes are proven."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import Response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as Redirect

from registry_core import (
    RUN_STATUSES,
    Action,
    Alias,
    ArtifactNotFound,
    Bounded,
    Description,
    Event,
    GateNotMet,
    ModelRegistry,
    ModelSummary,
    NotFound,
    PackageCorrupt,
    PackageFiles,
    RegistryError,
    RunDetail,
    StorageError,
    StoredFile,
    VersionNotFound,
)

from ..web import pages
from ..web.needs import Need
from ..web.root import current_registry
from . import proceeding, provenance, proving, svg
from .blueprint import blueprint
from .card import Card, card
from .evidence import evidence
from .gates import Told, told, unasked
from .package_tree import File, Tree, tree
from .previews import MOST_BYTES, Table, is_image, is_read, preview
from .render import page, path
from .words import known

TABS = ("card", "files", "metrics", "lineage", "evidence", "integrity")
README, MANIFEST, METRICS = "README.md", "sha256sums.txt", "metrics.json"
MOST_README = 1024 * 1024  # bytes
MOST_EVENTS = 8
MOST_ALIASES = 6  # of which it is said that they were moved past their gate
MOST_PARENTS = 2  # whose own parents are looked for
REMEMBERED = 4 * 1024 * 1024  # characters, of all cards

_cards: Bounded[tuple[str, str, str], Card] = Bounded(REMEMBERED, lambda made: 200 + len(made.html))


@blueprint.get("/models/<task>/<model_name>/versions/<version>", needs=Need.READ)
def version(task: str, model_name: str, version: str) -> Response | Redirect:
    """The version, in one of its tabs. An alias leads to the version that it names now."""
    try:
        shown = _shown(task, model_name, version)
    except VersionNotFound as error:
        stone = error.detail.get("deleted")
        if not isinstance(stone, dict) or not pages.are_preferred():
            raise
        return page("gone.html", status=404, task=task, model_name=model_name, version=version, stone=stone)
    if shown.version != version:
        return redirect(url_for("pages.version", task=task, model_name=model_name, version=shown.version), 303)
    asked = request.args.get("tab", "")
    seen = Seen(current_registry(), task, model_name, shown)
    tab = asked if asked in TABS else "card"
    return page(
        "version.html",
        part="models",
        seen=seen,
        names=dict.fromkeys(shown.aliases, version),
        unasked=unasked(seen.registry, task, model_name, seen.events),
        tab=tab,
        **_TABS[tab](seen),
        json_address=url_for("registry.show", task=task, ref=seen.ref),
        command=proving.shown(task, model_name, version),
    )


def _shown(task: str, model_name: str, version: str) -> Description:
    registry = current_registry()
    try:
        return registry.glance(task, model_name, version)
    except StorageError:  # the index is built still, which must keep nobody from a version
        return registry.show(task, f"{model_name}@{version}")


@dataclass
class Seen:
    """What the page knows of the version; each is asked for once, and only where a tab shows it."""

    registry: ModelRegistry
    task: str
    model_name: str
    shown: Description

    @property
    def version(self) -> str:
        return self.shown.version

    @property
    def ref(self) -> str:
        return f"{self.model_name}@{self.version}"

    @cached_property
    def may_use(self) -> bool:
        """Whether the caller may have the bytes."""
        return self.registry.allows(self.task, self.model_name, Action.USE)

    @cached_property
    def package(self) -> PackageFiles | None:
        """None for whoever may not have the bytes. Raises ``PackageCorrupt`` where not even the manifest is whole."""
        with suppress(GateNotMet):  # the version has the name of an alias that a policy guards
            return self.registry.package_files(self.task, self.ref) if self.may_use else None
        return None

    @cached_property
    def damage(self) -> PackageCorrupt | None:
        """What is not as it was registered, as far as a look without reading the bytes tells."""
        try:
            if self.package is not None:
                self.package.files()
        except PackageCorrupt as error:
            return error
        return None

    @cached_property
    def files(self) -> list[File]:
        """All files, the manifest too; none where nobody can tell which there are."""
        if self.may_use and self.damage is None and self.package is not None:
            return [File(one.path, one.size_bytes, one.sha256) for one in self.package.files()]
        try:
            listing = self.registry.artifacts(self.task, self.ref)
        except PackageCorrupt:
            return []
        return [File(one.name, one.size_bytes, (one.sha256 or "").removeprefix("sha256:")) for one in listing.files]

    @property
    def size_bytes(self) -> int:
        return sum(one.size_bytes or 0 for one in self.files)

    @cached_property
    def events(self) -> list[Event]:
        """The newest events of the version, the newest first."""
        return self._history(limit=MOST_EVENTS)

    def _history(self, **wanted: Any) -> list[Event]:
        """By the index; none while that is built."""
        try:
            return self.registry.history(
                self.task, self.model_name, version=self.version, order="desc", **wanted
            ).events
        except StorageError:
            return []

    def _last(self, **wanted: Any) -> Event | None:
        return next(iter(self._history(**wanted, limit=1)), None)

    @property
    def gates(self) -> list[Told]:
        """What must be known of its aliases that were moved past their gate, or over it."""
        known = {one.alias: one.seq for one in (self.model.aliases if self.model else ())}
        moved = {alias: known.get(alias) for alias in self.shown.aliases[:MOST_ALIASES]}
        return told(self.registry, self.task, self.model_name, moved, lambda alias: self._last(alias=alias))

    @cached_property
    def registered(self) -> Event | None:
        """The event that made it a version; None of older software's."""
        shown = next((one for one in self.events if one.event == "register"), None)
        if shown is not None or len(self.events) < MOST_EVENTS:
            return shown
        return self._last(event="register")

    @cached_property
    def model(self) -> ModelSummary | None:
        """The model as the index has it; None while that is built."""
        try:
            return self.registry.summary(self.task, self.model_name)
        except RegistryError:
            return None

    @property
    def production(self) -> Alias | None:
        return next((one for one in (self.model.aliases if self.model else ()) if one.alias == "production"), None)

    @cached_property
    def metrics(self) -> list[tuple[str, Any]]:
        """(key, value) of all that the version states of what it achieved, nested keys with dots between."""
        if any(one.path == METRICS for one in self.files):
            return provenance.flat(self.registry.stated_metrics(self.task, self.ref))
        return provenance.flat(provenance.metrics(self.shown.meta))  # which are all, and read already

    @cached_property
    def facts(self) -> list[provenance.Fact]:
        return provenance.facts(self.shown.meta)

    def to(self, endpoint: str = "pages.version", **values: Any) -> str:
        """An address of this version."""
        said = {"task": self.task, "model_name": self.model_name, "version": self.version, **values}
        return url_for(endpoint, **said)

    def download(self, file: str) -> str:
        return self.to("files.file", version=None, selector=self.version, path=file)


def _card(seen: Seen) -> dict[str, Any]:
    """The model card; where it is damaged that is said in its place."""
    if not seen.may_use:
        return {"card": None}
    try:
        stored = seen.package.file(README) if seen.package is not None else None
        return {"card": _card_of(seen, stored) if stored is not None else None, "readme": stored}
    except ArtifactNotFound:
        return {"card": None, "readme": None}
    except PackageCorrupt as error:
        return {"card": None, "broken": error}


def _card_of(seen: Seen, stored: StoredFile) -> Card | None:
    """None of a README.md that is larger than any person reads. Raises ``PackageCorrupt``."""
    if stored.size_bytes > MOST_README:
        return None
    images = seen.to("pages.raw", path="-").removesuffix("-")
    files = seen.to(tab="files", path="-").removesuffix("-")
    name = (stored.sha256 or "", images, files)
    known = _cards.get(name) if stored.sha256 is not None else None
    if known is None:
        known = card(_bytes(stored, MOST_README).decode("utf-8", "replace"), images=images, files=files)
        if stored.sha256 is not None:
            _cards.put(name, known)
    return known


def _bytes(stored: StoredFile, most: int) -> bytes:
    """The first bytes of the file; if they are all of it, the registered ones. Raises ``PackageCorrupt``."""
    with closing(stored.open(0, min(most, stored.size_bytes))) as reader:
        data = b"".join(iter(lambda: reader.read(MOST_BYTES), b""))
    if len(data) == stored.size_bytes and stored.sha256 not in (None, hashlib.sha256(data).hexdigest()):
        raise PackageCorrupt(f"{stored.path} of {stored.version} is not what was registered.", path=stored.path)
    return data


def _files(seen: Seen) -> dict[str, Any]:
    """A part of the tree, and what the chosen file looks like."""
    chosen, match = request.args.get("path"), request.args.get("match", "")
    file = next((one for one in seen.files if one.path == chosen), None)
    said = {"tree": _tree(seen, match, chosen), "match": match, "chosen": chosen, "file": file}
    if file is None or not seen.may_use or seen.package is None:
        return said
    if is_image(file.path, file.size_bytes or 0):
        return {**said, "image": seen.to("pages.raw", path=file.path)}
    if not is_read(file.path):
        return said
    try:
        stored = seen.package.file(file.path)
        found = preview(file.path, _bytes(stored, MOST_BYTES), stored.size_bytes)
    except PackageCorrupt as error:
        return {**said, "broken": error}
    return {**said, "table" if isinstance(found, Table) else "text": found}


def _tree(seen: Seen, match: str, chosen: str | None) -> Tree:
    start = request.args.get("from", 0, type=int)
    return tree(seen.files, start, match[:200], chosen)


def _metrics(seen: Seen) -> dict[str, Any]:
    """Its numbers; and how its run went, if there is one."""
    run_id = provenance.run_of(seen.shown.meta)
    run: RunDetail | None = None
    if run_id is not None:
        try:
            run = seen.registry.run(seen.task, seen.model_name, run_id, points=provenance.MOST_POINTS)
        except RegistryError:
            run = None
    return {
        "run_id": run_id,
        "run": run,
        "statuses": RUN_STATUSES,
        "curves": provenance.curves([("", run)]),
        "params": provenance.params(seen.shown.meta, run),
    }


def _lineage(seen: Seen) -> dict[str, Any]:
    """What it came from, two steps back, and what came of it."""
    found = seen.registry.lineage(seen.task, seen.model_name, seen.version)
    grandparents = {}
    for parent in [one.version for one in found.parents if one.is_there][:MOST_PARENTS]:
        with suppress(NotFound, PackageCorrupt):
            grandparents[parent] = seen.registry.lineage(seen.task, seen.model_name, parent).parents

    def drawn(sentence: str, words: Mapping[str, str]) -> Markup:
        return svg.lineage(*provenance.boxes(seen.shown, found, grandparents, words, seen.to), sentence)

    return {"lineage": found, "drawn": drawn}


def _evidence(seen: Seen) -> dict[str, Any]:
    """What was said of it, and what it lacks before the guarded aliases of the model may name it."""
    aliases = [one.alias for one in seen.model.aliases] if seen.model else seen.shown.aliases
    return evidence(seen.registry, seen.task, seen.model_name, seen.version, aliases, known().who)


def _integrity(seen: Seen) -> dict[str, Any]:
    return {
        "verified": proceeding.last_verified(seen.registry, seen.task, seen.ref),
        "ways": proving.ways(seen.task, seen.model_name, seen.version),
        "is_recorded": _is_recorded(seen),
        "manifest": next((one for one in seen.files if one.path == MANIFEST), None),
        "manifest_address": seen.to(tab="files") + "&path=" + path(MANIFEST),
    }


def _is_recorded(seen: Seen) -> bool:
    """Whether the event that registered it has its digest, as the journal says: the index keeps none."""
    event = seen.registered
    if event is None or not event.seq or not seen.shown.package_digest:
        return False
    try:
        found = seen.registry.history(seen.task, seen.model_name, after=event.seq - 1, limit=1).events
    except StorageError:
        return False
    return [(one.seq, one.package_digest) for one in found] == [(event.seq, seen.shown.package_digest)]


_TABS = {
    "card": _card,
    "files": _files,
    "metrics": _metrics,
    "lineage": _lineage,
    "evidence": _evidence,
    "integrity": _integrity,
}
