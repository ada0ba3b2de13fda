"""The registry contract as a test suite: every verb, the same for every way in and every storage.

A way in subclasses :class:`RegistryContract` with the fixture ``place``. New verbs come as a mixin module
of their own, and as methods of the adapters.
"""

from __future__ import annotations

import pytest

from .deleting import Deleting
from .governing import Governing
from .operating import Operating
from .place import Place
from .promoting import Promoting
from .reading import Reading
from .registering import Registering
from .running import Running


class RegistryContract(Registering, Reading, Promoting, Operating, Governing, Deleting, Running):
    """All that a caller can rely on."""

    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    @pytest.fixture
    def two_versions(self, place: Place) -> Place:
        """The model with the versions 1 (``latest``) and 2."""
        place.register("1", actor="ada", reason="first")
        place.register("2", set_alias=None)
        return place
