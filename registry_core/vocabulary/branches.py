"""What every failure of the registry is, and the branches of the tree that ``errors`` draws."""

from __future__ import annotations

from typing import Any, ClassVar


class RegistryError(Exception):
    """One failure: a stable ``code``, a sentence for a person, and fields for a program.

    ``detail`` holds JSON values only, so that every edge can render it as it is.
    """

    code: ClassVar[str] = "registry_error"
    title: ClassVar[str] = "The registry could not do this"

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class InvalidInput(RegistryError):
    """The request can never succeed as it stands; nothing was stored."""


class NotFound(RegistryError):
    """The thing named is not in the registry."""


class Conflict(RegistryError):
    """The registry's present state forbids the change; nothing was changed."""


class IntegrityError(RegistryError):
    """Bytes are not what a digest says they are."""


class StorageError(RegistryError):
    """The storage failed. ``committed`` in the detail says that the change stands all the same."""
