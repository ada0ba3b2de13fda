"""What happened in the whole registry, the newest first; while the page is seen it says how much is new."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from ..web.needs import Need
from ..web.root import current_registry
from .blueprint import blueprint
from .render import page

ROWS = 50
MOST_NEW = 100  # that are counted
KINDS = ("register", "promote", "rollback", "unalias", "tag", "patch", "stage", "delete", "restore", "purge", "repair")
MORE_KINDS = ("own", "attest", "finding", "facts")


@blueprint.get("/activity", needs=Need.READ)
def activity() -> Response:
    """Events of all models that may be seen, a page of them."""
    registry = current_registry()
    asked = {name: request.args.get(name) for name in ("event", "actor", "q", "since", "until")}
    wanted: dict[str, Any] = {name: text.strip() for name, text in asked.items() if text and text.strip()}
    before = request.args.get("before") or None
    found = registry.activity(**wanted, before=before, limit=ROWS)
    newest = found.events[0].ts_utc if found.events else None
    news = None if before or wanted else url_for("pages.news", since=newest)
    return page(
        "activity.html",
        events=found.events,
        warnings=found.warnings,
        wanted=wanted,
        kinds=KINDS + MORE_KINDS,
        before=before,
        news=news,
        json_address=url_for("aliases.history", **wanted, before=before),
        first=url_for("pages.activity", **wanted),
        next=url_for("pages.activity", **wanted, before=found.next) if found.next else None,
    )


@blueprint.get("/activity/new", needs=Need.READ)
def news() -> Response:
    """How many events there are since the newest one of an open page, which asks every 15 seconds."""
    since = request.args.get("since") or None
    events = current_registry().activity(since=since, limit=MOST_NEW + 1).events
    count = sum(event.ts_utc != since for event in events)
    return page("news.html", count=min(count, MOST_NEW), most=MOST_NEW, news=url_for("pages.news", since=since))
