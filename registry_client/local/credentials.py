"""Tokens that ``omr login`` has kept, one for each registry's origin.

::

    <config>/tokens/<64 hex>.json       0600, in a directory 0700; named after the origin, which it holds too
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from registry_core import InvalidParameter, StorageUnavailable

from .files import blaming, is_own_file, own_directory, sync_directory
from .settings import TOKEN, config_dir

MAX_BYTES = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_ELSEWHERE = f"Name the token in {TOKEN} or with --token-file."


def origin_of(url: str) -> str:
    """Scheme, host and port of the address. Raises ``InvalidParameter`` for one that has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidParameter("This is no registry's address; one looks like https://registry.", field="url")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{_PORTS[parts.scheme] if port is None else port}"


def keep(url: str, token: str) -> Path:
    """From now on the token is kept for the address's origin, in place of any other; returns in which file.

    Raises ``StorageUnavailable``, ``StorageFull``.
    """
    path = _path(url)
    if path is None:
        raise StorageUnavailable(f"Nobody knows this user's home, so no token can be kept. {_ELSEWHERE}")
    with blaming(str(path.parent), _ELSEWHERE):
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own_directory(path.parent, make=True, remedy=_ELSEWHERE)
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=".token-")  # which is 0600
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump({"origin": origin_of(url), "token": token}, file)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        sync_directory(path.parent)
    return path


def forget(url: str) -> bool:
    """Nothing is kept for the address's origin; whether something was. Raises ``StorageUnavailable``."""
    path = _path(url)
    with blaming(str(path)):
        was_there = path is not None and path.exists()
        if path is not None:
            path.unlink(missing_ok=True)
    return was_there


def kept(url: str) -> str | None:
    """The token that is kept for the address's origin, None if none is.

    Raises ``StorageUnavailable`` for a file, or a directory, that is not this user's alone.
    """
    path = _path(url)
    try:
        if path is None or not own_directory(path.parent, make=False, remedy=_ELSEWHERE):
            return None
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not is_own_file(status) or status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise StorageUnavailable(
                f"{path} is not this user's alone (its mode is {mode:04o}), so it is not used: others may have the "
                f"token in it. End that token, and run 'omr login {origin_of(url)}' again.",
                path=str(path),
            )
        data = file.read(MAX_BYTES)
    try:
        found = json.loads(data)
        is_it = found["origin"] == origin_of(url) and isinstance(found["token"], str)
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    return found["token"] if is_it else None


def read_file(path: Path) -> str:
    """The token in a file of the caller's. Raises ``InvalidParameter``."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("ascii").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no token"
        raise InvalidParameter(f"{path} cannot be read: {why}.", field="token_file") from None
    if not text:
        raise InvalidParameter(f"{path} is empty.", field="token_file")
    return text


def _path(url: str) -> Path | None:
    directory = config_dir()
    name = hashlib.sha256(origin_of(url).encode("utf-8", "backslashreplace")).hexdigest()
    return None if directory is None else directory / "tokens" / f"{name}.json"
