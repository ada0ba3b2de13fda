"""Storages: whatever holds the keys, the same holds; :func:`open_storage` is the only way to one.

``contract`` is the contract, of ``documents``, ``packages`` and ``uploads``, which take and give ``values``. What
storages share is how files are held (``locks``, ``process_locks``), synced (``syncing``) and shared (``cloning``).
"""

from __future__ import annotations

from collections.abc import Callable

from ..vocabulary.errors import NotConfigured
from .contract import Storage, StorageOptions

__all__ = ["Storage", "StorageOptions", "open_storage"]


def open_storage(root: str, options: StorageOptions, is_package: Callable[[str], bool]) -> Storage:
    """The storage that ``root`` names: a directory; ``s3://``, ``gs://`` or ``az://``; ``memory://NAME``.

    ``is_package`` says which keys are packages, to a storage that cannot see it. Touches nothing;
    ``Storage.probe`` says whether the root is usable. Raises ``NotConfigured``
    for a scheme that this build does not know.
    """
    scheme, separator, rest = root.partition("://")
    if not separator:
        from .filesystem.tree import FilesystemStorage

        return FilesystemStorage(root)
    if scheme == "memory":
        from .memory.root import MemoryStorage

        return MemoryStorage.named(rest)
    if scheme in ("s3", "gs", "az"):
        try:
            from .object_store.store import ObjectStorage
        except ImportError:
            raise NotConfigured(
                "A root on an object store needs the obstore library: "
                "install the extra 'object-store', as with pip install '.[object-store]'.",
                reason="obstore_missing",
            ) from None
        return ObjectStorage(root, options, is_package)

    raise NotConfigured(
        f"The registry root has the scheme {scheme!r}, which this version cannot open. "
        "Use the path of a directory, or s3://, gs:// or az://.",
        reason="unknown_scheme",
    )
