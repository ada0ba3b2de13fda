"""The registry that the service serves: opened when its root is usable, watched while it serves."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

from flask import Flask, current_app, g, has_request_context, request

from registry_core import (
    ANONYMOUS,
    Caller,
    ModelRegistry,
    NotConfigured,
    PermissionDenied,
    RegistryError,
    StorageUnavailable,
)

from ..config import OPEN, PREFIX, REQUIRED, Settings
from .needs import Need

log = logging.getLogger(__name__)


PATIENCE_S = 2.0  # of a request, for a registry that is still being opened
PROBED_FOR_S = 1.0  # so long a reader believes that the root can be read; whoever changes something asks anew
_READS = {"GET", "HEAD"}
_ASKS = {
    REQUIRED: "callers are asked who they are",
    OPEN: "nobody is asked who is calling",
    None: "callers are asked who they are once there are rules of access or tokens",
}


class Root:
    """Opens the registry once, finishing what crashes left; a late mount needs no restart.

    A store that is away makes opening slow. Then it goes on in the background, so that the service
    lives, and says what it is waiting for.
    """

    def __init__(self, settings: Settings, registry: ModelRegistry | None) -> None:
        self._settings = settings
        self._registry = registry
        if registry is not None:
            registry.trust(settings.identity.issuers)
        self._opening = threading.Lock()
        self._looking = threading.Lock()
        self._readable_until = 0.0  # time.monotonic()
        self._was_required = settings.identity.auth == REQUIRED
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
        return registry

    def is_required(self, registry: ModelRegistry | None = None) -> bool:
        """Whether callers must say who they are: as is set, or where nothing is, as the registry has rules."""
        auth = self._settings.identity.auth
        registry = registry or self._registry
        is_required = auth == REQUIRED or (auth != OPEN and registry is not None and registry.is_ruled)
        self._was_required = is_required
        return is_required

    def seems_required(self) -> bool:
        """As :meth:`is_required`; where the registry cannot be asked, as it was last known.

        A request that was told so at its beginning is told the same to its end, and nothing is asked again.
        """
        if has_request_context() and (g.get("is_open") or was_asked_who_calls()):
            return was_asked_who_calls()
        with suppress(RegistryError):
            return self.is_required()
        return self._was_required

    def _identify(self) -> None:
        """Who calls is known before anything that was sent is parsed."""
        # None where there is no such route: whoever asks for one is asked, too.
        need: Need | None = current_app.extensions["needs"].get(request.endpoint)
        if request.method == "OPTIONS" or need is Need.OPEN:
            return
        try:
            is_required = self.is_required()
        except RegistryError:
            return  # the view's own question is answered with that
        if is_required:
            from .identity import require_somebody, view_of  # a service in open mode never enters it

            view_of(self._registry or self.registry())  # whether the root can be used the view asks when it wants it
            if need is not None and need.is_of_somebody:
                require_somebody()
        elif self._registry is not None:
            g.is_open = True

    def init_app(self, app: Flask) -> None:
        app.extensions["root"] = self
        app.before_request(self._identify)

    @property
    def refresh_period_s(self) -> float:
        """How often the catalogue is looked after, so that it never gets older than its refresh time."""
        return max(1.0, self._settings.core.catalog_refresh_s / 2)

    @property
    def publishes(self) -> bool:
        """Whether checkpoints of the log are published here: where there is a key."""
        return self._settings.core.log_key is not None

    @property
    def publish_period_s(self) -> float:
        """How often the log is looked after."""
        return self._settings.core.checkpoint_s

    def _open(self) -> ModelRegistry:
        registry = ModelRegistry.open(settings=self._settings.core)
        registry.check_guarantees()
        registry.trust(self._settings.identity.issuers)
        registry.identify()
        if registry.recovers_quickly:
            _recover(registry)
        else:
            threading.Thread(target=_recover, args=(registry,), name="recovery", daemon=True).start()
        self._registry = registry
        log.info("the root is open; %s", _ASKS[self._settings.identity.auth])
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
    """The registry of the running application, as the caller has it where callers say who they are.

    Raises ``NotConfigured``; and whatever says that nobody knows who calls, or what they may do.
    """
    root = current_root()
    registry = root.registry()
    if g.get("is_open") or not ("registry_view" in g or root.is_required(registry)):
        return registry
    from .identity import view_of

    return view_of(registry)


def governed_registry() -> ModelRegistry:
    """The registry as the caller has it, for whoever sets rules and makes tokens.

    Raises ``PermissionDenied`` where nobody is asked who calls: rules that anybody could set would shut out all others.
    """
    registry = current_registry()
    if not was_asked_who_calls():
        raise PermissionDenied(
            "This service asks nobody who is calling, so its callers set no rules, no trust and no policies, and make "
            "no tokens. Whoever has the root does, with the command 'omr --root'; "
            f"with {PREFIX}AUTH=required callers say who they are.",
            required={"action": "admin", "on": None, "alias": None},
        )
    return registry


def current_caller() -> Caller:
    """Who calls, as far as it was verified; ``anonymous`` where nobody is asked. Raises as :func:`current_registry`."""
    registry = current_registry()
    return registry.whoami() if was_asked_who_calls() else ANONYMOUS.told(is_admin=False)


def was_asked_who_calls() -> bool:
    """Whether the caller of the running request, who has been given the registry, had to say who it is."""
    return "registry_view" in g
