"""The HTTP service: it validates, calls one verb of the core, and shapes the answer.

No rule of the registry is decided here; see ``registry_core``.
"""

from __future__ import annotations

from flask import Flask

from registry_core import ModelRegistry

from . import docs, errors, hub_errors, tracing
from .aliases import blueprint as aliases
from .catalogue import blueprint as catalogue
from .config import Settings
from .draining import Draining
from .files import blueprint as files
from .gate import Gate
from .governance import blueprint as governance
from .health import blueprint as health
from .hub import blueprint as hub
from .operations import blueprint as operations
from .registry import blueprint as registry_blueprint
from .root import Root
from .tus import MethodOverride
from .uploads import blueprint as uploads

__all__ = ["create_app"]


def create_app(settings: Settings | None = None, registry: ModelRegistry | None = None) -> Flask:
    """A wired WSGI application. Starts without a usable root too, and then says so in its answers.

    ``settings`` come from the environment by default; ``registry`` takes the place of the one that
    they name. Raises ``NotConfigured`` only for a setting that makes no sense.
    """
    settings = settings or Settings.from_env()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.wsgi_app = MethodOverride(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Draining(app.wsgi_app, 2 * settings.max_body_bytes)  # type: ignore[method-assign]
    tracing.init_app(app)
    errors.init_app(app)
    hub_errors.init_app(app)
    api = docs.init_app(app)
    for blueprint in (health, registry_blueprint, aliases, governance, catalogue, files, uploads, operations):
        api.register_blueprint(blueprint)
    if settings.hub:
        api.register_blueprint(hub)
    app.extensions["settings"] = settings
    app.extensions["root"] = Root(settings, registry)
    app.extensions["gate"] = Gate(settings.threads)
    return app
