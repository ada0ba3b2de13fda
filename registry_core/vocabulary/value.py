"""What every value that a verb gives can do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


class Value:
    def to_dict(self) -> dict[str, Any]:
        """The value as JSON types, in the form of the HTTP contract."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]
