"""Storages: :mod:`.contract` is the contract, :func:`open_storage` the only way to a backend."""

from __future__ import annotations

from ..vocabulary.errors import NotConfigured
from .contract import Storage, StorageOptions
from .incoming import UPLOADS, Held, Incoming, UploadSpace

__all__ = ["UPLOADS", "Held", "Incoming", "Storage", "StorageOptions", "UploadSpace", "open_storage", "open_uploads"]


def open_storage(root: str, options: StorageOptions = StorageOptions()) -> Storage:  # noqa: B008 - frozen
    """The storage that ``root`` names: a directory; ``s3://``, ``gs://`` or ``az://``; ``memory://NAME``.

    Touches nothing; ``Storage.probe`` says whether the root is usable. Raises ``NotConfigured``
    for a scheme that this build does not know.
    """
    scheme, separator, rest = root.partition("://")
    if not separator:
        from .filesystem.tree import FilesystemStorage

        return FilesystemStorage(root)
    if scheme == "memory":
        from .memory import MemoryStorage

        return MemoryStorage.named(rest)
    if scheme in ("s3", "gs", "az"):
        try:
            from .object_store.store import ObjectStorage
        except ImportError:
            raise NotConfigured(
                "A root on an object store needs the obstore library: "
                "pip install 'omnibioai-model-registry[object-store]'.",
                reason="obstore_missing",
            ) from None
        return ObjectStorage(root, options)

    raise NotConfigured(
        f"The registry root has the scheme {scheme!r}, which this version cannot open. "
        "Use the path of a directory, or s3://, gs:// or az://.",
        reason="unknown_scheme",
    )


def open_uploads(storage: Storage) -> UploadSpace:
    """Where uploads to the root of the storage wait. Touches nothing. Raises ``NotConfigured``."""
    from .filesystem.tree import FilesystemStorage

    if isinstance(storage, FilesystemStorage):
        from .filesystem.uploads import FilesystemUploads

        return FilesystemUploads(storage.root)
    if not storage.has_locks:
        from .object_store.store import ObjectStorage

        if isinstance(storage, ObjectStorage):
            return storage.uploads()
    raise NotConfigured("This kind of registry root takes no uploads.", reason="no_uploads")
