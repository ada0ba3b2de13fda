"""What the pages of a model and of a version cost in requests to the store, once the index has the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.access import held
from registry_core.registry import opening

from ..app.pages.visiting import Visitor
from ..support.packages import write_files
from ..support.proxy import faulty_proxy
from ..support.seaweed import Seaweed, environment
from .test_costs import Cost, _cost

ALIASES = 11  # of the model, latest among them
PAGE = "/ui/models/t/m/versions/2"
# Address -> the most that it costs once a process has seen the version; that takes 5 reads and a list more.
AT_MOST = {
    # All of it is in the index.
    "/ui/models/t/m": Cost(reads=1),  # whether there are policies, once in five seconds
    "/ui/models/t/m?metric=f1": Cost(),
    "/ui/models/t/m/history": Cost(),
    "/ui/models/t/m/history?as_of=2001-02-03": Cost(),
    PAGE: Cost(reads=6),
    f"{PAGE}?tab=files&path=README.md": Cost(reads=7),
    f"{PAGE}?tab=metrics": Cost(reads=9, lists=3),
    f"{PAGE}?tab=lineage": Cost(reads=12),
    f"{PAGE}?tab=evidence": Cost(reads=12, lists=2),
    f"{PAGE}?tab=integrity": Cost(reads=8, lists=1),  # the event itself and the next one: the index has no digest of it
    "/ui/models/t/m/compare?v=1&v=2": Cost(reads=23 + ALIASES, lists=10),
}


def test_a_page_costs_one_version_however_many_aliases_files_and_runs_there_are(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    for module in (held, opening):  # what each process looks at every few seconds is no page's
        monkeypatch.setattr(module, "LOOK_EVERY_S", 3600.0)
    files = {"README.md": b"# m", **{f"shard-{n:03d}": b"%d" % n for n in range(300)}}
    source = write_files(tmp_path / "package", files)
    with faulty_proxy(seaweed.endpoint) as proxy:
        settings = CoreSettings.from_env(environment(proxy.url))
        apart = {"catalog_dir": str(tmp_path / "catalogue"), "catalog_refresh_s": 3600.0}
        registry = ModelRegistry.open(seaweed.new_root(), settings=replace(settings, **apart))
        for version in ("1", "2", "3"):
            for run in range(5):
                registry.log_metric("t", "m", f"run{version}{run}", "loss", run / 7)
            said = {"run_id": f"run{version}0", "parent_version": str(int(version) - 1)}
            registry.register("t", "m", version, source, said)
        for alias in "abcdefghij":
            registry.promote("t", "m", alias, "2")
        registry.refresh_catalogue()
        visit = Visitor(create_app(Settings(threads=8), registry).test_client())
        first = None
        for path, most in AT_MOST.items():
            costs = []
            for _ in range(2):
                proxy.clear()
                visit.get(path)
                costs.append(_cost(proxy.passed))
            first = costs[0] if path == PAGE else first
            assert costs[1] <= most, (path, costs)
        assert first is not None
        assert first <= Cost(reads=12, lists=1)
