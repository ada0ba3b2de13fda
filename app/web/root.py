"""The registry that the service serves: opened when its root is usable, watched while it serves."""

from __future__ import annotations

import logging
import threading
import time

from flask import current_app, has_request_context, request

from registry_core import AccessUnreadable, ModelRegistry, NotConfigured, RegistryError, StorageUnavailable

from ..config import OPEN, REQUIRED, Settings

log = logging.getLogger(__name__)


PATIENCE_S = 2.0  # of a request, for a registry that is still being opened
PROBED_FOR_S = 1.0  # so long a reader believes that the root can be read; whoever changes something asks anew
_READS = {"GET", "HEAD"}


class Root:
    """Opens the registry once, finishing what crashes left; a late mount needs no restart.

    A store that is away makes opening slow. Then it goes on in the background, so that the service
    lives, and says what it is waiting for.
    """

    def __init__(self, settings: Settings, registry: ModelRegistry | None) -> None:
        self._settings = settings
        self._registry = registry
        self._opening = threading.Lock()
        self._looking = threading.Lock()
        self._readable_until = 0.0  # time.monotonic()
        if registry is None and "://" in (settings.core.root or ""):
            threading.Thread(target=self._try, name="opening", daemon=True).start()
        else:
            self._try()

    def _try(self) -> None:
        try:
            self.registry()
        except RegistryError as error:
            log.warning("not ready: %s", error.message)

    @property
    def is_configured(self) -> bool:
        """Whether somebody said where the registry is; not whether it can be used."""
        return self._registry is not None or self._settings.core.root is not None

    def registry(self) -> ModelRegistry:
        """The registry, if its root can be read: now, and to a reader a second ago. Raises ``NotConfigured``."""
        registry = self._registry
        if registry is None:
            if not self._opening.acquire(timeout=PATIENCE_S):
                raise StorageUnavailable(
                    "The registry is still being opened, because its storage has not answered yet. Try again.",
                    retry_after_s=5,
                )
            try:
                registry = self._registry or self._open()
            finally:
                self._opening.release()
        if not (has_request_context() and request.method in _READS and time.monotonic() < self._readable_until):
            self._readable_until = 0.0  # where it cannot be read, the next reader asks too
            registry.probe(for_writing=False)
            self._readable_until = time.monotonic() + PROBED_FOR_S
        if self.is_required(registry):
            raise AccessUnreadable(
                "The registry is to be served to those only who say who they are, and this version of the service does "
                "not know who is calling, so it serves nobody. Serve it with a version that obeys rules of access."
            )
        return registry

    def is_required(self, registry: ModelRegistry) -> bool:
        """Whether callers must say who they are: as is set, or where nothing is, as the registry has rules."""
        auth = self._settings.identity.auth
        return auth == REQUIRED or (auth != OPEN and registry.is_ruled)

    @property
    def refresh_period_s(self) -> float:
        """How often the catalogue is looked after, so that it never gets older than its refresh time."""
        return max(1.0, self._settings.core.catalog_refresh_s / 2)

    def _open(self) -> ModelRegistry:
        registry = ModelRegistry.open(settings=self._settings.core)
        registry.check_guarantees()
        registry.identify()
        if registry.recovers_quickly:
            _recover(registry)
        else:
            threading.Thread(target=_recover, args=(registry,), name="recovery", daemon=True).start()
        self._registry = registry
        log.info("the registry is open")
        return registry

    def check_ready(self) -> int | None:
        """Bytes free where a register could be taken now. Raises ``NotConfigured`` otherwise."""
        registry = self.registry()
        if not self._looking.acquire(timeout=PATIENCE_S):
            raise StorageUnavailable("The storage has not answered the last such question yet.", retry_after_s=5)
        try:
            registry.check_root()
        finally:
            self._looking.release()
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
