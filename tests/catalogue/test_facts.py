"""Versions are found by what loading them may run: by the last event that says it of each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from registry_client.cli.main import main
from registry_core import InvalidParameter

from ..app.curl import get
from ..core.packages.facts.files import EVERY
from ..support.packages import write_files
from ..support.servers import gunicorn
from .shelf import Shelf, titles


@pytest.fixture
def filled(shelf: Shelf, tmp_path: Path) -> Shelf:
    """A version for each load, named so; and one that an event has made better since, which its bytes are not."""
    for load, files in EVERY.items():
        shelf.registry.register("t", "m", load, write_files(tmp_path / load, dict(files)))
    shelf.registry.register("t", "m", "again", write_files(tmp_path / "again", {"a.txt": b"a"}))
    shelf.registry.refresh_facts("t", "m@again", actor="ada", reason="a new form of the rules")
    return shelf


def test_versions_are_found_by_what_loading_them_may_run(filled: Shelf) -> None:
    def of(*facts: str) -> list[str]:
        return [title.removeprefix("m@") for title in titles(filled.registry, fact=facts)]

    for load in ("data_only", "unreadable", "code"):
        assert of(f"load:{load}") == [load]
    assert sorted(of("load:none")) == ["again", "none"]
    assert of("load:none", "load:code") == []
    page = filled.registry.list_models(fact=("load:none",), limit=1)
    assert page.next is not None
    assert len(filled.registry.list_models(fact=("load:none",), limit=1, cursor=page.next).items) == 1


def test_the_last_event_counts(filled: Shelf) -> None:
    """Also for a catalogue that is made anew, of events in whatever order."""
    model = filled.home("m")
    again = model / "versions" / "again"
    for path, mode in ((again, 0o755), (again / "a.txt", 0o644)):
        path.chmod(mode)
    (again / "a.txt").write_bytes(b"N")  # as long as before, and binary no more than that
    filled.registry.refresh_facts("t", "m@again")
    assert len(titles(filled.registry, fact=("load:none",))) == 2
    (again / "a.txt").write_bytes(b"\0")
    filled.registry.refresh_facts("t", "m@again")
    for _ in range(2):
        assert sorted(titles(filled.registry, fact=("load:unreadable",))) == ["m@again", "m@unreadable"]
        assert titles(filled.registry, fact=("load:none",)) == ["m@none"]
        filled.lose_catalogue()
        filled.registry.reindex()


def test_models_are_found_by_what_loading_their_newest_version_may_run(filled: Shelf, tmp_path: Path) -> None:
    registry = filled.registry
    registry.register("t", "other", "1", write_files(tmp_path / "other", dict(EVERY["code"])))

    def of(*facts: str, **more: Any) -> list[str]:
        return [one.model_name for one in registry.list_summaries(fact=facts, **more).items]

    assert (of("load:none"), of("load:code"), of("load:data_only")) == (["m"], ["other"], [])
    assert of() == ["m", "other"]
    assert of("load:none", "load:code") == of("load:code", q="m") == []
    registry.register("t", "other", "2", tmp_path / "again", set_alias=None)
    assert (of("load:none"), of("load:code")) == (["m", "other"], [])
    page = registry.list_summaries(fact=("load:none",), limit=1)
    assert page.next is not None
    assert page.total == 2
    (second,) = registry.list_summaries(fact=("load:none",), limit=1, cursor=page.next).items
    assert second.model_name == "other"
    with pytest.raises(InvalidParameter):
        registry.list_summaries(fact=("load:code",), cursor=page.next)
    registry.delete("t", "other", "2", reason="wrong")
    assert of("load:code") == ["other"]
    for wrong in ("load", "load:evil", "size:none", "\ud800:x"):
        with pytest.raises(InvalidParameter):
            of(wrong)
    told = CliRunner().invoke(main, ["--root", str(filled.root), "models", "--fact", "load:code", "--json"], env={})
    assert [one["model_name"] for one in json.loads(told.stdout)["items"]] == ["other"]


def test_a_deleted_version_is_in_no_list(filled: Shelf) -> None:
    filled.registry.unalias("t", "m", "latest")
    filled.registry.delete("t", "m", "code", reason="it runs code")
    assert titles(filled.registry, fact=("load:code",)) == []


def test_over_http(filled: Shelf) -> None:
    with gunicorn(filled.root, workers=1) as server:
        url = f"{server.url}/v1/models"
        assert [item["version"] for item in json.loads(get(url, fact="load:code").body)] == ["code"]
        assert [item["version"] for item in json.loads(get(url, fact="load:data_only", model="m").body)] == [
            "data_only"
        ]
        assert [item["model_name"] for item in json.loads(get(f"{url}/summary", fact="load:none").body)] == ["m"]
        assert get(f"{url}/summary", fact="load:evil").json["field"] == "fact"
        refused = get(url, fact="load:evil")
        assert (refused.status, refused.json["field"]) == (422, "fact")
    shutil.rmtree(filled.catalogue.parent, ignore_errors=True)
