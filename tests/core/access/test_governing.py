"""Rules and tokens come to hold by one event each, and what fails changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry_core import AccessMoved, InvalidParameter, NameTaken, TokenNotFound
from registry_core.access.governing import Change, create_token, list_tokens, revoke_token, set_document
from registry_core.access.principal import Cut, Kind, Principal
from registry_core.access.roles import Role
from registry_core.access.tokens import TokenKind
from registry_core.format.layout import DOCUMENTS, REGISTRY_JOURNAL
from registry_core.storage.contract import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.errors import StorageFull

from .issuers import OIDC
from .ruled import FIRST, NOW, SECOND, journal_of, put, read, written


@pytest.fixture
def storage(tmp_path: Path) -> FilesystemStorage:
    return FilesystemStorage(tmp_path)


def lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / REGISTRY_JOURNAL).read_text().splitlines()]


def test_a_document_that_holds_already_is_no_event(storage: Storage, tmp_path: Path) -> None:
    assert put(storage, FIRST) == put(storage, FIRST) == 1
    assert len(lines(tmp_path)) == 1


def test_one_that_is_gone_is_put_back_by_setting_it_again(storage: Storage, tmp_path: Path) -> None:
    put(storage, FIRST)
    (kept,) = (tmp_path / DOCUMENTS).iterdir()
    kept.write_bytes(b"{}")
    assert put(storage, FIRST) == 2
    assert read(storage).data == FIRST


def test_whoever_expects_another_document_is_refused(storage: Storage, tmp_path: Path) -> None:
    def replace(expected_seq: int, data: bytes) -> Change:
        return set_document(journal_of(storage), data, expected_seq=expected_seq, actor=None, reason=None)

    with pytest.raises(AccessMoved) as refused:
        replace(1, FIRST)
    assert refused.value.detail == {"expected_seq": 1, "actual_seq": 0}
    assert replace(0, FIRST).seq == 1
    create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    with pytest.raises(AccessMoved):
        replace(2, SECOND)
    assert replace(1, SECOND).seq == 3


def test_a_document_that_is_not_understood_is_not_set(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter) as refused:
        put(storage, written(rules=[{"who": ["anybody"], "on": ["*/*"], "role": "user"}]))
    assert refused.value.detail["field"] == "rules[0].who[0]"
    assert list(tmp_path.iterdir()) == []


def test_a_change_that_fails_takes_no_earlier_document_away(storage: Storage, tmp_path: Path, monkeypatch: Any) -> None:
    """An earlier event names it too: what rules held then is told by it."""
    put(storage, FIRST)
    put(storage, SECOND)

    def fail(*_: Any) -> None:
        raise StorageFull("The storage is full.")

    with monkeypatch.context() as full:
        full.setattr(storage.documents, "append", fail)
        for data in (FIRST, written(blocked=["user:third"])):
            with pytest.raises(StorageFull):
                put(storage, data)
    kept = {place.read_bytes() for place in (tmp_path / DOCUMENTS).iterdir()}
    assert kept == {FIRST, SECOND}
    assert read(storage).data == SECOND
    assert put(storage, FIRST) == 3


def test_the_event_of_a_token_says_nothing_that_is_secret(storage: Storage, tmp_path: Path) -> None:
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci", actor="ops", reason="for the nightly build")
    (event,) = lines(tmp_path)
    assert event["event"] == "token"
    assert event["token"].keys() == {"id", "kind", "name", "expires_at", "digest"}
    assert (event["token"]["id"], event["token"]["name"], event["actor"]) == (made.kept.id, "ci", "ops")
    revoke_token(journal_of(storage), made.kept.id, actor="ops", reason="lost")
    assert lines(tmp_path)[1]["token"] == {"id": made.kept.id, "revoked": True}


def test_of_service_tokens_a_name_is_one_of_those_that_count(storage: Storage) -> None:
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    with pytest.raises(NameTaken):
        create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    revoke_token(journal_of(storage), made.kept.id, actor=None, reason=None)
    create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    ada = Principal(Kind.USER, "ada", OIDC)
    for _ in range(2):  # a person calls hers what she likes
        create_token(journal_of(storage), TokenKind.PERSONAL, "ci", owner=ada)


def test_those_that_count_are_listed(storage: Storage) -> None:
    ada = Principal(Kind.USER, "ada", OIDC)
    first = create_token(journal_of(storage), TokenKind.PERSONAL, "laptop", owner=ada, cut=Cut(Role.USER))
    second = create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    assert list_tokens(journal_of(storage), NOW) == [first.kept, second.kept]
    assert list_tokens(journal_of(storage), second.kept.expires_at) == []
    revoke_token(journal_of(storage), first.kept.id, actor=None, reason=None)
    assert list_tokens(journal_of(storage), NOW) == [second.kept]


@pytest.mark.parametrize("which", ["revoked", "unknown", "../../etc/passwd", ""])
def test_only_one_that_counts_can_be_revoked(storage: Storage, tmp_path: Path, which: str) -> None:
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    revoke_token(journal_of(storage), made.kept.id, actor=None, reason=None)
    with pytest.raises(TokenNotFound):
        revoke_token(journal_of(storage), made.kept.id if which == "revoked" else which, actor=None, reason=None)
    assert len(lines(tmp_path)) == 2
