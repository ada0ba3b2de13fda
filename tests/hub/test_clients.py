"""huggingface_hub, unmodified and of three generations, reads models from a running service."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .conftest import MODEL, ODD, REPO, TASK, Hub
from .generations import Generation

ALIAS = "production"


def read_tree(top: str) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in Path(top).rglob("*") if path.is_file()}


def test_a_tour(hub: Hub, client: Generation, tmp_path: Path) -> None:
    environment = client.environment(hub.endpoint, tmp_path / "home")
    old, new = hub.commit("1.0.0"), hub.commit("1.1.0")
    content, latest = hub.content("1.0.0"), hub.content("1.1.0")
    seen = client.run(
        "tour",
        environment,
        repo=REPO,
        files=["model.pt", ODD],
        folder="label maps",
        commit=old,
        version="1.0.0",
        alias=ALIAS,
    )
    assert seen["library"] == client.version
    assert read_tree(seen["snapshot"]) == content
    assert Path(seen["snapshot"]).name == old
    assert Path(seen["default"]).read_bytes() == latest["model.pt"] != content["model.pt"]
    assert Path(seen["by_version"]).read_bytes() == content["model.pt"]
    assert [Path(path).read_bytes() for path in seen["by_commit"]] == [content["model.pt"], content[ODD]]
    assert seen["again"] == seen["snapshot"]

    assert (seen["info"]["sha"], seen["main_sha"]) == (old, new)
    assert (seen["info"]["tags"], seen["info"]["author"]) == (["organ:blood"], TASK)
    assert seen["info"]["created"] == seen["commits"][0][3] != "None"
    digests = {path: [len(data), hashlib.sha256(data).hexdigest()] for path, data in content.items()}
    assert seen["siblings"] == digests
    assert sorted(seen["files"]) == sorted(content)
    assert sorted(seen["tree"]) == sorted({path.split("/")[0] for path in content})
    assert seen["folder"] == [ODD]
    assert sorted(seen["paths"]) == sorted(["model.pt", ODD, "label maps"])
    assert seen["refs"] == {
        "branches": {"main": new, "latest": new, ALIAS: old},
        "tags": {"1.0.0": old, "1.1.0": new},
    }
    assert [commit[:3] for commit in seen["commits"]] == [[old, "Version 1.0.0", ["ada"]]]
    assert seen["models"] == [REPO]
    assert seen["exists"] == [True, False, True, False, True, False]
    assert seen["whoami"] == "anonymous"

    kinds = {case: set(classes) for case, classes in seen["errors"].items()}
    assert "RepositoryNotFoundError" in kinds["repo"] & kinds["one name"] & kinds["auth check"]
    assert "RevisionNotFoundError" in kinds["revision"] & kinds["commit"]
    assert "EntryNotFoundError" in kinds["file"] & kinds["folder"]
    assert "LocalEntryNotFoundError" not in set.union(*kinds.values())

    # Without the network the cache answers, and by the alias too.
    offline = client.environment("http://127.0.0.1:9/hf", tmp_path / "home", HF_HUB_OFFLINE="1")
    assert client.run("snapshot", offline, repo=REPO, revision=ALIAS) == seen["snapshot"]
    if client.major >= 1:
        done = client.hf(environment, "cache", "verify", REPO, "--revision", old)
        assert done.returncode == 0, done.stdout + done.stderr
        blob = Path(seen["by_version"]).resolve()
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1] + b"!")
        done = client.hf(environment, "cache", "verify", REPO, "--revision", old)
        assert done.returncode != 0
        assert "model.pt" in done.stdout + done.stderr


def test_writing_is_refused_in_words(hub: Hub, client: Generation, tmp_path: Path) -> None:
    """By the library and by its command."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.pt").write_bytes(b"mine")
    before = hub.content("1.0.0")
    environment = client.environment(hub.endpoint, tmp_path / "home", HF_TOKEN="hf_of_no_account")
    for name, said in client.run("write", environment, repo=REPO, folder=str(tmp_path / "mine")).items():
        assert "read only" in said, name
        assert "omr push" in said, name
    done = client.hf(environment, "upload", REPO, str(tmp_path / "mine"))
    assert done.returncode != 0
    assert "omr push" in done.stdout + done.stderr
    assert hub.content("1.0.0") == before


def test_nothing_is_asked_for_a_warm_commit(hub: Hub, client: Generation, tmp_path: Path) -> None:
    """A commit id is for ever: what is in the cache under it needs no server (0.36 asks once)."""
    environment = client.environment(hub.endpoint, tmp_path / "home")
    commit = hub.commit("1.0.0")
    first = client.run("snapshot", environment, repo=REPO, revision=commit)
    before = asked(hub)
    assert client.run("snapshot", environment, repo=REPO, revision=commit) == first
    assert asked(hub) - before <= (0 if client.major >= 1 else 1)


def asked(hub: Hub) -> int:
    """Requests for the model so far."""
    return sum(f"{TASK}/{MODEL}" in line.get("path", "") for line in hub.server.log)
