"""Requests and answers of the calls over the whole registry."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, fields, validate

from ..web.schemas import Answer, Open, Request, text
from .governing_schemas import STAGES

PAIR = "key:value"


def _repeated(description: str) -> fields.List[str]:
    return fields.List(fields.String(), load_default=list, metadata={"description": description})


class ModelsQuery(Request):
    task = text("Only this task.", load_default=None)
    model_name = text("Only models of this name.", load_default=None)
    metric_gte = _repeated("key:number; only versions whose metric is at least that. May be repeated.")
    metric_lte = _repeated("key:number; only versions whose metric is at most that. May be repeated.")
    alias = text("Only versions that this alias names.", load_default=None)
    stage = text("Only versions of this stage.", load_default=None, validate=validate.OneOf(STAGES))
    tag = _repeated("key:value; only versions with this tag. May be repeated.")
    q = text("Words, each of which begins a word of names, tags, description or metadata.", load_default=None)
    sort = text("name, created_at or metric:KEY; with - before it descending.", load_default="name")
    limit = fields.Integer(
        load_default=100, validate=validate.Range(min=1, max=1000), metadata={"description": "At most so many."}
    )
    cursor = text("Where the page begins: from the Link header of the one before.", load_default=None)


class ListedVersion(Open):
    """A version's metadata, flat; more fields are whatever the metadata holds."""

    class Meta:
        unknown = INCLUDE

    task = fields.String()
    model_name = fields.String()
    version = fields.String()
    created_at = fields.String(allow_none=True)
    aliases = fields.List(fields.String())
    tags = fields.Dict()
    stage = fields.String(validate=validate.OneOf(STAGES))
    description = fields.String(allow_none=True)


class TaskFields(Open):
    task = fields.String()
    models = fields.Integer()
    versions = fields.Integer()
    bytes = fields.Integer()


class TasksAnswer(Answer):
    tasks = fields.List(fields.Nested(TaskFields))


class NoQuery(Request):
    pass


class EventsQuery(Request):
    after = text("The id after which to begin; 0: from the beginning. Without it: what happens from now on.")


class EventsHeaders(Open):
    last_event_id = fields.String(
        data_key="Last-Event-ID",
        load_default=None,
        metadata={"description": "As after; browsers send it by themselves."},
    )


def as_filters(query: dict[str, Any]) -> dict[str, Any]:
    """The query in the words of the core."""
    renamed = {"tag": "tags", "q": "text"}
    return {renamed.get(name, name): value for name, value in query.items()}
