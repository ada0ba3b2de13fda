"""Every page in a real browser: read by axe in three forms, narrower than any phone, and stopped by no policy."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from selenium.webdriver.common.keys import Keys

from app import create_app
from app.config import Settings

from ..support.installing import node_packages
from ..support.servers import REPOSITORY, gunicorn
from .seeing import FORMS, Eyes, a_browser

AXE = "axe-core@4.10.3"
NARROWEST = 320
MODEL = "/ui/models/celltype/human_pbmc"
VERSION = f"{MODEL}/versions/3.1.0"
GUARDED = f"{MODEL}/versions/3.1.1"  # of which a policy asks for more
PROMOTE = f"{MODEL}/promote?alias=production&version=3.1.1"
OVERRIDDEN = "/ui/models/variants/splice_effect"  # whose production version lacks a review; the newest has all
# rule -> addresses of its states, of a registry that the demo has filled; {operation} is one of it.
PAGES: dict[str, list[str]] = {
    "/ui/": ["/ui/", "/ui/?q=nothing+like+it", "/ui/?task=celltype&sort=versions", "/ui/?alias=production"],
    "/ui/access": ["/ui/access"],  # where nobody is asked who calls; see test_signing.py too
    "/ui/access/history": ["/ui/access/history"],  # as that
    "/ui/activity": ["/ui/activity", "/ui/activity?event=promote&actor=grace.lin", "/ui/activity?q=nothing+like+it"],
    "/ui/operations": ["/ui/operations"],
    "/ui/tokens": ["/ui/tokens"],
}
PAGES |= {
    "/ui/upload": ["/ui/upload", "/ui/upload?task=celltype&model=human_pbmc&version=9.0.0&upload=gone"],
    **{
        f"/ui/models/<task>/<model_name>/{verb}": [f"{MODEL}/{verb}", f"{MODEL}/{verb}?alias=latest&to=3.1.0"]
        for verb in ("promote", "rollback", "unalias")
    },
    **{
        f"/ui/models/<task>/<model_name>/versions/<version>/{verb}": [f"{VERSION}/{verb}"]
        for verb in ("archive", "unarchive", "delete", "restore", "describe", "verify")
    },
}
PAGES["/ui/models/<task>/<model_name>/promote"] += [PROMOTE, f"{OVERRIDDEN}/promote"]
PAGES |= {
    "/ui/models/<task>/<model_name>": [
        MODEL,
        f"{MODEL}?metric=ece",
        "/ui/models/celltype/nobody",
        "/ui/models/doublets/scrublet_net",
        OVERRIDDEN,
    ],
    "/ui/models/<task>/<model_name>/versions/<version>": [
        *(f"{VERSION}?tab={tab}" for tab in ("card", "files", "metrics", "lineage", "evidence", "integrity")),
        f"{VERSION}?tab=files&path=metrics.json",
        f"{VERSION}?tab=files&path=docs/confusion.tsv",
        f"{VERSION}?tab=files&path=docs/embedding.png",
        f"{MODEL}/versions/0.0.0",
        f"{GUARDED}?tab=evidence",
        f"{OVERRIDDEN}/versions/3.1.0?tab=evidence",
    ],
    "/ui/models/<task>/<model_name>/compare": [
        f"{MODEL}/compare",
        f"{MODEL}/compare?v=3.1.0&v=3.1.1",
        f"{MODEL}/compare?v=3.1.0&v=3.1.1&v=2.3.2&all=1",
        f"{MODEL}/compare?v=3.1.0&v=3.1.1&file=README.md",
    ],
    "/ui/models/<task>/<model_name>/history": [
        f"{MODEL}/history",
        f"{MODEL}/history?as_of=2026-05-01",
        f"{MODEL}/history?event=promote&alias=production&q=nothing+like+it",
    ],
    "/ui/runs/<task>/<model_name>": [
        "/ui/runs/celltype/human_pbmc",
        "/ui/runs/celltype/human_pbmc?run=train-3.1.0&run=train-3.1.1",
        "/ui/runs/celltype/human_pbmc?status=killed",
    ],
}
NO_PAGES = {"/ui/static/<name>", "/ui/activity/new", "/ui/raw/<task>/<model_name>/<version>/<path:path>"}


def _rules() -> set[str]:
    rules = create_app(Settings()).url_map.iter_rules()
    return {rule.rule for rule in rules if rule.rule.startswith("/ui/") and "GET" in (rule.methods or set())}


def test_every_page_is_looked_at() -> None:
    assert _rules() - NO_PAGES == set(PAGES)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make demo-data` makes, once for all processes of a run, which only look at it."""
    of_the_run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        of_the_run = of_the_run.parent
    root, made = of_the_run / "demo" / "root", of_the_run / "demo" / "made"
    with FileLock(of_the_run / "demo.lock"):
        if not made.exists():
            command = [sys.executable, "examples/demo_data", str(root), "--models", "4"]
            subprocess.run(command, cwd=REPOSITORY, check=True, timeout=200)
            made.touch()
    return root


@pytest.fixture(scope="module")
def reader(filled: Path) -> Iterator[Eyes]:
    with gunicorn(filled, workers=1) as server, a_browser(server.url) as eyes:
        yield eyes


@pytest.fixture(scope="module")
def axe() -> str:
    return (node_packages("axe", AXE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def judged(eyes: Eyes, axe: str) -> list[str]:
    """What axe says is wrong with the page, and where."""
    eyes.run(axe)
    told: Any = eyes.browser.execute_async_script("const done = arguments[0]; axe.run(document).then(done);")
    return [
        f"{found['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for found in told["violations"]
        for node in found["nodes"]
    ]


def _seen() -> Iterator[Any]:
    """Each page dark and on a phone, its other states in one form each by turns; in a soak everything in all forms."""
    turns = itertools.cycle(FORMS)
    for paths in PAGES.values():
        for path in paths:
            forms = ("dark", "phone") if path == paths[0] else (next(turns),)
            yield pytest.param(path, forms, id=path)
            yield pytest.param(path, tuple(FORMS), id=f"{path} in all", marks=pytest.mark.slow)


@pytest.mark.parametrize(("path", "forms"), list(_seen()))
def test_a_page_is_for_everybody(reader: Eyes, axe: str, path: str, forms: tuple[str, ...]) -> None:
    reader.go(path)
    for form in forms:
        reader.show_as(form)
        reader.go(path)  # drawn anew: a transition between two colours is neither
        assert judged(reader, axe) == [], (path, form)
    reader.show_as("phone", width=NARROWEST)
    assert reader.run("return document.documentElement.scrollWidth") <= NARROWEST, path
    reader.picture("page-" + path.strip("/").replace("/", "-").partition("?")[0])
    reader.show_as("light")
    assert not reader.refusals()


@pytest.mark.parametrize(
    ("path", "met"),
    [
        (f"{GUARDED}?tab=evidence", "3 of 4 met"),
        (PROMOTE, "3 of 4 met"),
        (f"{OVERRIDDEN}/versions/3.1.0?tab=evidence", "4 of 5 met"),
        (f"{OVERRIDDEN}/promote", "5 of 5 met"),
    ],
)
def test_a_gate_is_among_them(reader: Eyes, path: str, met: str) -> None:
    reader.go(path)
    assert met in reader.find(".checklist", "What production needs").text


def test_an_override_is_among_them(reader: Eyes) -> None:
    reader.go(OVERRIDDEN)
    assert "one-reviewer is not met" in reader.find(".band.warning", "A gate was overridden").text
    reader.go(f"{OVERRIDDEN}/history")
    assert "GEN-214" in reader.find(".events", "gate overridden").text


@pytest.mark.parametrize("form", FORMS)
def test_a_refused_promote_is_for_everybody(reader: Eyes, axe: str, form: str) -> None:
    """It is by the keys alone that it is asked for, and nothing is written."""
    reader.show_as(form)
    reader.go(PROMOTE)
    reader.tab_to("change-reason")
    reader.keys("better by far")
    reader.tab_to("Move production from 3.1.0 to 3.1.1")
    reader.keys(Keys.ENTER)
    assert "1 requirement is not met" in reader.find("[role=alert]", "Nothing was changed.").text
    assert judged(reader, axe) == []
    assert reader.focus().startswith("Nothing was changed."), "a reader hears it, wherever the form was sent from"
    reader.show_as("phone", width=NARROWEST)
    assert reader.run("return document.documentElement.scrollWidth") <= NARROWEST
    reader.picture("page-refused")
    reader.show_as("light")


PICTURES = {  # of the documents, which `make pictures` draws anew
    "home": "/ui/",
    "model": MODEL,
    "promote": PROMOTE,
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_documents_show_what_is_there(reader: Eyes, tmp_path: Path, name: str) -> None:
    reader.show_as("light")
    reader.go(PICTURES[name])
    reader.find("h1")
    drawn = Path(os.environ.get("MODEL_REGISTRY_TESTS_DOCS", tmp_path)) / f"{name}.png"
    assert reader.browser.save_screenshot(str(drawn))
    assert drawn.stat().st_size > 20_000  # more than an empty page has
    assert (REPOSITORY / "docs" / "pictures" / f"{name}.png").exists()
