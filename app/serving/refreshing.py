"""What a serving worker does beside answering: it keeps the catalogue true, and publishes checkpoints of the log."""

from __future__ import annotations

import logging
import threading

from flask import Flask

from registry_core import LogNotSet, RegistryError

from ..web.root import Root
from ..web.stopping import stopping

log = logging.getLogger(__name__)

_UNPUBLISHED = "no checkpoint is published"


def start(app: Flask) -> None:
    """From now on the catalogue is never older than the refresh time. Workers take turns at it."""
    root = app.extensions["root"]
    threading.Thread(target=_keep, args=(root,), name="catalogue", daemon=True).start()
    if root.publishes:
        threading.Thread(target=_publish, args=(root,), name="log", daemon=True).start()


def _keep(root: Root) -> None:
    while not stopping.is_set():
        try:
            root.registry().refresh_catalogue()
        except RegistryError as error:
            log.warning("the catalogue is not refreshed: %s", error.message)
        except Exception:
            log.exception("the catalogue is not refreshed")
        stopping.wait(root.refresh_period_s)


def _publish(root: Root) -> None:
    """Whatever is new is covered by a checkpoint, as often as the settings say, by one worker of this host.

    Whoever keeps the service reads once what is in the way, and once that it is gone.
    """
    said = None
    while not stopping.wait(root.publish_period_s):
        failure = None
        try:
            root.registry().keep_log()
        except LogNotSet:
            pass  # nobody has begun one yet
        except RegistryError as error:
            failure = error.message
        except Exception:
            log.exception(_UNPUBLISHED)
            continue
        if failure != said:
            log.warning("%s", "checkpoints are published again" if failure is None else f"{_UNPUBLISHED}: {failure}")
        said = failure
