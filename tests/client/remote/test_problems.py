"""Every error of the core comes back over HTTP as the class that it was, with message, code and detail."""

from __future__ import annotations

import json
from functools import cache

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app import create_app
from app.config import Settings
from app.web.errors import TABLE
from registry_client.remote.problems import by_code, from_document
from registry_core import (
    Conflict,
    CoreSettings,
    InvalidInput,
    InvalidParameter,
    NotFound,
    RegistryError,
    StorageError,
    StorageFull,
    StorageUnavailable,
)

MESSAGE = "In words: ü."
PROBLEMS = {"path": "a/b", "problems": [{"path": "x", "kind": "changed", "expected": None, "actual": None}]}
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
DETAIL = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,8}", fullmatch=True),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS | st.lists(st.dictionaries(WORDS, WORDS)),
    max_size=4,
)


@cache
def application() -> Flask:
    app = create_app(Settings(core=CoreSettings()))

    @app.get("/fails/<code>")
    def fails(code: str) -> str:
        raise by_code()[code](MESSAGE, **PROBLEMS)

    return app


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.code)
def test_every_code_comes_back_as_its_class(kind: type[RegistryError]) -> None:
    answer = application().test_client().get(f"/fails/{kind.code}")
    assert answer.content_type == "application/problem+json"
    came = from_document(answer.status_code, json.loads(answer.data))
    assert type(came) is kind
    assert (came.message, came.detail, came.code, came.title) == (MESSAGE, PROBLEMS, kind.code, kind.title)
    assert str(came) == MESSAGE


def test_no_code_of_the_tree_is_unknown() -> None:
    assert {kind.code for kind in TABLE} <= by_code().keys()
    assert all(by_code()[kind.code] is kind for kind in TABLE)


@given(message=WORDS, detail=DETAIL)
def test_message_and_detail_come_back_whatever_they_are(message: str, detail: dict[str, object]) -> None:
    document = {**detail, "type": "t", "title": "T", "status": 409, "detail": message, "ok": False}
    came = from_document(409, {**document, "code": "alias_moved", "request_id": "r"})
    assert (came.message, came.detail, came.code) == (message, detail, "alias_moved")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (404, NotFound),
        (409, Conflict),
        (413, InvalidInput),
        (418, InvalidInput),
        (423, Conflict),
        (429, StorageUnavailable),
        (500, StorageError),
        (503, StorageUnavailable),
        (507, StorageFull),
        (599, StorageError),
    ],
)
def test_a_code_of_a_newer_server_is_kept_and_classed_by_its_status(status: int, kind: type[RegistryError]) -> None:
    document = {"title": "New", "status": status, "detail": "New.", "ok": False, "code": "brand_new", "x": 1}
    came = from_document(status, document)
    assert type(came) is kind
    assert (came.code, came.title, came.detail) == ("brand_new", "New", {"x": 1})
    assert kind.code != "brand_new", "the class itself has not changed"


def test_what_the_web_framework_refuses_is_what_the_core_would_have_raised() -> None:
    came = from_document(422, {"detail": "limit: no.", "code": "invalid_request", "errors": {"limit": ["no"]}})
    assert type(came) is InvalidParameter
    assert came.detail == {"errors": {"limit": ["no"]}}
