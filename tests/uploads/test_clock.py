"""A clock that jumps, or is another than the storage's, sweeps no fresh upload and no attempt under way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry
from registry_core.storage.memory.root import MemoryStorage

DAYS_S = 30 * 24 * 3600.0


def test_a_clock_that_jumps_ahead_sweeps_no_fresh_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path)))
    upload = registry.begin_upload("t", "m").upload_id
    (tmp_path / ".staging" / "attempt" / "package").mkdir(parents=True)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + DAYS_S)
    assert registry.sweep().removed == []
    registry.begin_upload("t", "m")
    assert registry.upload(upload).upload_id == upload


class Behind(MemoryStorage):
    """A storage whose own clock is a month behind this host's."""

    def now(self) -> float | None:
        return time.time() - DAYS_S


@pytest.mark.parametrize(("kind", "swept"), [(MemoryStorage, 1), (Behind, 0)])
def test_an_upload_is_old_by_the_storage_s_own_clock_too(kind: type[MemoryStorage], swept: int) -> None:
    storage = kind()
    registry = ModelRegistry.open("memory://", settings=CoreSettings(), storage=storage)
    registry.begin_upload("t", "m")
    for session in storage.state.sessions.values():
        session.active_s = time.time() - 20 * 24 * 3600.0
    assert len(registry.sweep().removed) == swept
