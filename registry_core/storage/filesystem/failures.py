"""What fails on a filesystem, and what that means to the registry; what lies there that it never puts there."""

from __future__ import annotations

import errno
import logging
import os
import stat

from ...vocabulary.errors import (
    ArtifactsRefused,
    IntegrityError,
    NotConfigured,
    RegistryError,
    StorageFull,
    StorageUnavailable,
)
from ...vocabulary.texts import escaped

log = logging.getLogger(__name__)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
HOME_STEPS = 4  # of the key of what has a lock, a log, and packages
DIRECTORY, FILE, LINK = "a directory", "a file", "a symbolic link"
_KINDS = (
    (stat.S_ISLNK, LINK),
    (stat.S_ISDIR, DIRECTORY),
    (stat.S_ISREG, FILE),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)


class Planted(OSError):
    """At the key, or on the way to it, lies what the registry never puts there: ``kind`` says what, at ``key``."""

    def __init__(self, key: str, kind: str) -> None:
        super().__init__(errno.ELOOP, f"{key} is {kind}", key)
        self.key, self.kind = key, kind


def kind_of(status: os.stat_result) -> str:
    return next((word for is_it, word in _KINDS if is_it(status.st_mode)), "a device")


def typed(key: str, error: OSError) -> RegistryError:
    if error.errno in _FULL:
        return StorageFull("The registry's storage has no space left. Nothing was changed; free some and try again.")
    if error.errno == errno.ENAMETOOLONG:
        return ArtifactsRefused(f"{key!r} is too long a path for the registry's filesystem.", path=key)
    log.error("storage failed at %s: %s", key, error)
    return StorageUnavailable(
        f"The registry's storage failed ({error.strerror}). The service's log has the place.",
        retry_after_s=5,
        path=escaped(key),
        errno=errno.errorcode.get(error.errno or 0, str(error.errno)),
    )


def told(error: Planted, damage: type[IntegrityError]) -> RegistryError:
    key = escaped(error.key)
    remedy = "Find out who put it there, and put back what belongs there."
    if error.kind == LINK:
        remedy = f"For a directory elsewhere, make a directory in its place and 'mount --bind ELSEWHERE ROOT/{key}'."
    message = (
        f"In the registry's root, {key!r} is {error.kind}, which the registry never puts there. It is not followed, "
        f"read or changed. {remedy}"
    )
    log.error("%s", message)
    if key.startswith(".") or key.count("/") < HOME_STEPS:  # working space, or what whole logs and packages lie below
        return NotConfigured(message, reason="root_layout", path=key)
    problem = {"path": key, "kind": "changed", "expected": None, "actual": error.kind}
    return damage(message, problems=[problem])
