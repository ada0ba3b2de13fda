"""What the pages for persons cost the service over a large registry: CPU, bytes and nodes of each."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from app import create_app
from app.config import Settings
from registry_core import CoreSettings

from ..counting import Meter
from ..long_model import MODEL, TASK, Size, write_tree
from ..machine import scratch
from ..scale import Places, Scale
from ..tables import Row, Table

CPU_MOST_MS, SENT_MOST_KB, NODES_MOST = 30.0, 20.0, 1_500
OF_MODEL = f"/ui/models/{TASK}/{MODEL}"
PAGES = {
    "home": "/ui/",
    "home, searched": "/ui/?q=long",
    "model": OF_MODEL,
    "history": f"{OF_MODEL}/history",
    "activity": "/ui/activity",
    "version": f"{OF_MODEL}/versions/v1",
    "compare": f"{OF_MODEL}/compare?v=v1&v=v2",
    "promote": f"{OF_MODEL}/promote?alias=production&version=v2",
}
REMARKS = ("CPU of the request in the service's process, the least of some; bytes as gzip sends them.",)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, over a registry of ``scale.versions`` versions: nineteen in twenty are of one model."""
    others = scale.versions // 20
    size = Size(events=scale.versions + scale.versions // 5, versions=scale.versions - others, models=others + 1)
    with scratch(places.main) as top:
        write_tree(top, size)
        service = create_app(Settings(core=CoreSettings(root=str(top)), threads=8))
        visitor, meter = service.test_client(), Meter()
        registry = service.extensions["root"].registry()
        registry.promote(TASK, MODEL, "production", "v1")  # from its first change on a journal has its index
        registry.reindex()
        rows: list[Row] = []
        for name, path in PAGES.items():
            page = visitor.get(path, headers={"Accept": "text/html"})
            if page.status_code != 200:
                raise SystemExit(f"{path} was answered {page.status_code}")
            cost = meter.typical(lambda path=path: visitor.get(path), calls=scale.calls, most_s=scale.verb_s)
            sent_kb = len(gzip.compress(page.get_data(), 6)) / 1000
            rows += [
                Row(f"{name}, CPU", cost.cpu_s * 1000, "ms", CPU_MOST_MS),
                Row(f"{name}, sent", sent_kb, "kB", SENT_MOST_KB),
                Row(f"{name}, elements", page.text.count("<") - page.text.count("</"), "", NODES_MOST),
            ]
    title = f"pages of a registry of {scale.versions:,} versions, {size.versions:,} of one model"
    yield Table(title, rows, REMARKS)
