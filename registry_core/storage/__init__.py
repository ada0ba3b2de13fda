"""Storages: :mod:`.base` is the contract, :func:`open_storage` the only way to a backend."""

from __future__ import annotations

from .base import Storage

__all__ = ["Storage", "open_storage"]


def open_storage(root: str) -> Storage:
    """The storage that ``root`` names: a directory, or ``memory://NAME`` for tests.

    Touches nothing; ``Storage.probe`` says whether the root is usable. Raises ``NotConfigured``
    for a scheme that this build does not know.
    """
    scheme, separator, rest = root.partition("://")
    if not separator:
        from .filesystem import FilesystemStorage

        return FilesystemStorage(root)
    if scheme == "memory":
        from .memory import MemoryStorage

        return MemoryStorage.named(rest)
    from ..errors import NotConfigured

    raise NotConfigured(
        f"The registry root has the scheme {scheme!r}, which this version cannot open. Use the path of a directory.",
        reason="unknown_scheme",
    )
