"""The protocol itself, where the clients of today do not look, or hide what they saw."""

from __future__ import annotations

import hashlib
import http.client
import json
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry, PackageCorrupt

from ..files.conftest import call
from ..support.packages import write_files
from ..support.servers import PREFIX, gunicorn
from .conftest import FILES, MODEL, ODD, REPO, TASK, Hub

SHA256 = hashlib.sha256(FILES["model.pt"]).hexdigest()


def test_the_commit_id_is_made_of_name_and_content(hub: Hub) -> None:
    """By the rule that is published, from the manifest alone."""
    top = Path(hub.registry.resolve(TASK, f"{MODEL}@1.0.0").path)
    lines = sorted((top / "sha256sums.txt").read_text().splitlines(keepends=True))
    text = f"{TASK}/{MODEL}@1.0.0\n" + "".join(lines)
    assert hub.commit("1.0.0") == hashlib.sha256(text.encode()).hexdigest()[:40]
    journal = hub.root / f"tasks/{TASK}/models/{MODEL}/audit/promotions.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    registered = {event["version"]: event["commit"] for event in events if event["event"] == "register"}
    assert registered == {version: hub.commit(version) for version in ("1.0.0", "1.1.0")}


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("revision", ["production", "1.0.0", "main", "latest"])
def test_every_other_revision_leads_to_the_commit_id(hub: Hub, method: str, revision: str) -> None:
    commit = hub.commit("1.0.0" if revision in ("production", "1.0.0") else "1.1.0")
    reply = call(hub.url, f"/hf/{REPO}/resolve/{revision}/{quote(ODD)}?download=true", method=method)
    assert (reply.status, reply.body) == (307, b"")
    assert reply.headers["location"] == f"/hf/{REPO}/resolve/{commit}/{quote(ODD)}"
    assert reply.headers["x-repo-commit"] == commit
    final = call(hub.url, reply.headers["location"], method=method)
    assert final.status == 200
    assert final.headers["x-repo-commit"] == commit


def test_a_file_at_its_commit_id(hub: Hub) -> None:
    path = f"/hf/{REPO}/resolve/{hub.commit('1.0.0')}/model.pt"
    for headers, status, body in (
        ({"Accept-Encoding": "gzip, deflate, br"}, 200, FILES["model.pt"]),
        ({"Range": "bytes=5-9"}, 206, FILES["model.pt"][5:10]),
        ({"If-None-Match": f'"{SHA256}"'}, 304, b""),
    ):
        reply = call(hub.url, path, headers)
        assert (reply.status, reply.body) == (status, body)
        assert reply.headers["etag"] == f'"{SHA256}"'
        assert reply.headers["x-repo-commit"] == hub.commit("1.0.0")
        assert "content-encoding" not in reply.headers
        assert not [name for name in reply.headers if name.startswith(("x-xet", "link"))]
    refused = call(hub.url, path, {"Range": "bytes=99999999-"})
    assert (refused.status, refused.headers["content-range"]) == (416, f"bytes */{len(FILES['model.pt'])}")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{TASK}/nobody/resolve/main/x", "RepoNotFound"),
        ("nobody/nobody/resolve/main/x", "RepoNotFound"),
        (f"{TASK}/.git/resolve/main/x", "RepoNotFound"),
        ("gpt2/resolve/main/config.json", "RepoNotFound"),
        ("api/models/gpt2", "RepoNotFound"),
        ("datasets/a/b/resolve/main/x", "RepoNotFound"),
        (f"{REPO}/resolve/nobody/model.pt", "RevisionNotFound"),
        (f"{REPO}/resolve/{'0' * 40}/model.pt", "RevisionNotFound"),
        (f"{REPO}/resolve/refs%2Fpr%2F1/model.pt", "RevisionNotFound"),
        (f"{REPO}/resolve/gr%C3%BC%0An%1B/model.pt", "RevisionNotFound"),
        (f"{REPO}/resolve/main/nothing%1Bhere", "EntryNotFound"),
        (f"{REPO}/resolve/main/..%2F..%2F1.0.0%2Fmodel.pt", "EntryNotFound"),
        (f"api/models/{REPO}/revision/nobody", "RevisionNotFound"),
        (f"api/models/{REPO}/tree/main/nothing", "EntryNotFound"),
        (f"api/models/{REPO}/tree/main/model.pt", "EntryNotFound"),
        (f"api/models/{TASK}/nobody/refs", "RepoNotFound"),
        (f"api/models/{TASK}/-bad-/refs", "RepoNotFound"),
        (f"api/models/{REPO}/commits/nobody", "RevisionNotFound"),
    ],
)
def test_an_error_says_what_it_is(hub: Hub, path: str, code: str) -> None:
    for method in ("GET", "HEAD"):
        reply = call(hub.url, f"/hf/{path}", method=method)
        assert (reply.status, reply.headers["x-error-code"]) == (404, code)
        message = reply.headers["x-error-message"]
        assert message
        assert message.isprintable()
        assert message.isascii()
        assert reply.headers["content-type"] == "application/problem+json"
        if code == "EntryNotFound":
            assert reply.headers["x-repo-commit"] == hub.commit("1.1.0")


WRITES = [
    ("POST", "api/repos/create"),
    ("DELETE", "api/repos/delete"),
    ("POST", "api/repos/move"),
    ("POST", f"api/models/{REPO}/preupload/main"),
    ("POST", f"api/models/{REPO}/commit/main"),
    ("POST", f"api/models/{REPO}/branch/x"),
    ("DELETE", f"api/models/{REPO}/tag/1.0.0"),
    ("PUT", f"api/models/{REPO}/settings"),
    ("POST", f"{REPO}.git/info/lfs/objects/batch"),
    ("PUT", f"api/models/{REPO}"),  # an address that can be read
    ("PATCH", "api/models"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_whatever_writes_is_told_that_this_is_read_only(hub: Hub, method: str, path: str) -> None:
    before = hub.content("1.0.0")
    reply = call(hub.url, f"/hf/{path}", {"Content-Type": "application/json"}, method=method)
    assert (reply.status, json.loads(reply.body)["code"]) == (403, "read_only")
    assert "omr push" in reply.headers["x-error-message"]
    assert "x-error-code" not in reply.headers  # "GatedRepo" would tell the user to ask for access
    assert hub.content("1.0.0") == before


def test_whoever_asks_may_read_what_is_there_and_write_nothing(hub: Hub) -> None:
    top = "/hf/api/models"
    assert (reply := call(hub.url, f"{top}/{REPO}/auth-check")).status == 200
    assert json.loads(reply.body) == {}
    for missing in (f"{TASK}/nobody", f"{TASK}/-bad-", "nobody/nobody"):
        reply = call(hub.url, f"{top}/{missing}/auth-check")
        assert (reply.status, reply.headers["x-error-code"]) == (404, "RepoNotFound")
    assert call(hub.url, f"{top}/{REPO}/auth-check/write").status == 403


def test_paths_of_a_form_are_looked_up(hub: Hub) -> None:
    asked = ["model.pt", ODD, "label maps", "nothing", "model.pt", *(f"{'x' * 200}/{n}" for n in range(5000))]
    server = hub.url.removeprefix("http://")
    connection = http.client.HTTPConnection(server, timeout=60)
    body = urlencode([("paths", path) for path in asked] + [("expand", "true")])
    assert len(body) > 500_000  # beyond what the framework takes by default
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"/hf/api/models/{REPO}/paths-info/production", body, headers)
    response = connection.getresponse()
    found = json.loads(response.read())
    connection.close()
    assert [entry["path"] for entry in found] == ["model.pt", ODD, "label maps"]
    assert found[0]["lfs"] == {"oid": SHA256, "size": len(FILES["model.pt"]), "pointerSize": 134}
    assert found[2]["type"] == "directory"
    assert {entry["lastCommit"]["id"] for entry in found} == {hub.commit("1.0.0")}


def test_an_alias_called_main_is_main(hub: Hub, tmp_path: Path) -> None:
    for version in ("1", "2"):
        hub.registry.register(TASK, "own-main", version, write_files(tmp_path / version, {"x": version.encode()}))
    first = hub.registry.snapshot(TASK, "own-main", "1").commit_id
    main = f"/hf/{TASK}/own-main/resolve/main/x"
    assert call(hub.url, main).headers["x-repo-commit"] != first
    hub.registry.promote(TASK, "own-main", "main", "1")
    assert call(hub.url, main).headers["x-repo-commit"] == first
    refs = json.loads(call(hub.url, f"/hf/api/models/{TASK}/own-main/refs").body)
    assert [ref["targetCommit"] for ref in refs["branches"] if ref["name"] == "main"] == [first]


def test_a_deleted_version_is_gone_and_comes_back_under_the_same_id(hub: Hub, tmp_path: Path) -> None:
    hub.registry.register(TASK, "fleeting", "1", write_files(tmp_path, {"x": b"1"}), set_alias=None)
    commit = hub.registry.snapshot(TASK, "fleeting", "1").commit_id
    path = f"/hf/{TASK}/fleeting/resolve/{commit}/x"
    assert call(hub.url, path).status == 200
    hub.registry.delete(TASK, "fleeting", "1", actor="ada", reason="a mistake")
    gone = call(hub.url, path)
    assert (gone.status, gone.headers["x-error-code"]) == (404, "RevisionNotFound")
    hub.registry.restore(TASK, "fleeting", "1", actor="ada", reason="no mistake")
    assert call(hub.url, path).body == b"1"
    no_latest = call(hub.url, f"/hf/{TASK}/fleeting/resolve/main/x")
    assert (no_latest.status, no_latest.headers["x-error-code"]) == (404, "RevisionNotFound")


def test_other_content_never_comes_under_a_commit_id(tmp_path: Path) -> None:
    """Whoever rewrites a package and its manifest gets no commit id for it."""
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(tmp_path / "root")
    done = registry.register(TASK, MODEL, "1", write_files(tmp_path / "source", {"x": b"1"}))
    commit = registry.snapshot(TASK, MODEL, "1").commit_id
    top = Path(done.package_path)
    for file in top.iterdir():
        file.chmod(0o644)
    text = (top / "sha256sums.txt").read_text()
    (top / "x").write_bytes(b"2")
    (top / "sha256sums.txt").write_text(
        text.replace(hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest())
    )
    fresh = ModelRegistry.open(tmp_path / "root")
    with pytest.raises(PackageCorrupt):
        fresh.snapshot(TASK, MODEL, commit)


def test_it_can_be_turned_off(tmp_path: Path) -> None:
    assert Settings.from_env({}).hub is True
    off = create_app(Settings.from_env({PREFIX + "HUB": "false", PREFIX + "ROOT": str(tmp_path)}))
    assert not [rule for rule in off.url_map.iter_rules() if rule.rule.startswith("/hf")]
    on = create_app(Settings(core=CoreSettings(root=str(tmp_path))))
    assert [rule for rule in on.url_map.iter_rules() if rule.rule.startswith("/hf")]
    with gunicorn(tmp_path, env={PREFIX + "HUB": "false"}, workers=1) as server:
        assert call(server.url, "/hf/api/models").status == 404


def test_lists_come_in_pages(hub: Hub, tmp_path: Path) -> None:
    for n in range(5):
        hub.registry.register("paged", f"m{n}", "1", write_files(tmp_path / str(n), {"x": b"1"}))
    found, address = [], "/hf/api/models?author=paged&limit=2"
    while address:
        reply = call(hub.url, address)
        found += [model["id"] for model in json.loads(reply.body)]
        link = reply.headers.get("link", "")
        assert not link or link.startswith(f"<{hub.url}/hf/api/models?")
        address = link.partition(">")[0].removeprefix(f"<{hub.url}")
    assert found == [f"paged/m{n}" for n in range(5)]
