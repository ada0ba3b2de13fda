"""Bytes that nobody trusts: with the same headers whatever they are, and as nothing that a browser would run."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from app.pages.raw import POLICY
from registry_core import ModelRegistry

from ...support.packages import write_files
from .hostile import SCRIPTS
from .visiting import Visitor

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FILES = {
    "figures/confusion matrix.png": (PNG, "image/png"),
    "photo.JPEG": (b"\xff\xd8\xff", "image/jpeg"),
    "umap.svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
    "report.html": ("".join(SCRIPTS).encode(), "text/plain; charset=utf-8"),
    "page.xhtml": (b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "text/plain; charset=utf-8"),
    "notes.ipynb": (b"{}", "text/plain; charset=utf-8"),
    "run.js": (b"alert(1)", "text/plain; charset=utf-8"),
    "LICENSE": (b"MIT", "text/plain; charset=utf-8"),
    "model.pkl": (b"cos\nsystem\n(S'x'\ntR.", "application/octet-stream"),
    "model.pdf": (b"%PDF-", "application/octet-stream"),
    "empty.txt": (b"", "text/plain; charset=utf-8"),
}


@pytest.fixture
def version(registry: ModelRegistry, tmp_path: Path) -> None:
    source = write_files(tmp_path / "source", {name: data for name, (data, _) in FILES.items()})
    registry.register("t", "m", "1", source, set_alias="production")


def require_headers(answer: TestResponse) -> None:
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN", "framed by pages of ours alone"
    assert answer.headers.getlist("Content-Security-Policy") == [POLICY]
    assert "Location" not in answer.headers


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("name", FILES)
def test_the_bytes_are_what_no_browser_runs(visit: Visitor, name: str) -> None:
    data, content_type = FILES[name]
    for method in ("GET", "HEAD"):
        answer = visit.client.open(f"/ui/raw/t/m/1/{name}", method=method)
        assert answer.status_code == 200
        require_headers(answer)
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["Content-Length"] == str(len(data))
        assert ("Content-Disposition" in answer.headers) == (content_type == "application/octet-stream")
        assert answer.data == (data if method == "GET" else b"")


@pytest.mark.usefixtures("version")
def test_ranges_and_conditions_have_the_same_headers(visit: Visitor) -> None:
    path = "/ui/raw/t/m/production/umap.svg"
    etag = visit.client.get(path).headers["ETag"]
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"Range": "bytes=0-3"}, 206),
        ({"Range": "bytes=0-1,3-4"}, 206),
    ):
        answer = visit.client.get(path, headers=headers)
        assert answer.status_code == status
        require_headers(answer)


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("path", ["no.txt", "../1/umap.svg", "figures", "umap.svg/", "%00", "figures%2F..%2Fumap.svg"])
def test_nothing_else_is_there(visit: Visitor, path: str) -> None:
    assert visit.client.get(f"/ui/raw/t/m/1/{path}").status_code in (404, 422)
    assert visit.client.get("/ui/raw/t/m/2/umap.svg").status_code == 404
