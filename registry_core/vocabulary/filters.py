"""What lists of versions are filtered and sorted by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .errors import InvalidParameter

MAX_LIMIT = 1000  # of a page of any list


def check_limit(limit: int, most: int = MAX_LIMIT) -> None:
    """A page has at least one row, and ``most`` at the most. Raises ``InvalidParameter``."""
    if not 1 <= limit <= most:
        raise InvalidParameter(f"limit is from 1 to {most}.", field="limit")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Versions pass that pass all filters; HTTP and the client take their fields from here."""

    task: Annotated[str | None, "Only this task."] = None
    model_name: Annotated[str | None, "Only models of this name."] = None
    metric_gte: Annotated[
        tuple[str, ...], "key:number; only versions whose metric is at least that. May be repeated."
    ] = ()
    metric_lte: Annotated[
        tuple[str, ...], "key:number; only versions whose metric is at most that. May be repeated."
    ] = ()
    alias: Annotated[str | None, "Only versions that this alias names."] = None
    stage: Annotated[str | None, "Only versions of this stage."] = None
    tags: Annotated[tuple[str, ...], "key:value; only versions with this tag. May be repeated."] = ()
    fact: Annotated[
        tuple[str, ...], "load:VALUE; only versions whose files are so: none, data_only, unreadable or code."
    ] = ()
    text: Annotated[str | None, "Words, each of which begins a word of names, tags, description or metadata."] = None
    sort: Annotated[str, "name, created_at or metric:KEY, those without it last; with - before it descending."] = "name"
    limit: Annotated[int, "At most so many."] = 100
    cursor: Annotated[str | None, "Where the page begins: the next of the one before (HTTP: its Link header)."] = None


@dataclass(frozen=True, kw_only=True)
class SummaryFilters:
    """Models pass that pass all filters."""

    task: Annotated[str | None, "Only models of this task."] = None
    alias: Annotated[str | None, "Only models that have this alias."] = None
    without_alias: Annotated[str | None, "Only models that do not have this alias, as production, yet."] = None
    tag: Annotated[tuple[str, ...], "key:value; only models whose newest version has this tag. May be repeated."] = ()
    fact: Annotated[
        tuple[str, ...],
        "load:VALUE; only models whose newest version's files are so: none, data_only, unreadable or code.",
    ] = ()
    q: Annotated[
        str | None, "Words, each of which begins a word of task, name, or the newest version's tags and description."
    ] = None
    sort: Annotated[
        str, "name, changed_at, created_at (of the newest version), versions or bytes; with - before it descending."
    ] = "name"
    limit: Annotated[int, "At most so many models."] = 100
    cursor: Annotated[str | None, "Where the page begins: the next of the page before (HTTP: its Link header)."] = None


def parse_seq(field: str, value: str | int | None) -> int | None:
    """The number of an event, as a number or as the text of one. Raises ``InvalidParameter``."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if value is not None and (not isinstance(value, int) or not 0 <= value < 1 << 63):
        raise InvalidParameter(f"{field} is the seq of an event, 0 or more.", field=field)
    return value
