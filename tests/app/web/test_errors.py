"""The core's error tree, THE table, the documents and the exit codes say the same."""

from __future__ import annotations

import re

import pytest

import registry_core
from app import create_app
from app.config import Settings
from app.web.errors import FRAMEWORK_CODES, TABLE
from registry_client.cli.command import exit_code
from registry_core import (
    AccessUnreadable,
    IdentityUnavailable,
    IntegrityError,
    InvalidToken,
    NotConfigured,
    NotFound,
    PermissionDenied,
    RegistryError,
    StorageError,
    Unauthenticated,
)

from ...support.servers import REPOSITORY

ERRORS = REPOSITORY / "docs/errors.md"
OWN_CODES = {"busy": 503, "read_only": 403}  # the service's own: see app/web/errors.py and app/hub/errors.py


def leaves(error: type[RegistryError] = RegistryError) -> set[type[RegistryError]]:
    below = error.__subclasses__()
    return set().union(*(leaves(child) for child in below)) if below else {error}


def test_every_leaf_has_a_row_and_every_row_is_a_leaf() -> None:
    assert set(TABLE) == leaves()


def test_every_leaf_is_public_and_drawn_in_the_tree() -> None:
    import registry_core.vocabulary.errors as errors

    for leaf in leaves():
        assert getattr(registry_core, leaf.__name__) is leaf
        drawn = re.search(rf"── {leaf.__name__} +{leaf.code}\b", errors.__doc__ or "")
        assert drawn, (
            f"{leaf.__name__} is not drawn with its code in the docstring of registry_core/vocabulary/errors.py"
        )


def test_codes_are_unique_and_stable_words() -> None:
    codes = [leaf.code for leaf in leaves()] + [*FRAMEWORK_CODES.values(), *OWN_CODES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_statuses_follow_the_branches() -> None:
    """Each branch of the error tree keeps to the statuses that ``docs/errors.md`` gives its codes."""
    expected = {
        "InvalidInput": {413, 422},
        "NotFound": {404, 410},
        "Conflict": {409, 423},
        "IntegrityError": {409, 422, 460},
        "StorageError": {503, 507},
        "NotConfigured": {503},
    }
    for name, statuses in expected.items():
        assert {TABLE[leaf] for leaf in leaves(getattr(registry_core, name))} == statuses
    assert TABLE[registry_core.DigestMismatch] == 422
    assert TABLE[registry_core.StorageFull] == 507


def test_every_code_has_a_section_with_its_status_in_the_documents() -> None:
    text = ERRORS.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `([a-z_]+)`\n(.*?)(?=^### |^## |\Z)", text, re.MULTILINE | re.DOTALL))
    statuses = {leaf.code: status for leaf, status in TABLE.items()}
    statuses |= {code: status for status, code in FRAMEWORK_CODES.items()} | OWN_CODES
    assert set(statuses) <= set(sections), f"without a section: {set(statuses) - set(sections)}"
    for code, status in statuses.items():
        assert str(status) in sections[code], f"docs/errors.md does not say that {code} is {status}"


@pytest.mark.parametrize("leaf", sorted(TABLE, key=lambda leaf: leaf.code), ids=lambda leaf: leaf.code)
def test_each_error_becomes_its_answer(leaf: type[RegistryError]) -> None:
    """Through the real application: a view that raises the error, as a verb would."""
    app = create_app(Settings())

    @app.get("/raise")
    def fail() -> str:
        raise leaf("A sentence.", retry_after_s=7, status=200, ok=True, field="kept")

    answer = app.test_client().get("/raise")
    assert answer.status_code == TABLE[leaf]
    assert answer.headers["Retry-After"] == "7"
    assert answer.content_type == "application/problem+json"
    assert answer.get_json() == {
        "type": f"urn:omnibioai:model-registry:problem:{leaf.code}",
        "title": leaf.title,
        "status": TABLE[leaf],
        "detail": "A sentence.",
        "ok": False,
        "code": leaf.code,
        "request_id": answer.headers["X-Request-Id"],
        "retry_after_s": 7,
        "field": "kept",
    }


@pytest.mark.parametrize("leaf", sorted(TABLE, key=lambda leaf: leaf.code), ids=lambda leaf: leaf.code)
def test_each_error_has_its_exit_code(leaf: type[RegistryError]) -> None:
    expected = {NotFound: 3, IntegrityError: 4, StorageError: 5, NotConfigured: 5}
    expected |= {AccessUnreadable: 5, IdentityUnavailable: 5, Unauthenticated: 7, InvalidToken: 7, PermissionDenied: 8}
    branch = next((branch for branch in expected if issubclass(leaf, branch)), None)
    assert exit_code(leaf("x")) == (expected[branch] if branch else 1)


def test_what_nobody_foresaw_is_a_500_without_a_word_of_it() -> None:
    app = create_app(Settings())

    @app.get("/raise")
    def fail() -> str:
        raise RuntimeError("secret")

    answer = app.test_client().get("/raise")
    assert answer.status_code == 500
    assert answer.get_json()["code"] == "internal_error"
    assert "secret" not in answer.text
