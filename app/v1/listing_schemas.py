"""Requests and answers of the calls over the whole registry."""

from __future__ import annotations

from marshmallow import INCLUDE, fields

from registry_core import MAX_LIMIT, Filters, ModelSummary, SummaryFilters, TaskSummary

from ..web.answers import Answer, Open
from ..web.parsing import Request
from ..web.schemas import part_schema, request_schema, text
from .schemas import ONE_STAGE, between

ModelsQuery = request_schema(
    Filters, stage=ONE_STAGE, tags={"data_key": "tag"}, text={"data_key": "q"}, limit=between(1, MAX_LIMIT)
)
SummariesQuery = request_schema(SummaryFilters, limit=between(1, MAX_LIMIT))
ListedModel = part_schema(ModelSummary)


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
    stage = fields.String(**ONE_STAGE)
    description = fields.String(allow_none=True)


class TasksAnswer(Answer):
    tasks = fields.List(fields.Nested(part_schema(TaskSummary)))


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
