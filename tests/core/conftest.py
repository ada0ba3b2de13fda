"""How the property tests run: no time limit an example (two cores are shared), nothing kept in the working tree.

CI tries the same examples each time, so that a change is judged by itself; elsewhere they are new each time.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("registry", deadline=None, database=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("registry")
