"""The contracts as test suites: what every storage keeps, and what every way into the registry keeps."""

import pytest

# Their modules are no test modules by name, so pytest would not show what an assertion compared.
for _name in (
    "storage",
    "uploads",
    "racing",
    "adapters",
    "place",
    "registering",
    "reading",
    "promoting",
    "operating",
    "governing",
    "deleting",
):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")
