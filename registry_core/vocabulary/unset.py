"""``UNSET``: a parameter that was not given, where None is a value of its own."""

from __future__ import annotations


class Unset:
    """The caller said nothing about it (``None`` would mean "there must be none")."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()
