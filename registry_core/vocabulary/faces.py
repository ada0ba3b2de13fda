"""The face of a package whose names are imported when they are first asked for: who wants few pays for no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def face(package: dict[str, Any], places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of the package whose globals these are.

    ``places``: each name -> the module below the package that it is, or ``module:name`` of what it is in there.
    """
    title = package["__name__"]

    def found(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {title!r} has no attribute {name!r}")
        module, _, inside = places[name].partition(":")
        value = import_module(f".{module}", title)
        package[name] = value = getattr(value, inside) if inside else value
        return value

    def names() -> list[str]:
        return sorted({*package, *places})

    return found, names
