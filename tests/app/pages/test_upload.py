"""A version is registered from the files of an upload; whatever is refused leaves them, and the address finds them."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from registry_core import ModelRegistry, UploadNotFound

from ...support.servers import wait_for
from .a_model import MODEL, TASK, register
from .signed_in import required, signed_in
from .visiting import Page, Visitor

UPLOAD = "/ui/upload"


def sent(registry: ModelRegistry, *, whole: bool = True) -> str:
    """The id of an upload with a file."""
    upload_id = registry.begin_upload(TASK, MODEL).upload_id
    file = registry.add_upload(upload_id, "model.pt", 7)
    registry.receive(upload_id, file.file_id, 0, BytesIO(b"weights" if whole else b"wei"))
    return upload_id


def ended(visit: Visitor, address: str) -> Page:
    return wait_for(lambda: visit.get(address), lambda page: 'data-poll="' not in page.text, "it goes on")


def test_the_page_begins_with_what_the_address_says(visit: Visitor) -> None:
    page = visit.get(f"{UPLOAD}?task=a&model=b&version=1.0&reason=why")
    fields = page.form("Register").fields
    assert {name: fields[name] for name in ("task", "model", "version", "reason", "upload")} == {
        **{"task": "a", "model": "b", "version": "1.0"},
        **{"reason": "why", "upload": ""},
    }
    assert "omr push DIRECTORY a b 1.0" in page.words


def test_an_upload_is_registered_by_a_plain_form(visit: Visitor, registry: ModelRegistry) -> None:
    upload_id = sent(registry)
    page = visit.get(f"{UPLOAD}?upload={upload_id}&version=1.0.0")
    assert "model.pt 7 B arrived" in page.words
    answer = visit.press(page, "Register", reason="from afar", who="ada")
    address = answer.headers["Location"]
    assert parse_qs(urlsplit(address).query)["upload"] == [upload_id]
    page = ended(visit, address)
    assert "1.0.0 is registered." in page.words
    event = registry.history(TASK, MODEL).events[0]
    assert (event.version, event.actor, event.reason) == ("1.0.0", "ada", "from afar")
    assert page.words == visit.get(address).words  # a reload


def test_another_version_of_that_name_leaves_the_files(visit: Visitor, registry: ModelRegistry, tmp_path: Path) -> None:
    register(registry, tmp_path)
    upload_id = sent(registry)
    page = visit.get(f"{UPLOAD}?upload={upload_id}&version=1.0.0")
    page = Page(visit.press(page, "Register", 409, reason="mine", who="ada").text)
    assert "has a version 1.0.0 already" in page.words
    assert "The files are all here still." in page.words
    assert page.form("Register").fields["reason"] == "mine"
    answer = visit.press(page, "Register", version="3.0.0")
    assert "3.0.0 is registered." in ended(visit, answer.headers["Location"]).words


def test_what_fails_later_leads_back_to_the_files(visit: Visitor, registry: ModelRegistry) -> None:
    upload_id = sent(registry, whole=False)
    answer = visit.press(visit.get(f"{UPLOAD}?upload={upload_id}&version=1.0.0"), "Register", reason="early")
    page = ended(visit, answer.headers["Location"])
    assert "Nothing was registered." in page.words
    assert "The files are all here still." in page.words
    assert page.form("Register").fields["version"] == "1.0.0"
    assert "model.pt 7 B 3 B" in page.words


def test_a_form_sent_twice_is_one_operation(visit: Visitor, registry: ModelRegistry) -> None:
    upload_id = sent(registry)
    page = visit.get(f"{UPLOAD}?upload={upload_id}&version=1.0.0")
    first = visit.press(page, "Register", reason="x", who="ada").headers["Location"]
    form = page.form("Register")
    again = visit.client.post(
        form.action, data={**form.fields, "reason": "x", "who": "ada"}, headers={"Origin": "http://localhost"}
    )
    assert again.status_code in (303, 409)  # it goes on, or there is the version already
    if again.status_code == 303:
        assert again.headers["Location"] == first
    assert "1.0.0 is registered." in ended(visit, first).words


def test_an_upload_that_is_gone_is_told(visit: Visitor) -> None:
    assert "This upload is gone." in visit.get(f"{UPLOAD}?upload={uuid4().hex}&task=a&model=b").words


def test_nothing_to_register_is_told(visit: Visitor) -> None:
    answer = visit.press(visit.get(f"{UPLOAD}?task=a&model=b&version=1"), "Register", 422)
    assert "No file has come yet." in Page(answer.text).words


def test_a_wrong_name_is_told_before_anything_begins(visit: Visitor, registry: ModelRegistry) -> None:
    upload_id = sent(registry)
    page = visit.get(f"{UPLOAD}?upload={upload_id}&version=1..0")
    assert "Nothing was registered." in Page(visit.press(page, "Register", 422).text).words


def test_an_upload_is_given_up(visit: Visitor, registry: ModelRegistry) -> None:
    upload_id = sent(registry)
    page = visit.get(f"{UPLOAD}?upload={upload_id}")
    (form,) = [form for form in page.forms if form.action.endswith("/cancel")]
    answer = visit.post(form.action, 303, **form.fields)
    assert answer.headers["Location"] == f"{UPLOAD}?task={TASK}&model={MODEL}"
    try:
        registry.upload(upload_id)
    except UploadNotFound:
        return
    raise AssertionError("it is there still")


def test_pages_that_only_show_register_nothing(visiting: Callable[..., Visitor], registry: ModelRegistry) -> None:
    visit = visiting(ui="readonly")
    upload_id = sent(registry)
    assert not [form for form in visit.get(UPLOAD).forms if "version" in form.fields]
    visit.post(UPLOAD, 403, task=TASK, model=MODEL, version="1", upload=upload_id)
    visit.post(f"{UPLOAD}/cancel", 403, task=TASK, model=MODEL, upload=upload_id)
    assert registry.upload(upload_id).files[0].complete


def test_what_is_not_finished_can_be_gone_on_with(visit: Visitor, registry: ModelRegistry) -> None:
    assert "not finished" not in visit.get(UPLOAD).words
    upload_id = sent(registry, whole=False)
    page = visit.get(UPLOAD)
    assert "1 upload is not finished" in page.words
    (link,) = [link for link in page.links if upload_id in link]
    assert "model.pt 7 B 3 B" in visit.get(link).words


def test_what_is_offered_to_be_pasted_is_one_command_whatever_the_address_names(visit: Visitor) -> None:
    page = visit.get(f"{UPLOAD}?task=$(id)&model=m;reboot&version=1%0Areboot")
    assert "omr push DIRECTORY '$(id)' 'm;reboot' '1 reboot'" in page.words
    assert "omr push DIRECTORY TASK MODEL VERSION" in visit.get(UPLOAD).words


@pytest.mark.parametrize(("who", "is_offered"), [("reader", False), ("ci", True)])
def test_whoever_may_not_register_is_shown_no_form_that_would_be_refused(
    registry: ModelRegistry, who: str, is_offered: bool
) -> None:
    required(registry)
    page = signed_in(registry, who).get(f"{UPLOAD}?task=celltype&model=new")
    assert bool([form for form in page.forms if "version" in form.fields]) == is_offered
