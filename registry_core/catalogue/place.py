"""Where a host keeps its catalogue of a registry."""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import platform
import stat
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..format.layout import CATALOGUE
from ..settings import CoreSettings

log = logging.getLogger(__name__)

_UNUSED_S = 7 * 86400.0
_FILES = ("", "-wal", "-shm", ".lock", ".refresh")
_LOG_FILES = ("", "-journal", ".keeper")


def catalogue_path(settings: CoreSettings) -> Path:
    """Where this host keeps the catalogue of the root: with the registry, or else where it is told to.

    Hosts that share a root do not share the file, whose locks are a host's own. Where this user cannot write
    there, it is a file of his own.
    """
    name = f"catalog-{platform.node() or 'host'}.sqlite"
    root = settings.root or ""
    if settings.catalog_dir is not None:
        return Path(settings.catalog_dir) / f"{_short(root)}-{name}"
    if not root or root.startswith("memory:"):
        return _passing_path(name)
    if "://" in root:
        return _private_directory() / f"{_short(root)}-{name}"
    path = Path(root) / CATALOGUE / name
    if _is_usable(path):
        return path
    private = _private_directory() / f"{_short(os.path.realpath(root))}-{name}"
    log.warning("user %s cannot keep the catalogue in %s; it is %s instead", os.geteuid(), path.parent, private)
    return private


def log_index_path(settings: CoreSettings) -> Path | None:
    """Where this host keeps what it knows of the log: beside the catalogue. None where the registry passes itself."""
    if (settings.root or "memory:").startswith("memory:"):
        return None
    path = catalogue_path(settings)
    return path.with_name(f"{path.name.removesuffix('.sqlite')}.log.sqlite")


def sweep(settings: CoreSettings, older_than_s: float, *, dry_run: bool) -> list[str]:
    """Catalogues of this root that other hosts have left here are gone, once nobody has used them for a week at least.

    Returns their names. Each pod has a name of its own. One that comes back makes its catalogue anew.
    """
    own = catalogue_path(settings)
    ours = {own, log_index_path(settings)}
    prefix = own.name.partition("catalog-")[0]
    before_s = time.time() - max(older_than_s, _UNUSED_S)
    gone = []
    for path in sorted(own.parent.glob(f"{prefix}catalog-*.sqlite")):
        files = [Path(f"{path}{suffix}") for suffix in dict.fromkeys(_FILES + _LOG_FILES)]
        if path not in ours and _used_s(files) < before_s:
            gone.append(f"{CATALOGUE}/{path.name}")
            for file in files if not dry_run else ():
                with suppress(OSError):
                    file.unlink()
    return gone


def _used_s(files: list[Path]) -> float:
    used = [0.0]
    for file in files:
        with suppress(OSError):
            status = file.lstat()
            used.append(max(status.st_mtime, status.st_atime))
    return max(used)


def _short(root: str) -> str:
    return hashlib.sha256(root.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _is_usable(path: Path) -> bool:
    """Whether this user can keep the file there. One of another user's that can be replaced will be.

    Nothing is followed: what is no directory or no file has been put there by somebody else.
    """
    files = [path.with_name(path.name + suffix) for suffix in _FILES]
    return (
        _is_absent_or(stat.S_ISDIR, path.parent)
        and all(_is_absent_or(stat.S_ISREG, file) for file in files)
        and _may_write(path.parent, os.W_OK | os.X_OK)
        and all(_may_write(file, os.R_OK | os.W_OK) for file in files if file.suffix in (".lock", ".refresh"))
    )


def _is_absent_or(kind: Callable[[int], bool], path: Path) -> bool:
    try:
        return kind(path.lstat().st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _may_write(path: Path, how: int) -> bool:
    return not os.path.lexists(path) or os.access(path, how, effective_ids=True)


def _private_directory() -> Path:
    """A directory that nobody else can write to, or has made for us."""
    path = Path(tempfile.gettempdir()) / f"model-registry-{os.geteuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022:
        return path
    return Path(tempfile.mkdtemp(prefix=f"{path.name}-"))


def _passing_path(name: str) -> Path:
    """For a registry that ends with this process."""
    path = Path(tempfile.gettempdir()) / f"model-registry-{os.getpid()}-{uuid.uuid4().hex}-{name}"

    def remove() -> None:
        for suffix in _FILES:
            Path(f"{path}{suffix}").unlink(missing_ok=True)

    atexit.register(remove)
    return path
