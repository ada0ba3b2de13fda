"""The client's settings; the only place in ``registry_client`` that reads the environment by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CACHE_DIR = "OMNIBIOAI_MODEL_REGISTRY_CACHE_DIR"


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where pulled files are kept: as the environment says, or below ``~/.cache``."""
    named = environ.get(CACHE_DIR, "").strip()
    if named:
        return Path(named).expanduser()
    base = environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(base) if os.path.isabs(base) else Path("~/.cache").expanduser()) / "omnibioai-model-registry"
