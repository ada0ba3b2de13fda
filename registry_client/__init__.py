"""The registry from afar: ``RegistryClient`` has the verbs of ``ModelRegistry`` over HTTP; and the command ``omr``.

>>> client = RegistryClient("http://registry:8095")                          # doctest: +SKIP
>>> client.pull("celltype", "human_pbmc@production", "/models/pbmc").version  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import RegistryClient

__all__ = ["RegistryClient"]

if not TYPE_CHECKING:  # a type checker would take any name for one that is here

    def __getattr__(name: str) -> Any:
        # Only when it is wanted: the command line on a directory needs no HTTP library.
        if name in __all__:
            from .client import RegistryClient

            return RegistryClient
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
