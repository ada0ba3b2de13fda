"""The Hub's list of models: its clients' filters over the versions that ``latest`` names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from registry_core import ModelRegistry, RegistryError

from .answers import listed
from .card import Card, card_of

MOST_LISTED = 100  # rows of an answer, and models looked at for one: clients go on by the Link
_MOST_QUESTIONS = 20

_ANSWERABLE = {"author", "search", "filter", "pipeline_tag", "library", "gated"}
_FORM = {"limit", "cursor", "sort", "direction", "full", "cardData", "config", "expand"}
_NEWEST_FIRST = {"createdAt", "created_at", "lastModified", "last_modified"}
_MORE = {"cardData", "config"}


@dataclass(frozen=True)
class Wanted:
    """What a client asks for. ``nothing`` where it filters by what no model here has."""

    author: str | None
    search: str | None
    tags: frozenset[str]
    pipeline_tag: str | None
    library: str | None
    nothing: bool
    sort: str
    full: bool

    @classmethod
    def of(cls, asked: MultiDict[str, str]) -> Wanted:
        """Of the query: a filter that is not known here matches nothing, or a client would take it for heeded."""
        unknown = any(name not in _ANSWERABLE | _FORM for name in asked)
        flags = (asked.get(name, "").lower() == "true" for name in ("full", *_MORE))
        return cls(
            author=asked.get("author"),
            search=" ".join(asked.getlist("search")) or None,
            tags=frozenset(filter(None, asked.getlist("filter"))),
            pipeline_tag=asked.get("pipeline_tag"),
            library=asked.get("library"),
            nothing=unknown or asked.get("gated", "false").lower() not in ("false", "0"),
            sort="-created_at" if asked.get("sort") in _NEWEST_FIRST else "name",
            full=any(flags) or not _MORE.isdisjoint(asked.getlist("expand")),
        )

    def passes(self, row: dict[str, Any]) -> bool:
        """Whether a model of the list is meant, by what its row says."""
        names = {*row["tags"], row["pipeline_tag"]}
        return (
            names >= self.tags
            and self.pipeline_tag in (None, row["pipeline_tag"])
            and self.library in (None, row.get("library_name"))
        )


def find_models(
    registry: ModelRegistry, wanted: Wanted, limit: int, cursor: str | None
) -> tuple[list[Any], str | None]:
    """At most ``limit`` rows, fewer where few of many pass; and where the next page begins, None at the end.

    Raises ``InvalidParameter``, ``StorageUnavailable``.
    """
    found: list[dict[str, Any]] = []
    looked_at = 0
    if wanted.nothing:
        return found, None
    for _ in range(_MOST_QUESTIONS):
        page = registry.list_models(
            alias="latest",
            task=wanted.author,
            text=wanted.search,
            sort=wanted.sort,
            limit=min(limit - len(found), MOST_LISTED - looked_at),
            cursor=cursor,
        )
        rows = (listed(item, _card(registry, item), full=wanted.full) for item in page.items)
        found += (row for row in rows if wanted.passes(row))
        looked_at += len(page.items)
        cursor = page.next
        if cursor is None or len(found) == limit or looked_at >= MOST_LISTED:
            break
    return found, cursor


def _card(registry: ModelRegistry, item: dict[str, Any]) -> Card:
    """Of the version that the list shows; an empty one if that is gone or damaged since."""
    try:
        snapshot = registry.snapshot(item["task"], item["model_name"], item["version"], with_bytes=False)
    except RegistryError:
        return Card()
    return card_of(snapshot)
