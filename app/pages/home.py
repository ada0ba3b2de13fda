"""All models: what is in production, since when and by whom, and what is newest."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, request, url_for

from registry_core import Action, CatalogState, IndexBuilding, InvalidParameter, ModelSummary, TaskSummary

from ..web import pages
from ..web.needs import Need
from ..web.root import current_registry
from .blueprint import blueprint
from .render import may, page
from .svg.spark import spark

ROWS = 25  # of a page
MOST_TASKS = 100  # that are offered; the others are found by their names
MOST_TAGS = 8
MOST_ASKED = 8  # models: where rules look at owners each is a request
SORTS = ("-created_at", "-changed_at", "name", "-versions", "-bytes")
NOT = "!"  # before an alias: models that do not have it yet


@dataclass(frozen=True)
class Asked:
    """What an address of this page asks for. ``first``: which row the page begins with, for whoever reads it."""

    q: str = ""
    task: str | None = None
    alias: str | None = None
    tag: tuple[str, ...] = ()
    sort: str = SORTS[0]
    cursor: str | None = None
    first: int = 1

    @classmethod
    def of(cls) -> Asked:
        """Of the running request. Raises ``InvalidParameter``."""
        found = request.args
        first = found.get("first", "1")
        if len(first) > 9 or not first.isdecimal():
            raise InvalidParameter("first is a whole number.", field="first")
        return cls(
            found.get("q", "").strip(),
            found.get("task") or None,
            found.get("alias") or None,
            tuple(text for text in found.getlist("tag") if text),
            found.get("sort") or SORTS[0],
            found.get("cursor") or None,
            int(first),
        )

    @property
    def is_all(self) -> bool:
        """Whether every model passes."""
        return not (self.q or self.task or self.alias or self.tag)

    def fields(self) -> list[tuple[str, str]]:
        """What is sent beside another order: every filter, with its name."""
        one = [("q", self.q), ("task", self.task), ("alias", self.alias)]
        return [(name, value) for name, value in one if value] + [("tag", text) for text in self.tag]

    def link(self, **changes: Any) -> str:
        """The address of the first page with other filters."""
        other = replace(self, **{"cursor": None, "first": 1, **changes})
        asked: dict[str, Any] = {"q": other.q or None, "task": other.task, "alias": other.alias}
        if other.tag:
            asked["tag"] = [*other.tag]
        if other.sort != SORTS[0]:
            asked["sort"] = other.sort
        if other.cursor:
            asked |= {"cursor": other.cursor, "first": other.first}
        return url_for("pages.home", **asked)

    def query(self) -> dict[str, Any]:
        """As the list of summaries takes it."""
        without = self.alias is not None and self.alias.startswith(NOT)
        return {
            "q": self.q or None,
            "task": self.task,
            "alias": None if without else self.alias,
            "without_alias": self.alias[len(NOT) :] if self.alias and without else None,
            "tag": self.tag,
            "sort": self.sort,
        }


@blueprint.get("/", needs=Need.READ)
def home() -> Response:
    """The models of the registry that pass the filters, a page of them."""
    asked, registry = Asked.of(), current_registry()
    query = asked.query()
    try:
        found = registry.list_summaries(**query, limit=ROWS, cursor=asked.cursor)
        facets, tasks = registry.list_facets(), registry.list_tasks()
    except IndexBuilding:
        if not pages.are_preferred():
            raise
        return _building(registry.catalog_state)
    return page(
        "home.html",
        asked=asked,
        q=asked.q,
        found=found,
        tasks=_offered(facets.tasks, asked.task, MOST_TASKS),
        tags=_offered(facets.tags, None, MOST_TAGS),
        of_tasks=len(facets.tasks),
        amount=_amount(tasks, asked),
        spark=spark,
        registers=_may_register(found.items),
        warnings=found.warnings,
        json_address=url_for("catalogue.summaries", **{name: value for name, value in query.items() if value}),
        command=shlex.join(["omr", "models", *_options(query)]),
    )


def _may_register(shown: Sequence[ModelSummary]) -> bool:
    """Whether a way to register is shown: to whoever may everywhere, or a version of one of the first models shown."""
    asked = [(None, None), *((one.task, one.model_name) for one in shown[:MOST_ASKED])]
    return any(may(task, model_name, Action.WRITE) for task, model_name in asked)


def _building(state: CatalogState) -> Response:
    answer = page("building.html", status=503, state=state)
    answer.headers["Retry-After"] = "5"
    return answer


def _offered(counts: dict[str, int], chosen: str | None, most: int) -> list[tuple[str, int]]:
    """The first so many, and the one that is chosen."""
    found = [*counts.items()][:most]
    if chosen in counts and chosen not in dict(found):
        found.append((chosen, counts[chosen]))
    return found


def _amount(tasks: Sequence[TaskSummary], asked: Asked) -> tuple[int, int] | None:
    """(versions, bytes) of all that is shown, where that is a task's or the whole registry's."""
    if not replace(asked, task=None).is_all:
        return None
    shown = [one for one in tasks if asked.task in (None, one.task)]
    return sum(one.versions for one in shown), sum(one.bytes for one in shown)


def _options(query: Mapping[str, Any]) -> Iterator[str]:
    """As ``omr models`` takes the query."""
    for name, value in query.items():
        for one in value if isinstance(value, tuple) else [value] if value else []:
            yield f"--{'query' if name == 'q' else name.replace('_', '-')}={one}"
