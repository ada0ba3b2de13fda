"""What a serving worker does beside answering: it keeps the catalogue true."""

from __future__ import annotations

import logging
import threading

from flask import Flask

from registry_core import RegistryError

from ..web.root import Root
from ..web.stopping import stopping

log = logging.getLogger(__name__)


def start(app: Flask) -> None:
    """From now on the catalogue is never older than the refresh time. Workers take turns at it."""
    threading.Thread(target=_keep, args=(app.extensions["root"],), name="catalogue", daemon=True).start()


def _keep(root: Root) -> None:
    while not stopping.is_set():
        try:
            root.registry().refresh_catalogue()
        except RegistryError as error:
            log.warning("the catalogue is not refreshed: %s", error.message)
        except Exception:
            log.exception("the catalogue is not refreshed")
        stopping.wait(root.refresh_period_s)
