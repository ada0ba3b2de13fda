"""An opened registry: its root, and how the verbs find a model and a version in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Self

from ..catalogue.catalogue import Catalogue, catalogue_path
from ..format.layout import FORMAT, REGISTRY, is_package
from ..models.gate import Gate
from ..models.model import Found, ModelStore, all_models, open_model
from ..models.timeline import Moment
from ..models.visible import Everything, Visible
from ..settings import CoreSettings
from ..storage import Storage, open_storage
from ..storage.contract import KeyNotFound
from ..verbs import resolution
from ..vocabulary.answers import Verification
from ..vocabulary.errors import NotConfigured
from ..vocabulary.names import parse_ref
from ..vocabulary.progress import ProgressCallback


class OpenedRegistry:
    """A root that is there, usable, and of a format that this software knows."""

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._gate: Gate | None = None
        self._visible: Visible = Everything()
        self._directory = settings.root if settings.root and "://" not in settings.root else None
        self._catalogue = Catalogue(storage, catalogue_path(settings), settings.catalog_refresh_s)

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
        registry = cls(storage, settings)
        registry.probe(for_writing=False)
        registry.check_format()
        return registry

    def probe(self, *, for_writing: bool = True) -> int | None:
        """Bytes free (None: no limit known) of a root that is there and writable, or at least readable.

        Costs no request to an object store, and writes nothing. Raises ``NotConfigured``.
        """
        return self._storage.probe(for_writing=for_writing)

    def check_format(self) -> None:
        """The root answers, and its format is one that this software knows.

        Raises ``NotConfigured``, ``StorageUnavailable``.
        """
        try:
            found = json.loads(self._storage.documents.read(REGISTRY).data)
            known = isinstance(found, dict) and found.get("format") == FORMAT
        except KeyNotFound:
            known = True  # empty, or written by older software
        except (ValueError, RecursionError):
            known = False
        if not known:
            raise NotConfigured(
                f"The root's {REGISTRY} does not say format {FORMAT}, the one that this version reads. "
                "Use the software that wrote it, or restore the file.",
                reason="unknown_format",
            )

    def check_guarantees(self) -> None:
        """The storage does what the registry builds on; asked before the first change anyway.

        Raises ``NotConfigured`` naming what it lacks.
        """
        self._storage.check_guarantees()

    @property
    def recovers_quickly(self) -> bool:
        """Whether :meth:`recover` is a matter of a moment, so that a service may wait for it."""
        return self._storage.documents.looks_are_cheap()

    # shared by the verbs

    def _model(self, task: str, model_name: str) -> ModelStore:
        return open_model(self._storage, task, model_name, self._settings.lock_timeout_s, self._catalogue.touch)

    def _models(self) -> Iterator[ModelStore]:
        return all_models(self._storage, self._settings.lock_timeout_s, self._catalogue.touch)

    def _find(self, task: str, ref: str) -> Found:
        parsed = parse_ref(ref)
        return resolution.find(self._model(task, parsed.model_name), parsed.selector)

    def _find_then(self, task: str, ref: str, as_of: str | datetime) -> tuple[Found, Moment]:
        parsed = parse_ref(ref)
        return resolution.find_then(self._model(task, parsed.model_name), parsed.selector, as_of)

    def _prove(self, found: Found, progress: ProgressCallback | None) -> Verification:
        return resolution.prove(found, self._settings.workers, progress)
