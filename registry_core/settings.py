"""The core's settings; the only place in ``registry_core`` that reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .storage.contract import StorageOptions
from .vocabulary.errors import NotConfigured

PREFIX = "OMNIBIOAI_MODEL_REGISTRY_"


@dataclass(frozen=True)
class CoreSettings:
    """What the registry is and which policies hold. ``root`` None: not configured.

    ``create``: an empty root may become a registry. ``id``: the one that the root must have; None: any.
    ``max_upload_bytes`` is of one upload session; 0: no limit.
    """

    root: str | None = None
    create: bool = True
    id: str | None = None
    required_files: tuple[str, ...] = ()
    artifacts_allowed_roots: tuple[str, ...] = ()
    lock_timeout_s: float = 30.0
    workers: int = 2
    catalog_dir: str | None = None
    catalog_refresh_s: float = 30.0
    max_upload_bytes: int = 0
    max_upload_files: int = 100_000
    upload_expiry_s: float = 86400.0
    log_key: str | None = None
    log_state: str | None = None
    checkpoint_s: float = 60.0
    storage: StorageOptions = field(default_factory=StorageOptions)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "CoreSettings":
        """Settings by their ``OMNIBIOAI_MODEL_REGISTRY_*`` names. Raises ``NotConfigured``."""
        return cls(
            root=environ.get(PREFIX + "ROOT", "").strip() or None,
            create=_flag(environ, "CREATE", True),
            id=_id(environ),
            required_files=_words(environ, "REQUIRED_FILES"),
            artifacts_allowed_roots=_absolute(_words(environ, "ARTIFACTS_ALLOWED_ROOTS")),
            lock_timeout_s=number(environ, PREFIX + "LOCK_TIMEOUT_S", 30.0, least=0.0),
            workers=int(number(environ, PREFIX + "HASH_WORKERS", _cores(), least=1)),
            catalog_dir=environ.get(PREFIX + "CATALOG_DIR", "").strip() or None,
            catalog_refresh_s=number(environ, PREFIX + "CATALOG_REFRESH_S", 30.0, least=0.0),
            max_upload_bytes=int(number(environ, PREFIX + "MAX_UPLOAD_BYTES", 0, least=0)),
            max_upload_files=int(number(environ, PREFIX + "MAX_UPLOAD_FILES", 100_000, least=1)),
            upload_expiry_s=number(environ, PREFIX + "UPLOAD_EXPIRY_S", 86400.0, least=1.0),
            log_key=environ.get(PREFIX + "LOG_KEY", "").strip() or None,
            log_state=environ.get(PREFIX + "LOG_STATE", "").strip() or None,
            checkpoint_s=number(environ, PREFIX + "CHECKPOINT_S", 60.0, least=1.0),
            storage=StorageOptions(
                endpoint=_first(environ, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
                region=_first(environ, "AWS_REGION", "AWS_DEFAULT_REGION"),
                quote_etags=_flag(environ, "S3_QUOTE_ETAGS", True),
            ),
        )


def number(environ: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    """The setting as a number of at least ``least``. Raises ``NotConfigured`` naming it."""
    text = environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not value >= least or value == float("inf"):
        raise NotConfigured(f"{name} is {text!r}; it takes a number of at least {least:g}.", reason="bad_setting")
    return value


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _flag(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(PREFIX + name, "").strip().lower()
    if text not in ("", "0", "1", "true", "false"):
        raise NotConfigured(f"{PREFIX}{name} is {text!r}; it takes true or false.", reason="bad_setting")
    return default if not text else text in ("1", "true")


def _id(environ: Mapping[str, str]) -> str | None:
    text = environ.get(PREFIX + "ID", "").strip()
    if text and re.fullmatch("[0-9a-f]{32}", text) is None:
        raise NotConfigured(
            f"{PREFIX}ID is {text!r}; it takes the 32 hexadecimal digits that 'omr init' prints.", reason="bad_setting"
        )
    return text or None


def _words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word for part in environ.get(PREFIX + name, "").split(",") if (word := part.strip()))


def _absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if not os.path.isabs(path):
            raise NotConfigured(
                f"{PREFIX}ARTIFACTS_ALLOWED_ROOTS names {path!r}, which is not an absolute path.", reason="bad_setting"
            )
    return paths


def _cores() -> int:
    return min(8, len(os.sched_getaffinity(0)))
