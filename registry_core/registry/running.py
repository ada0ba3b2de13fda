"""The verbs of training runs: what is logged while a training goes on, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .. import verbs
from ..access.roles import Action
from ..vocabulary.runs import Logged, RunDetail, RunEnd, RunPage
from ..vocabulary.verbs import Verbs
from .opening import OpenedRegistry


class RunningVerbs(OpenedRegistry, Verbs):
    """A run needs no version, and is no part of the journal. What each verb takes and guarantees says ``Verbs``."""

    def log_metric(
        self,
        task: str,
        model_name: str,
        run_id: str,
        key: str,
        value: Any,
        *,
        step: int = 0,
        timestamp: Any = None,
        actor: str | None = None,
    ) -> Logged:
        point = {"key": key, "value": value, "step": step, "timestamp": timestamp}
        batch = verbs.running.Batch([point])
        return verbs.running.log(self._model(task, model_name, Action.WRITE), run_id, batch, self._actor(actor))

    def log_param(
        self, task: str, model_name: str, run_id: str, key: str, value: Any, *, actor: str | None = None
    ) -> Logged:
        batch = verbs.running.Batch(params={key: value})
        return verbs.running.log(self._model(task, model_name, Action.WRITE), run_id, batch, self._actor(actor))

    def log_batch(
        self,
        task: str,
        model_name: str,
        run_id: str,
        *,
        metrics: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        actor: str | None = None,
    ) -> Logged:
        batch = verbs.running.Batch(
            () if metrics is None else metrics, {} if params is None else params, {} if tags is None else tags
        )
        return verbs.running.log(self._model(task, model_name, Action.WRITE), run_id, batch, self._actor(actor))

    def end_run(
        self, task: str, model_name: str, run_id: str, *, status: str = "finished", actor: str | None = None
    ) -> RunEnd:
        return verbs.running.end(self._model(task, model_name, Action.WRITE), run_id, status, self._actor(actor))

    def run(self, task: str, model_name: str, run_id: str, *, points: int | None = None) -> RunDetail:
        return self._unnamed([verbs.running.run(self._model(task, model_name, Action.READ), run_id, points)])[0]

    def runs(
        self,
        task: str,
        model_name: str,
        *,
        status: str | None = None,
        param: tuple[str, ...] = (),
        limit: int | None = None,
        cursor: str | None = None,
    ) -> RunPage:
        page = verbs.running.runs(self._model(task, model_name, Action.READ), status, param, limit, cursor)
        return replace(page, items=self._unnamed(page.items))
