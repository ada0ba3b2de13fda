"""The HTTP service: it validates, calls one verb of the core, and shapes the answer.

No rule of the registry is decided here; see ``registry_core``.
"""

from __future__ import annotations

import logging

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from registry_core import ModelRegistry

from . import pages
from .config import Settings
from .hub.errors import PREFIX as HUB
from .hub.errors import translated
from .hub.views import blueprint as hub
from .v1.access import blueprint as access
from .v1.aliases import blueprint as aliases
from .v1.attestations import blueprint as attestations
from .v1.facts import blueprint as facts
from .v1.files import blueprint as files
from .v1.governing import blueprint as governance
from .v1.health import blueprint as health
from .v1.listing import blueprint as catalogue
from .v1.log import blueprint as journals
from .v1.looking import blueprint as looking
from .v1.operations import blueprint as operations
from .v1.registry import blueprint as registry_blueprint
from .v1.rules import blueprint as rules
from .v1.runs import blueprint as runs
from .v1.signing_in import blueprint as signing_in
from .v1.uploads import blueprint as uploads
from .web import cors, errors, gate, identity, needs, openapi, protecting, tracing
from .web.answers import StrictJson
from .web.base_path import BelowPath
from .web.gate import Gate
from .web.root import Root

__all__ = ["create_app"]

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, registry: ModelRegistry | None = None) -> Flask:
    """A wired WSGI application. Starts without a usable root too, and then says so in its answers.

    ``settings`` come from the environment by default; ``registry`` takes the place of the one that
    they name. Raises ``NotConfigured`` only for a setting that makes no sense, and ``LookupError`` where a route does
    not say what it needs of its callers.
    """
    settings = settings or Settings.from_env()
    for remark in settings.remarks:
        log.warning(remark)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    app.json = StrictJson(app)
    # Outermost: what the others see of a request is what its client sent to the proxy in front.
    if settings.base_path:
        app.wsgi_app = BelowPath(app.wsgi_app, settings.base_path)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:
        x_prefix = 0 if settings.base_path else hops
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, hops, x_prefix)  # type: ignore[method-assign]
    tracing.init_app(app)
    protecting.init_app(app)
    cors.init_app(app, settings.cors_origins)
    of_pages = dict.fromkeys((f"{pages.PREFIX}/", "/v1/auth/"), pages.problem_page) if settings.has_pages else {}
    errors.init_app(app, {f"{HUB}/": translated, **of_pages})
    api = openapi.init_app(app)
    for blueprint in (
        health,
        access,
        rules,
        registry_blueprint,
        aliases,
        looking,
        governance,
        facts,
        attestations,
        runs,
        catalogue,
        files,
        uploads,
        journals,
        operations,
        signing_in,
    ):
        api.register_blueprint(blueprint)
    if settings.hub:
        api.register_blueprint(hub)
    app.extensions["settings"] = settings
    if settings.has_pages:
        pages.init_app(app)
    identity.init_app(app, identity.Identity(settings.identity))
    Root(settings, registry).init_app(app)
    gate.init_app(app, Gate(settings.threads))
    needs.check(app)
    return app
