"""How a registry comes to be opened, made, and given its id."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import replace
from typing import Self

from ..format.layout import is_package
from ..settings import CoreSettings
from ..storage import Storage, open_storage
from ..vocabulary.errors import NotConfigured, StorageError
from .opening import OpenedRegistry

log = logging.getLogger(__name__)


class BeginningVerbs(OpenedRegistry):
    """What is asked once, before anything else."""

    @classmethod
    def open(
        cls,
        root: str | os.PathLike[str] | None = None,
        *,
        settings: CoreSettings | None = None,
        storage: Storage | None = None,
    ) -> Self:
        """A registry whose root is there, usable, and of a format that this software knows.

        ``root`` is a directory (or a storage URI); by default, and for every other setting, the
        ``OMNIBIOAI_MODEL_REGISTRY_*`` environment. ``storage`` takes the place of the one that the
        root names. Opening writes nothing. Raises ``NotConfigured`` saying what is wrong.
        """
        settings, storage = _opened(root, settings, storage)
        registry = cls(storage, settings)
        registry.probe(for_writing=False)
        registry.check_root()
        return registry

    @classmethod
    def init(
        cls,
        root: str | os.PathLike[str] | None = None,
        *,
        settings: CoreSettings | None = None,
        storage: Storage | None = None,
    ) -> Self:
        """As :meth:`open`, of a root that is a registry from now on, whatever ``settings.create`` says.

        A directory that is not there is made, if the one above is. A root that has an id keeps it; else it gets
        ``settings.id``, or a new one. Raises ``NotConfigured``, ``StorageError``.
        """
        settings, storage = _opened(root, settings, storage)
        if settings.root and "://" not in settings.root:
            with suppress(OSError):  # what is wrong is said below
                os.mkdir(settings.root, 0o775)
        new = cls(storage, replace(settings, create=True, id=None))
        new.probe()
        new.check_guarantees()
        new._identity.make(settings.id)
        return cls.open(settings=settings, storage=storage)

    def identify(self) -> None:
        """The root has an id, if it may be given one and can be written to. Called by a service before it answers."""
        from . import ahead  # noqa: F401 - see there

        if self._settings.create and self.id is None:
            try:
                self.probe()
                self._identity.before_change()
            except (NotConfigured, StorageError) as error:
                log.warning("the root has no id yet: %s", error.message)


def _opened(
    root: str | os.PathLike[str] | None, settings: CoreSettings | None, storage: Storage | None
) -> tuple[CoreSettings, Storage]:
    """The settings with the root in them, and its storage. Raises ``NotConfigured``."""
    settings = settings or CoreSettings.from_env()
    if root is not None:
        settings = replace(settings, root=os.fspath(root))
    if storage is None:
        if not settings.root:
            raise NotConfigured(
                "No registry root is configured. Set OMNIBIOAI_MODEL_REGISTRY_ROOT to its directory.",
                reason="root_not_set",
            )
        storage = open_storage(settings.root, settings.storage, is_package)
    return settings, storage
