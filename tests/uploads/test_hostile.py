"""Uploads that mean harm: a clear refusal each time, and nothing of it anywhere but where uploads wait."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from ..faults.raw import tree
from .wire import TUS, Wire, announced, chunked, code, named

DATA = random.Random(5).randbytes(100_000)
HOSTILE = {
    "parent": "../evil",
    "parent inside": "a/../../evil",
    "parent at the end": "a/..",
    "here": "./evil",
    "absolute": "/etc/evil",
    "nothing": "",
    "no segment": "a//b",
    "directory": "a/",
    "NUL": "a\0b",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "escape": "a\x1b[2Jb",
    "backslash": "a\\b",
    "line separator": "a\u2028b",
    "too long a segment": "a" * 256,
    "too long a path": "/".join(["a" * 200] * 6),
    "too deep": "/".join(["a"] * 66),
}


def stored(direct: Wire) -> dict[str, object]:
    """All that is in the root, but for the catalogue, which the service keeps up by itself."""
    return {path: entry for path, entry in tree(direct.root).items() if not path.startswith(".catalog")}


@pytest.mark.parametrize("path", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_path_that_no_package_can_have(direct: Wire, path: str) -> None:
    session = direct.begin()
    before = stored(direct)
    assert code(direct.create(session["url"], path, 3)) == (422, "artifacts_refused")
    body = {"task": "t", "model_name": "m", "files": [announced(path, b"abc")]}
    assert code(direct.http.post("/v1/uploads", json=body)) == (422, "artifacts_refused")
    assert stored(direct) == before
    assert direct.http.get(session["url"]).json()["files"] == []


@pytest.mark.parametrize("name", [b"a\xff", b"\xed\xa0\x80"], ids=["not UTF-8", "half a surrogate pair"])
def test_a_path_that_is_no_text(direct: Wire, name: bytes) -> None:
    assert code(direct.create(direct.begin()["url"], name, 3)) == (422, "invalid_parameter")


@pytest.mark.parametrize("sent", ["", "filename", "filename ???", "name YQ==", "filename YQ", "filename YWI"])
def test_metadata_that_names_nothing(direct: Wire, sent: str) -> None:
    answer = direct.create(direct.begin()["url"], "x", 3, **{"Upload-Metadata": sent})
    assert answer.status_code == 422


def test_files_that_are_directories_of_others(direct: Wire) -> None:
    session = direct.begin()
    direct.made(session["url"], "a/b/c", 1)
    for path in ("a", "a/b", "a/b/c/d"):
        assert code(direct.create(session["url"], path, 1)) == (422, "artifacts_refused")
    direct.made(session["url"], "a/b2", 1)
    for files in (["x", "x/y"], ["x/y/z", "x"], ["x", "x"]):
        body = {"task": "t", "model_name": "m", "files": [announced(path, b"1") for path in files]}
        assert code(direct.http.post("/v1/uploads", json=body)) == (422, "artifacts_refused")


def test_the_registrys_own_files_behave_as_in_a_directory(direct: Wire) -> None:
    session = direct.begin()
    direct.send(session["url"], "model.pt", DATA)
    direct.send(session["url"], "model_meta.json", b'{"framework": "torch"}')
    direct.send(session["url"], "sha256sums.txt", b"0" * 64 + b"  model.pt\n")
    answer = direct.register(session, "own-files")
    assert code(answer) == (422, "digest_mismatch")
    assert [problem["path"] for problem in answer.json()["problems"]] == ["model.pt"]
    manifest = next(f["url"] for f in direct.http.get(session["url"]).json()["files"] if "sums" in f["path"])
    assert direct.http.delete(manifest, headers=TUS).status_code == 204
    assert direct.register(session, "own-files", metadata={"run_id": "7"}).status_code == 201
    shown = direct.http.get("/v1/show", params={"task": "t", "ref": "m@own-files"}).json()
    assert (shown["meta"]["framework"], shown["meta"]["run_id"]) == ("torch", "7")
    for bad in ("model_meta.json/x", "sha256sums.txt/x"):
        session = direct.begin()
        direct.send(session["url"], bad, b"1")
        assert code(direct.register(session, "own-directories")) == (422, "artifacts_refused")


@pytest.mark.parametrize("length", ["-1", "1.5", "1e3", "0x10", "", "a", "+1", "1" * 40, "١"])
def test_a_length_that_is_none(direct: Wire, length: str) -> None:
    sent = {**TUS, "Upload-Metadata": named("x"), "Upload-Length": length.encode()}
    assert code(direct.http.post(direct.begin()["url"], headers=sent)) == (422, "invalid_parameter")


def test_a_length_that_nothing_has(direct: Wire) -> None:
    session = direct.begin()
    assert code(direct.create(session["url"], "x", 2**53)) == (413, "upload_too_large")
    assert code(direct.create(session["url"], "x", 2**53 - 1)) == (507, "storage_full")
    assert direct.http.post(session["url"], headers={**TUS, "Upload-Metadata": named("x")}).status_code == 422
    assert direct.http.get(session["url"]).json()["files"] == []


def test_more_bytes_than_announced(direct: Wire) -> None:
    session = direct.begin()
    file = direct.made(session["url"], "x", 10)
    assert direct.patch(file, 0, DATA[:4]).status_code == 204
    assert code(direct.patch(file, 4, DATA[:7])) == (413, "upload_too_large")
    assert code(direct.patch(file, 4, chunked(DATA, 5))) == (413, "upload_too_large")
    assert direct.offset(file) == 4
    assert direct.patch(file, 4, DATA[4:10]).status_code == 204
    assert code(direct.patch(file, 10, b"1")) == (413, "upload_too_large")
    assert direct.data(session, file).read_bytes() == DATA[:10]


def test_fewer_bytes_than_announced(direct: Wire) -> None:
    session = direct.begin()
    file = direct.made(session["url"], "x", 10)
    assert direct.patch(file, 0, b"123").status_code == 204
    answer = direct.register(session, "short")
    assert code(answer) == (422, "artifacts_refused")
    assert answer.json()["problems"] == [
        {"path": "x", "reason": "is not complete: 3 of 10 bytes have arrived"},
    ]


@pytest.mark.parametrize("offset", ["-1", "x", "1.0", "9" * 40])
def test_an_offset_that_is_none(direct: Wire, offset: str) -> None:
    file = direct.made(direct.begin()["url"], "x", 10)
    assert code(direct.patch(file, offset, b"1")) == (422, "invalid_parameter")


@pytest.mark.parametrize("upload_id", ["..", "%2e%2e", ".new-", "0" * 31, "0" * 33, "G" * 32, "..%2f..%2ftasks"])
def test_an_id_that_is_none(direct: Wire, upload_id: str) -> None:
    answers = [
        direct.http.get(f"/v1/uploads/{upload_id}"),
        direct.http.delete(f"/v1/uploads/{upload_id}"),
        direct.create(f"/v1/uploads/{upload_id}", "x", 1),
        direct.patch(f"/v1/uploads/{upload_id}/{'0' * 32}", 0, b"1"),
        direct.patch(f"{direct.begin()['url']}/{upload_id}", 0, b"1"),
    ]
    assert {answer.status_code for answer in answers} <= {404, 405}
    assert (direct.root / "registry.json").parent.is_dir()


def test_an_upload_of_another_model(direct: Wire) -> None:
    session = direct.begin(model_name="other")
    direct.send(session["url"], "x", b"1")
    assert code(direct.register(session, "foreign")) == (422, "invalid_parameter")


def outside(direct: Wire) -> Path:
    target = direct.root.parent / f"outside-{os.urandom(4).hex()}"
    target.mkdir()
    (target / "secret").write_bytes(b"not for you")
    return target


def test_a_link_in_the_place_of_a_files_bytes(direct: Wire) -> None:
    """Before the first byte, between two pieces, and between the last one and the registration."""
    secret = outside(direct) / "secret"
    session = direct.begin()
    file = direct.made(session["url"], "x", 20)
    place = direct.data(session, file)
    place.symlink_to(secret)
    assert direct.patch(file, 0, b"12345").status_code == 404
    assert direct.http.head(file, headers=TUS).headers["Upload-Offset"] == "0"
    place.unlink()
    assert direct.patch(file, 0, b"12345").status_code == 204
    place.rename(place.with_suffix(".aside"))
    place.symlink_to(secret)
    assert direct.patch(file, 5, b"67890").status_code in (404, 409)
    place.unlink()
    place.with_suffix(".aside").rename(place)
    assert direct.patch(file, 5, b"678901234567890").status_code == 204
    place.unlink()
    place.symlink_to(secret)
    assert code(direct.register(session, "linked")) == (422, "artifacts_refused")
    assert secret.read_bytes() == b"not for you"
    assert not direct.package("linked").exists()
    assert direct.http.delete(session["url"]).status_code == 204
    assert secret.read_bytes() == b"not for you"


def test_a_hard_link_in_the_place_of_a_files_bytes(direct: Wire) -> None:
    secret = outside(direct) / "secret"
    session = direct.begin()
    file = direct.made(session["url"], "x", 20)
    os.link(secret, direct.data(session, file))
    assert direct.patch(file, 0, b"12345").status_code in (404, 409)
    assert direct.patch(file, 11, b"123456789").status_code == 404
    assert secret.read_bytes() == b"not for you"


@pytest.mark.parametrize("part", ["data", "."])
def test_a_link_in_the_place_of_a_directory(direct: Wire, part: str) -> None:
    target = outside(direct)
    session = direct.begin()
    file = direct.made(session["url"], "x", 4)
    place = direct.home(session) / part
    aside = target.with_name(target.name + "-aside")
    os.rename(os.path.normpath(place), aside)
    os.symlink(target, os.path.normpath(place))
    before = tree(target)
    answers = [
        direct.patch(file, 0, b"1234"),
        direct.register(session, "linked"),
        direct.http.delete(file, headers=TUS),
        direct.http.get(session["url"]),
    ]
    assert all(400 <= answer.status_code < 500 for answer in answers), [a.status_code for a in answers]
    assert tree(target) == before


@pytest.mark.parametrize("kind", ["fifo", "directory"])
def test_something_else_in_the_place_of_a_files_bytes(direct: Wire, kind: str) -> None:
    session = direct.begin()
    file = direct.made(session["url"], "x", 4)
    place = direct.data(session, file)
    os.mkfifo(place) if kind == "fifo" else place.mkdir()
    answer = direct.patch(file, 0, b"1234")
    assert answer.status_code in (404, 503)
    assert direct.http.head(file, headers=TUS).status_code == 200
