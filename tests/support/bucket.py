"""What is asked of an object store, counted where it leaves for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from registry_core.storage.object_store.bucket import Bucket


def count_requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each kind of request is made from now on, of this process."""
    counted: Counter[str] = Counter()

    def counting(name: str) -> Callable[..., Any]:
        real = getattr(Bucket, name)

        def call(*arguments: Any, **named: Any) -> Any:
            counted[name] += 1
            return real(*arguments, **named)

        return call

    for name in ("read", "put", "delete", "level", "objects"):
        monkeypatch.setattr(Bucket, name, counting(name))
    return counted
