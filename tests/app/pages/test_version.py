"""The page of a version: every tab whole, within its bounds, and true of versions that are gone, damaged or bare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import create_app
from app.config import Settings
from app.pages.version import TABS
from registry_core import CoreSettings, ModelRegistry

from ...support.packages import MANY, write_files
from .hostile import LONG, SCRIPTS
from .signed_in import required, signed_in
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
        visit.get(link)


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
    assert "Event 2, by which it was registered, has this digest." in integrity.words
    assert "sha256sum -c sha256sums.txt" in integrity.words
    assert "omr --url http://localhost verify celltype human_pbmc@3.1.1" in integrity.words


@pytest.mark.usefixtures("version")
def test_what_may_be_done_with_it_is_offered(visit: Visitor, registry: ModelRegistry) -> None:
    page = visit.get(PAGE)
    for verb in ("describe", "archive", "delete"):
        assert f"{PAGE}/{verb}" in page.links
    assert "/ui/models/celltype/human_pbmc/promote?alias=production&version=3.1.1" in page.links
    assert "/ui/models/celltype/human_pbmc/compare?v=3.1.0&v=3.1.1" in page.links
    assert "Last verified" not in visit.get(f"{PAGE}?tab=integrity").words
    done = visit.press(visit.get(f"{PAGE}?tab=integrity"), "Verify now")
    visit.follow(done)
    begun = registry.operation(done.headers["Location"].partition("operation=")[2])
    while begun.state == "running":
        begun = registry.operation(begun.operation_id)
    assert "every byte is as it was registered" in visit.get(f"{PAGE}?tab=integrity").words
    registry.stage("celltype", "human_pbmc", "3.1.1", "archived", actor="a", reason="r")
    page = visit.get(PAGE)
    assert f"{PAGE}/unarchive" in page.links
    assert not [link for link in page.links if "/promote" in link]


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


@MANY
def test_many_files_make_no_larger_page(visit: Visitor, registry: ModelRegistry, tmp_path: Path, count: int) -> None:
    names = {f"shard-{n % 97}/{'part' * 9}-{n:05d}.bin": b"%d" % n for n in range(count)}
    registry.register("t", "m", "1", write_files(tmp_path / "many", {**names, "README.md": b"# m"}))
    for query in (
        "",
        f"&from={count - 100}",
        "&match=7.bin",
        "&path=shard-7/x",
        f"&path={next(iter(names))}",
        "&from=x&match=%00",
    ):
        page = visit.get(f"/ui/models/t/m/versions/1?tab=files{query}")
        assert page.nodes < MOST_NODES
        assert page.sent_bytes < MOST_BYTES
    assert f"{count + 3:,}" in visit.get("/ui/models/t/m/versions/1").words


@pytest.mark.parametrize("text", LONG[::4])  # of each of them it is shown that the card has bounds
def test_no_readme_makes_a_page_larger_than_its_bounds(
    visit: Visitor, registry: ModelRegistry, tmp_path: Path, text: str
) -> None:
    registry.register("t", "m", "1", write_files(tmp_path / "long", {"README.md": text.encode()}))
    page = visit.get("/ui/models/t/m/versions/1")
    assert page.nodes < MOST_NODES
    assert page.sent_bytes < MOST_BYTES


@pytest.mark.usefixtures("version")
def test_whoever_may_only_read_is_shown_what_is_known_and_no_bytes(registry: ModelRegistry) -> None:
    required(registry)
    visit = signed_in(registry, "reader")
    card = visit.get(PAGE)
    assert "You may read what is known of this version, and not its files." in card.words
    assert not [word for word in ("Download", "More", "Promote") if word in card.words]
    assert "Dataset dvc:celltype/atlas" in card.words
    files = visit.get(f"{PAGE}?tab=files&path=eval/per_label.csv")
    assert "eval/per_label.csv" in files.words
    assert "0.942" not in files.words
    assert not [link for link in files.links if "/raw/" in link or link.startswith("/v1/files")]
    integrity = visit.get(f"{PAGE}?tab=integrity")
    assert "Verify now" not in integrity.words
    compare = visit.get("/ui/models/celltype/human_pbmc/compare?v=3.1.0&v=3.1.1&file=README.md")
    assert "you may not read it" in compare.words
    assert visit.client.get("/ui/raw/celltype/human_pbmc/3.1.1/README.md").status_code == 403
    stranger = signed_in(registry, "nobody")
    assert stranger.client.get(PAGE, headers={"Accept": "text/html"}).status_code in (403, 404)


@pytest.mark.parametrize("tab", ["card", "files&path=README.md"])
def test_what_is_not_as_it_was_registered_is_said_and_not_shown(tmp_path: Path, tab: str) -> None:
    settings = CoreSettings(root=str(tmp_path / "root"), catalog_dir=str(tmp_path / "catalogue"), catalog_refresh_s=0)
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(settings=settings)
    source = write_files(tmp_path / "source", {"README.md": b"# never shown"})
    registry.register("celltype", "human_pbmc", "3.1.1", source)
    (damaged,) = (tmp_path / "root").rglob("README.md")
    damaged.chmod(0o600)
    damaged.write_bytes(b"# xxxxx shown")
    visit = Visitor(create_app(Settings(threads=8), registry).test_client())
    words = visit.get(f"{PAGE}?tab={tab}").words
    assert "is damaged" in words
    assert "shown" not in words
    damaged.parent.chmod(0o700)
    damaged.unlink()
    assert "This version is damaged." in visit.get(f"{PAGE}?tab=integrity").words
    assert visit.get(f"{PAGE}?tab={tab}").nodes


@pytest.mark.parametrize("name", ["model\u202egnp.exe", "figures/\u200bumap.svg"])
def test_a_name_of_a_file_is_shown_as_it_stands(
    visit: Visitor, registry: ModelRegistry, tmp_path: Path, name: str
) -> None:
    source = write_files(tmp_path / "source", {name: b"MZ"})
    registry.register("celltype", "human_pbmc", "3.1.1", source, {})
    words = visit.get(f"{PAGE}?tab=files").words
    assert name.encode("ascii", "backslashreplace").decode().rpartition("/")[2] in words
    assert not {"\u202e", "\u200b"} & set(words)


@pytest.mark.usefixtures("version")
def test_no_name_of_an_alias_keeps_its_event_from_being_seen(visit: Visitor, registry: ModelRegistry) -> None:
    registry.promote("celltype", "human_pbmc", "hidden", "3.1.1", actor="ada", reason="quietly")
    page = visit.get(PAGE)
    assert "quietly" in page.words
    events = re.findall(r'<li class="([^"]*)"><div>', page.text)
    assert [one.strip() for one in events] == ["promote", "register"]
