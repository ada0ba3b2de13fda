"""Pages that are to come, so that links to them lead somewhere in tests: what is there already is left alone."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template_string

from app.pages import happened

PLACES = {
    "model": "/models/<task>/<model_name>",
    "version": "/models/<task>/<model_name>/versions/<version>",
    "history": "/models/<task>/<model_name>/history",
    "compare": "/models/<task>/<model_name>/compare",
}


def stand_in(app: Flask) -> Flask:
    """The application, with a page of nothing but the frame at each of these addresses that it lacks."""

    def frame(**_: Any) -> str:
        common = {
            "theme": None,
            "version_of_service": "",
            "is_required": False,
            "who": None,
            "home": "/ui/",
            "here": "",
        }
        return render_template_string('{% extends "ui/page.html" %}', **common, done=happened.asked_for())

    for name, place in PLACES.items():
        if f"pages.{name}" not in app.view_functions:
            app.add_url_rule(f"/ui{place}", f"pages.{name}", frame)
    return app
