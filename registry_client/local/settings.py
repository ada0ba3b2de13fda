"""The client's settings; the only place in ``registry_client`` that reads the environment by itself."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)

CACHE_DIR = "OMNIBIOAI_MODEL_REGISTRY_CACHE_DIR"
TOKEN = "OMNIBIOAI_MODEL_REGISTRY_TOKEN"  # nosec B105 - the name of a setting
ELSEWHERE = f"Name another with --cache-dir or {CACHE_DIR}, or use none: --no-cache."
_NAME = "omnibioai-model-registry"


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where pulled files are kept: as the environment says, or below ``~/.cache``.

    Where that can never be (no home, or one that cannot be written to), below the directory of temporary files.
    """
    named = environ.get(CACHE_DIR, "").strip()
    if named:
        return Path(named).expanduser()
    base = environ.get("XDG_CACHE_HOME", "").strip()
    try:
        wanted = (Path(base) if os.path.isabs(base) else Path("~/.cache").expanduser()) / _NAME
    except RuntimeError:  # nobody knows this user's home
        wanted = Path("~") / _NAME
    if wanted.is_absolute() and _can_be(wanted):
        return wanted
    passing = Path(tempfile.gettempdir()) / f"{_NAME}-{os.geteuid()}"
    log.warning("The cache cannot be %s, and is %s. %s", wanted, passing, ELSEWHERE)
    return passing


def token(environ: Mapping[str, str] = os.environ) -> str | None:
    """The token that the environment names."""
    return environ.get(TOKEN, "").strip() or None


def config_dir(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where ``omr login`` keeps tokens: below ``~/.config``; None where nobody knows this user's home."""
    base = environ.get("XDG_CONFIG_HOME", "").strip()
    try:
        return (Path(base) if os.path.isabs(base) else Path("~/.config").expanduser()) / _NAME
    except RuntimeError:
        return None


def _can_be(directory: Path) -> bool:
    """Whether it is there, or could be made."""
    if directory.exists():
        return True
    while not directory.exists():
        directory = directory.parent
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK, effective_ids=True)
