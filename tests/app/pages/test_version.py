"""The page of a version: every tab whole, within its bounds, and true of versions that are gone, damaged or bare."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.pages.version import TABS
from registry_core import ModelRegistry

from ...support.packages import write_files
from .hostile import LONG, SCRIPTS
from .visiting import Visitor

MOST_NODES, MOST_BYTES = 1_500, 20_000
PAGE = "/ui/models/celltype/human_pbmc/versions/3.1.1"
README = b"# PBMC\n\n[files](eval/per_label.csv) ![figure](figures/umap.png)\n\n" + "\n\n".join(SCRIPTS).encode()
FILES = {
    "README.md": README,
    "eval/per_label.csv": b"label,f1\nNK,0.942\n<script>alert(1)</script>,1\n",
    "eval/notes.ipynb": b'{"cells":[{"source":"<img src=x onerror=alert(1)>"}]}',
    "figures/umap.png": b"\x89PNG\r\n\x1a\n",
    "figures/umap.svg": b"<svg onload=alert(1)>",
    "model.pkl": b"cos\nsystem\n(S'x'\ntR.",
    "noise": b"\x00\xff",
}
META = {
    "metrics": {"accuracy": 0.9573, "cells": 129491},
    "dataset": "dvc:celltype/atlas",
    "parent_version": "3.1.0",
    "run_id": "4a601e67",
    "params": {"lr": 0.0005},
    "</script><script>alert(1)</script>": "<b onclick=x>",
}
REASON = 'reviewed </p><script>alert("why")</script>'


@pytest.fixture
def version(registry: ModelRegistry, tmp_path: Path) -> None:
    source = write_files(tmp_path / "source", FILES)
    registry.register("celltype", "human_pbmc", "3.1.0", source, {}, actor="nightly", reason="first")
    points = [{"key": key, "value": step / 7, "step": step} for step in range(40) for key in ("loss", "acc<b>")]
    registry.log_batch("celltype", "human_pbmc", "4a601e67", metrics=points, params={"epochs": 60})
    registry.register("celltype", "human_pbmc", "3.1.1", source, META, actor="nightly", reason=REASON)
    registry.promote("celltype", "human_pbmc", "production", "3.1.0", actor="hana", reason=REASON)


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    "query", ["", *(f"?tab={tab}" for tab in TABS), "?tab=none", *(f"?tab=files&path={name}" for name in FILES)]
)
def test_each_tab_is_whole_and_within_bounds(visit: Visitor, query: str) -> None:
    page = visit.get(PAGE + query)
    assert page.nodes < MOST_NODES
    assert page.sent_bytes < MOST_BYTES
    assert "<script>alert" not in page.text
    assert "3.1.1" in page.words
    assert f"Registered just now by nightly : {REASON}" in page.words
    here = [link for link in page.links if link.startswith("/ui/models")]
    for link in here:
        if "/promote" not in link and "/compare" not in link:
            assert visit.client.get(link, headers={"Accept": "text/html"}).status_code == 200, link


@pytest.mark.usefixtures("version")
def test_tabs_show_what_people_look_for(visit: Visitor) -> None:
    card = visit.get(PAGE)
    assert 'src="/ui/raw/celltype/human_pbmc/3.1.1/figures/umap.png"' in card.text
    assert f"{PAGE}?tab=files&path=eval/per_label.csv" in card.links
    assert "0.9573" in card.words
    assert "Dataset dvc:celltype/atlas" in card.words
    assert f"{PAGE.replace('3.1.1', '3.1.0')}" in card.links
    assert "/v1/archive/celltype/human_pbmc/3.1.1" in card.links
    assert "NK 0.942" in visit.get(f"{PAGE}?tab=files&path=eval/per_label.csv").words
    assert "onerror=alert(1)" in visit.get(f"{PAGE}?tab=files&path=eval/notes.ipynb").words
    assert 'class="preview"' in visit.get(f"{PAGE}?tab=files&path=figures/umap.png").text
    assert "never loaded here" in visit.get(f"{PAGE}?tab=files&path=model.pkl").words
    assert "never loaded here" in visit.get(f"{PAGE}?tab=files&path=noise").words
    metrics = visit.get(f"{PAGE}?tab=metrics")
    assert "loss over 40 points: from 0 to 5.5714; lowest 0, highest 5.5714." in metrics.text
    assert "acc&lt;b&gt; over 40 points" in metrics.text
    assert "129,491" in metrics.words
    assert "epochs 60 lr 0.0005" in metrics.words
    lineage = visit.get(f"{PAGE}?tab=lineage")
    assert f"{PAGE.replace('3.1.1', '3.1.0')}?tab=lineage" in lineage.links
    assert "No version of this model names this one" in lineage.words
    assert "Made of it 3.1.1" in visit.get(f"{PAGE.replace('3.1.1', '3.1.0')}?tab=lineage").words
    integrity = visit.get(f"{PAGE}?tab=integrity")
    assert "has this digest" in integrity.words
    assert "sha256sum -c sha256sums.txt" in integrity.words
    assert "omr --url http://localhost verify celltype human_pbmc@3.1.1" in integrity.words


@pytest.mark.usefixtures("version")
def test_an_alias_leads_to_the_version_that_it_names(visit: Visitor) -> None:
    answer = visit.client.get(PAGE.replace("3.1.1", "production"))
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE.replace("3.1.1", "3.1.0"))
    visit.get(PAGE.replace("3.1.1", "9"), 404)


@pytest.mark.usefixtures("version")
def test_one_that_is_archived_or_deleted_says_so(visit: Visitor, registry: ModelRegistry) -> None:
    registry.promote("celltype", "human_pbmc", "latest", "3.1.0", actor="hana", reason="r")
    registry.stage("celltype", "human_pbmc", "3.1.1", "archived", actor="hana", reason="r")
    assert "This version is archived" in visit.get(PAGE).words
    registry.delete("celltype", "human_pbmc", "3.1.1", actor="hana", reason=REASON)
    gone = visit.get(PAGE, 404)
    assert f"Why {REASON}" in gone.words
    assert "It can be restored" in gone.words
    registry.purge(0)
    assert "Its bytes are gone for good" in visit.get(PAGE, 404).words


def test_one_without_a_card_files_or_numbers_says_what_to_write(
    visit: Visitor, registry: ModelRegistry, tmp_path: Path
) -> None:
    registry.register("t", "m", "1", write_files(tmp_path / "bare", {"model.pt": b"x"}))
    page = "/ui/models/t/m/versions/1"
    assert "This version has no README.md" in visit.get(page).words
    assert "metrics.json beside the weights" in visit.get(f"{page}?tab=metrics").words
    assert "names no run" in visit.get(f"{page}?tab=metrics").words
    assert "no file of that name" in visit.get(f"{page}?tab=files&path=../x").words


def test_ten_thousand_files_make_no_larger_page(visit: Visitor, registry: ModelRegistry, tmp_path: Path) -> None:
    names = {f"shard-{n % 97}/{'part' * 9}-{n:05d}.bin": b"%d" % n for n in range(10_000)}
    registry.register("t", "m", "1", write_files(tmp_path / "many", {**names, "README.md": b"# m"}))
    for query in (
        "",
        "&from=9900",
        "&match=7.bin",
        "&path=shard-7/x",
        f"&path={next(iter(names))}",
        "&from=x&match=%00",
    ):
        page = visit.get(f"/ui/models/t/m/versions/1?tab=files{query}")
        assert page.nodes < MOST_NODES
        assert page.sent_bytes < MOST_BYTES
    assert "10,003" in visit.get("/ui/models/t/m/versions/1").words


@pytest.mark.parametrize("text", LONG)
def test_no_readme_makes_a_page_larger_than_its_bounds(
    visit: Visitor, registry: ModelRegistry, tmp_path: Path, text: str
) -> None:
    registry.register("t", "m", "1", write_files(tmp_path / "long", {"README.md": text.encode()}))
    page = visit.get("/ui/models/t/m/versions/1")
    assert page.nodes < MOST_NODES
    assert page.sent_bytes < MOST_BYTES
