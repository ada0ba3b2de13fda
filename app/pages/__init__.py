"""The web pages: what persons see and press. Each view loads, calls verbs of the core, and renders one template.

Every state is an address, every action a plain form; a script only spares reloads.

- ``blueprint`` guards and marks all pages, ``render`` makes them
- ``figures`` says values as persons read them
- ``assets`` sends the stylesheet and the script
- ``failing`` turns a problem into a page
- ``look`` keeps what a person has chosen
- ``card`` makes HTML of a README.md, ``previews`` of other files, and ``highlight`` of code
- ``svg`` draws curves, strips, lines and lineages
- ``signing`` dresses the pages of signing in
- ``words``: who does something and why; ``attempting``: what is said where it was not done; ``proceeding``: long calls
- ``home``: all models; ``activity``: what happened in them; ``operations``: how the service is
- ``model``: one model, ``history``: what happened to it, with what ``naming`` says of its aliases; ``runs`` of it
- ``provenance`` says what a version was made from, ``package_tree`` what is in it, ``proving`` how anybody proves it
- ``version``: one version; ``compare``: several side by side; ``raw``: a file, as nothing that a browser would run
- ``changing``: moving an alias, with what ``grades`` says is better; ``happened``: what is said after it
- ``evidence``: who vouches for a version; ``gates``: what it lacks before an alias may name it
- ``retiring``: archiving, deleting, restoring; ``describing``: tags and description; ``verifying``: a proof
- ``tokens``, ``access``: who may call, and what they may do; ``access_history``: who has changed that, and policies
- ``upload``: registering the files of a browser
"""

from __future__ import annotations

from flask import Flask

from . import (  # noqa: F401 - a view has put its addresses on the blueprint when it was imported
    access,
    access_history,
    activity,
    changing,
    compare,
    describing,
    history,
    home,
    look,
    model,
    operations,
    raw,
    render,
    retiring,
    runs,
    signing,
    tokens,
    upload,
    verifying,
    version,
)
from .assets import Assets
from .blueprint import PREFIX, blueprint, lead_here
from .failing import problem_page

__all__ = ["PREFIX", "init_app", "problem_page"]


def init_app(app: Flask) -> None:
    """The pages are served below ``PREFIX``, and whoever prefers HTML is led there from ``/``."""
    app.extensions["assets"] = Assets()
    render.init_app(app)
    signing.init_app(app)
    app.register_blueprint(blueprint)
    lead_here(app)
