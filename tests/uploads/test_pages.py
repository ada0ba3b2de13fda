"""An announcement that comes in pages: judged page by page, whole with the last one, and never registered before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry_core import (
    AnnouncementUnfinished,
    ArtifactsRefused,
    InvalidParameter,
    ModelRegistry,
    UploadLocked,
    UploadNotFound,
    UploadTooLarge,
)

from .test_kills import Bytes
from .wire import Wire, announced, code

Open = Callable[..., ModelRegistry]
A, B, C = (announced(path, path.encode()) for path in ("d/a", "b", "c"))


def bring(registry: ModelRegistry, upload_id: str, *files: dict[str, Any]) -> None:
    for file in files:
        made = registry.add_upload(upload_id, file["path"], file["size_bytes"])
        registry.receive(upload_id, made.file_id, 0, Bytes(file["path"].encode()))


def test_pages_are_one_announcement(anywhere: Open) -> None:
    upload = anywhere().begin_upload("t", "m", [A], more=True).upload_id
    assert anywhere().announce_upload(upload, [B], more=True).have == []
    bring(anywhere(), upload, A, B)
    with pytest.raises(AnnouncementUnfinished):
        anywhere().register("t", "m", "1", upload_id=upload)
    anywhere().announce_upload(upload, [C])
    with pytest.raises(ArtifactsRefused) as refused:
        anywhere().register("t", "m", "1", upload_id=upload)
    assert refused.value.detail["problems"] == [{"path": "c", "reason": "was announced, and has not arrived"}]
    bring(anywhere(), upload, C)
    anywhere().register("t", "m", "1", upload_id=upload)
    assert anywhere().verify("t", "m@1").files_checked == 4


def test_each_page_says_what_of_it_need_not_be_sent(anywhere: Open) -> None:
    first = anywhere().begin_upload("t", "m").upload_id
    bring(anywhere(), first, A, C)
    anywhere().register("t", "m", "1", upload_id=first)
    begun = anywhere().begin_upload("t", "m", [A, B], more=True)
    assert begun.have == ["d/a"]
    page = anywhere().announce_upload(begun.upload_id, [{**C, "path": "e"}])
    assert page.have == ["e"]
    assert anywhere().upload(begun.upload_id).have == ["d/a", "e"]
    bring(anywhere(), begun.upload_id, B)
    anywhere().register("t", "m", "2", upload_id=begun.upload_id)
    assert anywhere().verify("t", "m@2").files_checked == 4


def test_a_repeat_of_the_last_page_changes_nothing(anywhere: Open) -> None:
    upload = anywhere().begin_upload("t", "m", [A], more=True).upload_id
    for registry in (anywhere(), anywhere()):
        registry.announce_upload(upload, [B], more=True)
    for registry in (anywhere(), anywhere()):
        registry.announce_upload(upload, [C])
    with pytest.raises(InvalidParameter, match="ended with the page before"):
        anywhere().announce_upload(upload, [B])
    bring(anywhere(), upload, A, B, C)
    assert len(anywhere().register("t", "m", "1", upload_id=upload).hashes) == 4


@pytest.mark.parametrize("page", [[A], [{**A, "path": "d"}], [{**A, "path": "b/x"}], [{**A, "path": "../x"}]])
def test_pages_that_make_no_package_are_refused(anywhere: Open, page: list[dict[str, Any]]) -> None:
    """And whoever sends another page in the place of it may go on."""
    upload = anywhere().begin_upload("t", "m", [A, B], more=True).upload_id
    with pytest.raises(ArtifactsRefused):
        anywhere().announce_upload(upload, page)
    anywhere().announce_upload(upload, [])
    bring(anywhere(), upload, A, B)
    anywhere().register("t", "m", "1", upload_id=upload)


def test_limits_are_of_all_pages_together(anywhere: Open) -> None:
    many = anywhere(max_upload_files=3)
    upload = many.begin_upload("t", "m", [A], more=True).upload_id
    many.announce_upload(upload, [B], more=True)
    with pytest.raises(UploadTooLarge) as refused:
        many.announce_upload(upload, [C, {**C, "path": "e"}])
    assert refused.value.detail == {"limit_files": 3}
    large = anywhere(max_upload_bytes=5)
    upload = large.begin_upload("t", "m", [A, B], more=True).upload_id
    with pytest.raises(UploadTooLarge) as refused:
        large.announce_upload(upload, [{**C, "size_bytes": 2}])
    assert (refused.value.detail["size_bytes"], refused.value.detail["limit_bytes"]) == (6, 5)
    large.announce_upload(upload, [C])


def test_nobody_announces_while_another_works(anywhere: Open) -> None:
    registry = anywhere()
    upload = registry.begin_upload("t", "m", [A], more=True).upload_id
    with registry._storage.uploads.alone(upload), pytest.raises(UploadLocked):
        registry.announce_upload(upload, [B])
    registry.cancel_upload(upload)
    with pytest.raises(UploadNotFound):
        registry.announce_upload(upload, [B])


def test_pages_over_http(direct: Wire) -> None:
    session = direct.begin(A, more=True)
    page = f"{session['url']}/files"
    answer = direct.http.post(page, json={"files": [B], "more": True})
    assert (answer.status_code, answer.json()["have"]) == (200, [])
    for path in ("d/a", "b"):
        direct.send(session["url"], path, path.encode())
    assert code(direct.register(session, "pages")) == (409, "announcement_unfinished")
    refused = direct.http.post(page, json={"files": [0] * 5001})
    assert code(refused) == (413, "upload_too_large")
    assert refused.json()["limit_files"] == 5000
    assert code(direct.http.post(page, json={"files": [{"path": "x"}]})) == (422, "invalid_request")
    assert code(direct.http.post(page, json={})) == (422, "invalid_request")
    assert direct.http.post(page, json={"files": []}).status_code == 200
    assert code(direct.http.post(page, json={"files": [C]})) == (422, "invalid_parameter")
    assert direct.register(session, "pages").status_code == 201
    assert code(direct.http.post(page, json={"files": []})) == (404, "upload_not_found")


def test_a_hundred_thousand_files_can_be_announced(direct: Wire) -> None:
    sha256 = A["sha256"]
    session = direct.begin(more=True)
    page = f"{session['url']}/files"
    for begin in range(0, 100_000, 5000):
        files = [{"path": f"f/{n}", "sha256": sha256, "size_bytes": 3} for n in range(begin, begin + 5000)]
        answer = direct.http.post(page, json={"files": files, "more": True})
        assert answer.status_code == 200, answer.text
    one = [{"path": "one more", "sha256": sha256, "size_bytes": 3}]
    assert code(direct.http.post(page, json={"files": one})) == (413, "upload_too_large")
    assert direct.http.post(page, json={"files": []}).status_code == 200
    assert direct.http.delete(session["url"]).status_code == 204
