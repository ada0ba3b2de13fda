"""The whole registry over HTTP: lists, searches, tasks, and the stream of events."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Response, jsonify, request, url_for

from registry_core import (
    MAX_LIMIT,
    AccessUnreadable,
    ModelRegistry,
    RegistryError,
    StorageError,
    Streamed,
    StreamedEvent,
)

from ..web import next_page
from ..web.answers import answer, line, unknown_fields, warn
from ..web.blueprint import Blueprint
from ..web.gate import current_gate, may_be_large
from ..web.needs import Need
from ..web.root import Root, current_registry, current_root
from ..web.sending import NO_MORE
from ..web.stopping import stopping
from . import whole_list
from .listing_schemas import (
    EventsHeaders,
    EventsQuery,
    ListedModel,
    ListedVersion,
    ModelsQuery,
    NoQuery,
    SummariesQuery,
    TasksAnswer,
)

log = logging.getLogger(__name__)

POLL_S = 0.5
HEARTBEAT_S = 15.0  # a comment, so that proxies and clients see that the stream lives
EVENTS_AT_ONCE = 100
_EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]+")

blueprint = Blueprint("catalogue", __name__, url_prefix="/v1", description="Catalogue: the whole registry at a glance")


@blueprint.get("/models", needs=Need.READ)
@blueprint.arguments(ModelsQuery, location="query")
@may_be_large
@blueprint.answers(ListedVersion(many=True), problems=(422, 503))
def models(query: dict[str, Any]) -> Response:
    """The versions that pass all filters: all of them or, with limit or cursor, a page.

    The header Link names the next page, X-Total-Count how many versions there are in all, X-Warnings what
    was ignored.
    """
    is_whole = request.args.keys().isdisjoint(("limit", "cursor"))
    registry = current_registry()
    if is_whole:
        registry.require_catalogue()  # a page could be read without it, and all pages take long
    page = registry.list_models(**{**query, **({"limit": MAX_LIMIT} if is_whole else {})})
    response = whole_list.answer(query, page) if is_whole and page.next is not None else jsonify(page.items)
    if page.total is not None:
        response.headers["X-Total-Count"] = str(page.total)
    if not is_whole:
        next_page.point_to(response, url_for("catalogue.models"), page.next)
    warn(response, [*page.warnings, *unknown_fields()])
    return response


@blueprint.get("/models/summary", needs=Need.READ)
@blueprint.arguments(SummariesQuery, location="query")
@may_be_large
@blueprint.answers(ListedModel(many=True), problems=(422, 503))
def summaries(query: dict[str, Any]) -> Response:
    """The models that pass all filters, a row each.

    The header Link names the next page, X-Total-Count how many models pass, X-Warnings what was ignored.
    """
    page = current_registry().list_summaries(**query)
    response = jsonify([item.to_dict() for item in page.items])
    response.headers["X-Total-Count"] = str(page.total)
    next_page.point_to(response, url_for("catalogue.summaries"), page.next)
    warn(response, [*page.warnings, *unknown_fields()])
    return response


@blueprint.get("/tasks", needs=Need.READ)
@blueprint.arguments(NoQuery, location="query")
@may_be_large
@blueprint.answers(TasksAnswer, problems=(503,))
def tasks(_: dict[str, Any]) -> dict[str, Any]:
    """Every task, with its models, their versions and the bytes of those."""
    found = current_registry().list_tasks()
    return answer({"tasks": [task.to_dict() for task in found], "warnings": found.warnings})


@blueprint.get("/events", needs=Need.READ)
@blueprint.arguments(EventsQuery, location="query")
@blueprint.arguments(EventsHeaders, location="headers")
@blueprint.response(200, content_type="text/event-stream")
def events(query: dict[str, Any], headers: dict[str, Any]) -> Response:
    """The journal events of all models as Server-Sent Events, from now on or after an id."""
    registry, root = current_registry(), current_root()
    registry.require_caller()
    after = headers["last_event_id"] or query.get("after")
    after = registry.last_event() if after is None else "" if after == "0" else after
    first = registry.events(after, EVENTS_AT_ONCE)  # so that a wrong id is refused before the stream begins
    del first
    leave = current_gate().admit_stream()
    is_over = partial(_is_over, root, registry, is_open=registry is root.registry())
    response = Response(_stream(registry, after, is_over), content_type="text/event-stream")
    response.call_on_close(leave)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _message(item: StreamedEvent) -> str:
    # In ASCII, and the name only if it is one: a journal may hold whatever somebody has written into it.
    name = item.event.event
    named = f"event: {name}\n" if isinstance(name, str) and _EVENT_NAME.fullmatch(name) else ""
    return f"id: {item.id}\n{named}data: {line(item.event.to_dict())}\n\n"


def _is_over(root: Root, registry: ModelRegistry, *, is_open: bool) -> bool:
    """Whether whoever began to listen may not go on: he counts no longer, or callers must say by now who they are."""
    try:
        registry.require_caller()
        return is_open and root.is_required()
    except NO_MORE as error:
        log.warning("a stream of events has ended: %s", error.code)
        return True
    except RegistryError:
        return False  # the storage is away: the next question to it tells


def _stream(registry: ModelRegistry, after: str, is_over: Callable[[], bool] = lambda: False) -> Iterator[str]:
    yield f"retry: 2000\nid: {after}\n\n" if after else "retry: 2000\n\n"
    quiet_since, said, reached = time.monotonic(), set[str](), None
    while not (stopping.is_set() or is_over()):
        try:
            found = registry.events(after, EVENTS_AT_ONCE, since=reached)
        except AccessUnreadable:
            continue  # so it is over
        except StorageError:
            found = Streamed()  # the catalogue is being rebuilt, or the storage is away: go on when it is back
        reached = found.reached or reached
        for text in found.warnings:
            if text not in said:
                said.add(text)
                yield f": {line(text)}\n\n"
        for item in found:
            after = item.id
            yield _message(item)
        if found:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > HEARTBEAT_S:
            quiet_since = time.monotonic()
            yield ": still here\n\n"
        if len(found) < EVENTS_AT_ONCE:
            stopping.wait(POLL_S)
