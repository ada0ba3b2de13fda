"""What is code by its name, whatever it holds: whoever has it is about to run it."""

from __future__ import annotations

import re

_CODE = re.compile(r"\.(?:py|pyc|pyo|pyw|pyd|so(?:\.[0-9]+)*|dll|dylib|r|rds|rda|rdata)\Z", re.IGNORECASE)


def suffix_of_code(path: str) -> str | None:
    """The suffix by which the file is code; None where it has none of these."""
    found = _CODE.search(path.rpartition("/")[2])
    return found[0] if found is not None else None
