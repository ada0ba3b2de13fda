"""The registry that the service serves: opened when its root is usable, watched while it serves."""

from __future__ import annotations

import logging
import threading

from flask import current_app

from registry_core import ModelRegistry, NotConfigured, RegistryError

from .config import Settings

log = logging.getLogger(__name__)


class Root:
    """Opens the registry once, finishing what crashes left; a late mount needs no restart."""

    def __init__(self, settings: Settings, registry: ModelRegistry | None) -> None:
        self._settings = settings
        self._registry = registry
        self._lock = threading.Lock()
        try:
            self.registry()
        except RegistryError as error:
            log.warning("not ready: %s", error.message)

    @property
    def is_configured(self) -> bool:
        """Whether somebody said where the registry is; not whether it can be used."""
        return self._registry is not None or self._settings.core.root is not None

    def registry(self) -> ModelRegistry:
        """The registry, if its root is usable now. Raises ``NotConfigured`` with the reason."""
        registry = self._registry
        if registry is None:
            with self._lock:
                registry = self._registry or self._open()
        registry.probe()
        return registry

    def _open(self) -> ModelRegistry:
        registry = ModelRegistry.open(settings=self._settings.core)
        registry.check_guarantees()
        if registry.recovers_quickly:
            _recover(registry)
        else:
            threading.Thread(target=_recover, args=(registry,), name="recovery", daemon=True).start()
        self._registry = registry
        return registry

    def check_ready(self) -> int | None:
        """Bytes free where a register could be taken now. Raises ``NotConfigured`` otherwise."""
        registry = self.registry()
        registry.check_format()
        free = registry.probe()
        if free is not None and free < self._settings.min_free_bytes:
            raise NotConfigured(
                f"The registry's storage has {free} bytes left; {self._settings.min_free_bytes} are the minimum.",
                reason="storage_low",
                free_bytes=free,
            )
        return free


def _recover(registry: ModelRegistry) -> None:
    try:
        for model in registry.recover():
            log.info("finished what a crash had left in %s", model)
    except RegistryError as error:
        log.error("recovery broke off: %s", error.message)


def current_root() -> Root:
    root: Root = current_app.extensions["root"]
    return root


def current_registry() -> ModelRegistry:
    """The registry of the running application. Raises ``NotConfigured``."""
    return current_root().registry()
