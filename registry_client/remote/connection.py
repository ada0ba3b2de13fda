"""What the verbs of ``RegistryClient`` share: the transport, and how fields are sent and answers read."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from .answers import read
from .bodies import object_of
from .transport import Transport

T = TypeVar("T")


@dataclass(frozen=True)
class Health:
    """The service answers; says nothing about its storage."""

    service: str
    version: str
    registry_root_configured: bool


class Connected:
    """A registry's address. Nothing is sent before the first verb."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def url(self) -> str:
        """The registry's address, without a password."""
        return self._transport.url

    @property
    def transport(self) -> Transport:
        """What calls go through; for the modules of this package."""
        return self._transport

    def close(self) -> None:
        """The connections are closed."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def health(self) -> Health:
        """The service lives. Raises ``StorageUnavailable`` if it does not."""
        return self._get(Health, "/health")

    def _get(self, kind: type[T], path: str, *, patient: bool = False, **query: Any) -> T:
        return read(kind, self._get_json(path, patient=patient, **query))

    def _get_json(self, path: str, *, patient: bool = False, **query: Any) -> dict[str, Any]:
        return object_of(self._transport.call("GET", path, query=query, patient=patient))
