"""How gunicorn serves the registry; ``deploy/gunicorn.conf.py`` and ``omr serve`` both use it.

Threads, not the worker timeout, are what long registrations live on: a gthread worker (ours is one) beats its
heart from its main thread, so a call of ten minutes in another thread is never killed for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config import Settings
from ..web.tracing import logging_config
from . import refreshing

_settings = Settings.from_env()

bind = f"{_settings.host}:{_settings.port}"
worker_class = "app.serving.worker.Worker"
workers = _settings.workers
threads = _settings.threads
timeout = 60
graceful_timeout = _settings.graceful_timeout_s
keepalive = 30
# gunicorn's most. A proxy in front takes no more than that either, and refuses with a problem document.
limit_request_line = 8190
# The heart beats in a file; on a disk that stalls, a healthy worker would look dead.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # nosec B108
logconfig_dict = logging_config(_settings.log_level)
# No admin socket: it would be one file below HOME for all gunicorns of a user.
control_socket_disable = True
# Who is believed of a request's way here is app/__init__.py's to say (TRUSTED_PROXIES).
forwarded_allow_ips = ""
accesslog = None  # app/web/tracing.py writes it, with the request id


def post_worker_init(worker: Any) -> None:
    """gunicorn calls this when a worker has loaded the application."""
    refreshing.start(worker.service)
