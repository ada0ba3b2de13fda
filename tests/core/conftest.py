"""How the property tests run: no time limit an example (two cores are shared), nothing kept in the working tree."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("registry", deadline=None, database=None, print_blob=True)
settings.load_profile("registry")
