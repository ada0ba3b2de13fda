"""The training runs of one model: their documents, and the lines of their metrics.

They stand beside the versions and are no part of the journal: a point is acknowledged when it is written and synced.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..format import runs as form
from ..storage.contract import ABSENT, Condition, KeyNotFound, Match, PreconditionFailed
from ..vocabulary.errors import InvalidParameter, LockTimeout
from ..vocabulary.finite import finite
from ..vocabulary.runs import ENDS, RUNNING, RunDetail, RunFacts
from ..vocabulary.texts import encode_document, format_time, parse_object, printable, text_or_none
from .model import ModelStore

MAX_DOCUMENT_BYTES = 1024 * 1024

Points = dict[str, list[Mapping[str, Any]]]


@dataclass(frozen=True)
class Run:
    """One run of a model, by an id that has been looked at. Making one touches nothing."""

    model: ModelStore
    run_id: str

    @property
    def home(self) -> str:
        return self.model.keys.run(self.run_id)

    # what is there

    def facts(self) -> RunFacts:
        """The run without its curves; of each metric only the end is read, where it lies in a file."""
        return RunFacts(**self._documents(), metrics_summary=self._last_values())

    def detail(self) -> RunDetail:
        """The run with all its points, and a warning for each metric of which lines had to be passed over."""
        points, warnings = self.points()
        last = {key: of_key[-1]["value"] for key, of_key in points.items() if of_key}
        return RunDetail(**self._documents(), metrics_summary=last, metric_history=points, warnings=warnings)

    def points(self) -> tuple[Points, list[str]]:
        """(metric -> its points, the oldest first; what was passed over, in words)."""
        found: Points = {}
        warnings = []
        for name, lines in self.model.storage.documents.lines(self.home, form.METRICS).items():
            key = form.key_of(name)
            if key is not None:
                parsed = [form.parse_point(line) for line in lines if not line.isspace()]
                of_key = [point for point in parsed if point is not None]
                found.setdefault(key, []).extend(of_key)
                if len(of_key) < len(parsed):
                    warnings.append(_passed_over(self.run_id, key, len(parsed) - len(of_key)))
        return found, warnings

    def status(self) -> str:
        """How it has ended, or that it has not."""
        return _status(self._object(form.RUN))

    def params(self) -> dict[str, Any]:
        return self._object(form.PARAMS)

    def _last_values(self) -> dict[str, Any]:
        last = {}
        for name, lines in self.model.storage.documents.lines(self.home, form.METRICS).items():
            key = form.key_of(name)
            point = next(filter(None, map(form.parse_point, reversed(lines))), None) if key is not None else None
            if key is not None and point is not None:
                last[key] = point["value"]
        return last

    def _documents(self) -> dict[str, Any]:
        said = self._object(form.RUN)
        return {
            **self.model.names(),
            "run_id": self.run_id,
            "status": _status(said),
            **{name: text_or_none(said.get(name)) for name in ("started_at", "finished_at", "actor")},
            "params": self.params(),
            "tags": self._object(form.TAGS),
        }

    def _object(self, name: str) -> dict[str, Any]:
        """What the document holds; nothing where there is none, or a damaged one."""
        try:
            return parse_object(self.model.storage.documents.read(f"{self.home}/{name}").data) or {}
        except KeyNotFound:
            return {}

    # what is logged

    def begin(self, actor: str | None) -> None:
        """The run is there, and says since when."""
        new = {
            **self.model.names(),
            "run_id": self.run_id,
            "status": RUNNING,
            "started_at": format_time(datetime.now(UTC)),
            "finished_at": None,
            "actor": actor,
        }
        self._update(form.RUN, lambda said: said or new)

    def end(self, status: str) -> dict[str, Any]:
        """The run has that status; when it got it, where it had it already."""
        ended = {"status": status, "finished_at": format_time(datetime.now(UTC))}
        return self._update(form.RUN, lambda said: said if said.get("status") == status else {**said, **ended})

    def set_params(self, params: Mapping[str, Any]) -> None:
        self._update(form.PARAMS, lambda said: {**said, **params})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        self._update(form.TAGS, lambda said: {**said, **tags})

    def append(self, points: Iterable[tuple[str, bytes]]) -> None:
        """The points, each a metric's key and a line, are there, durably, behind those that were."""
        lines: dict[str, bytearray] = {}
        for key, line in points:
            lines.setdefault(f"{form.METRICS}/{form.file_of(key)}", bytearray()).extend(line)
        self.model.storage.documents.append_lines(self.home, {name: bytes(data) for name, data in lines.items()})

    def _update(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """The document is what ``change`` makes of it; nothing that others set meanwhile is lost.

        One that is damaged counts as empty. Raises ``InvalidParameter`` where it would become too large.
        """
        documents, key, timeout_s = self.model.storage.documents, f"{self.home}/{name}", self.model.lock_timeout_s
        known, _ = self._known(key)
        if change(known) == known:
            return known  # as run.json at nearly every call
        deadline = time.monotonic() + timeout_s
        with documents.lock(self.home, timeout_s):
            while True:
                known, when = self._known(key)
                new = change(known)
                if new == known:
                    return known
                try:
                    documents.write(key, self._encoded(name, new), when)
                except PreconditionFailed:
                    if time.monotonic() < deadline:
                        continue
                    raise LockTimeout("Others kept writing to this run first. Try again.", retry_after_s=1) from None
                return new

    def _encoded(self, name: str, fields: dict[str, Any]) -> bytes:
        data = encode_document(finite(fields)[0])  # what older software wrote may hold a NaN
        if len(data) > MAX_DOCUMENT_BYTES:
            raise InvalidParameter(
                f"{name} of run {self.run_id} would be {len(data)} bytes; at most {MAX_DOCUMENT_BYTES} are kept.",
                field=name.removesuffix(".json"),
            )
        return data

    def _known(self, key: str) -> tuple[dict[str, Any], Condition]:
        try:
            document = self.model.storage.documents.read(key)
        except KeyNotFound:
            return {}, ABSENT
        return parse_object(document.data) or {}, Match(document.etag)


def ids(model: ModelStore) -> list[str]:
    """The ids of all runs of the model, sorted."""
    return [entry.name for entry in model.storage.documents.list(model.keys.runs) if entry.kind == "prefix"]


def _status(said: Mapping[str, Any]) -> str:
    status = said.get("status")
    return status if isinstance(status, str) and status in ENDS else RUNNING


def _passed_over(run_id: str, key: str, count: int) -> str:
    lines = "1 line is no point and was" if count == 1 else f"{count} lines are no points and were"
    return f"Of the metric {printable(key)} of run {printable(run_id)} {lines} passed over: a writer was killed."
