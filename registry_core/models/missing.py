"""What is said where there is no version of a name."""

from __future__ import annotations

from typing import NoReturn

from ..format.layout import ModelKeys
from ..vocabulary.errors import VersionNotFound
from ..vocabulary.texts import check_new_name, is_name, printable


def no_version(keys: ModelKeys, version: str | None) -> NoReturn:
    """Raises ``VersionNotFound``, or ``InvalidName`` for what can be no version's name."""
    if not isinstance(version, str) or not is_name(version):
        check_new_name("version", version)
    raise VersionNotFound(
        f"{keys.title} has no version {printable(version)!r}.",
        task=keys.task,
        model_name=keys.model_name,
        version=printable(version),
    )
