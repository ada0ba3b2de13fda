"""An alias that moves between a client's HEAD and its GET never gives it other bytes than the digest says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from .between import between
from .conftest import MODEL, REPO, TASK, Hub
from .generations import Generation


def wrong_blobs(home: Path) -> list[str]:
    """Files of the cache whose name, a SHA-256, is not their content's."""
    blobs = [path for path in home.rglob("blobs/*") if len(path.name) == 64]
    assert blobs, "nothing is in the cache"
    return [path.name for path in blobs if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]


def download_while_it_moves(hub: Hub, client: Generation, home: Path, *, follow_redirects: bool) -> str:
    """What a download of ``moving`` gives, which names 1.0.0 at first and then 1.1.0."""
    hub.registry.promote(TASK, MODEL, "moving", "1.0.0")

    def move() -> None:
        hub.registry.promote(TASK, MODEL, "moving", "1.1.0", expected_version="1.0.0")

    with between(hub.url, move, follow_redirects=follow_redirects) as url:
        environment = client.environment(f"{url}/hf", home)
        path: str = client.run("download", environment, repo=REPO, file="model.pt", revision="moving")
    assert hub.registry.resolve(TASK, f"{MODEL}@moving", verify=False).version == "1.1.0"
    return path


def test_the_bytes_are_those_of_the_digest(hub: Hub, client: Generation, tmp_path: Path) -> None:
    path = download_while_it_moves(hub, client, tmp_path, follow_redirects=False)
    assert wrong_blobs(tmp_path) == []
    version = {hub.commit(version): version for version in ("1.0.0", "1.1.0")}[Path(path).parent.name]
    assert Path(path).read_bytes() == hub.content(version)["model.pt"]


@pytest.mark.slow
def test_without_the_redirect_they_would_not_be(hub: Hub, client: Generation, tmp_path: Path) -> None:
    """The control: the same download through a server without the rule stores wrong bytes, and nobody is told."""
    download_while_it_moves(hub, client, tmp_path, follow_redirects=True)
    assert wrong_blobs(tmp_path) == [hashlib.sha256(hub.content("1.0.0")["model.pt"]).hexdigest()]
