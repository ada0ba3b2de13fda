"""What pages ask of an object store: whether there is anything new, since the index has what they show."""

from __future__ import annotations

from pathlib import Path

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry

from ..app.pages.standing_in import stand_in
from ..app.pages.visiting import Visitor
from ..support.packages import write_files
from ..support.proxy import FaultyProxy
from .test_costs import environment, proxy, root  # noqa: F401 - fixtures are asked for by their names

TASK, MODEL = "celltype", "human_pbmc"
PAGE = f"/ui/models/{TASK}/{MODEL}"
PAGES = (PAGE, f"{PAGE}?metric=loss", f"{PAGE}/history", f"{PAGE}/history?as_of=2001-02-03")
MOST = 1  # within the time after which the index looks for what others have written


def test_a_page_of_a_model_asks_for_little_however_much_it_shows(
    proxy: FaultyProxy,  # noqa: F811
    root: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    there = CoreSettings.from_env(environment(proxy.url))
    core = CoreSettings(**{**vars(there), "root": root, "catalog_dir": str(tmp_path), "catalog_refresh_s": 3600.0})
    registry = ModelRegistry.open(root, settings=core)
    source = write_files(tmp_path / "source", {"w": b"w"})
    for number in range(12):
        registry.register(TASK, MODEL, f"1.{number}", source, {"metrics": {"loss": number, "f1": number / 20}})
        registry.promote(TASK, MODEL, f"alias-{number}", f"1.{number}")
    registry.promote(TASK, MODEL, "production", "1.3", actor="ada", reason="why")
    visit = Visitor(stand_in(create_app(Settings(core=core, threads=2), registry)).test_client())
    visit.get(PAGE)
    for path in PAGES:
        proxy.clear()
        assert "1.11" in visit.get(path).words
        asked = [f"{request.method} {request.target}" for request in proxy.passed]
        assert len(asked) <= MOST, asked
