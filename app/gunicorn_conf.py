"""How gunicorn serves the registry; ``deploy/gunicorn.conf.py`` and ``omr serve`` both use it.

Threads, not the worker timeout, are what long registrations live on: a gthread worker beats its
heart from its main thread, so a call of ten minutes in another thread is never killed for it.
"""

from __future__ import annotations

from pathlib import Path

from .config import Settings
from .tracing import logging_config

_settings = Settings.from_env()

bind = f"{_settings.host}:{_settings.port}"
worker_class = "gthread"
workers = _settings.workers
threads = _settings.threads
timeout = 60
graceful_timeout = _settings.graceful_timeout_s
keepalive = 30
# The heart beats in a file; on a disk that stalls, a healthy worker would look dead.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
logconfig_dict = logging_config(_settings.log_level)
# No admin socket: it would be one file below HOME for all gunicorns of a user.
control_socket_disable = True
accesslog = None  # app/tracing.py writes it, with the request id
