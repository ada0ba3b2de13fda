"""The clients over a registry on an object store: the store itself sends the bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry

from ..support.packages import write_files
from ..support.proxy import faulty_proxy
from ..support.seaweed import Seaweed, environment
from ..support.servers import gunicorn
from .conftest import FILES, MODEL, ODD, REPO, TASK
from .generations import Generation

pytestmark = pytest.mark.slow


def test_a_snapshot_and_a_file(
    seaweed: Seaweed, client: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = seaweed.new_root()
    with faulty_proxy(seaweed.endpoint) as store:
        settings = environment(store.url)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        registry = ModelRegistry.open(root, settings=CoreSettings.from_env(settings))
        registry.register(TASK, MODEL, "1", write_files(tmp_path / "source", FILES))
        with gunicorn(root, env=settings) as server:
            user = client.environment(f"{server.url}/hf", tmp_path / "home")
            store.clear()
            top = Path(client.run("snapshot", user, repo=REPO, revision="latest"))
            signed = [passed for passed in store.passed if "X-Amz-Signature" in passed.target]
            assert signed, "no byte came from the store"
            other = client.environment(f"{server.url}/hf", tmp_path / "other")
            file = client.run("download", other, repo=REPO, file=ODD, revision="latest")
    assert {path: (top / path).read_bytes() for path in FILES} == FILES
    assert Path(file).read_bytes() == FILES[ODD]
