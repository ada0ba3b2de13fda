"""A session is known by an id that only a browser has, ends when it says, and says no more than who signed in."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from registry_core import CoreSettings, Kind, ModelRegistry, Principal
from registry_core.access import sessions
from registry_core.access.governing import create_token, revoke_token
from registry_core.access.held import HeldRules
from registry_core.access.principal import Cut
from registry_core.access.roles import Role
from registry_core.access.sessions import KEPT_S, LIFE, Sessions
from registry_core.access.tokens import TokenKind
from registry_core.format.layout import SESSIONS
from registry_core.storage.contract import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from .issuers import ISSUERS, OIDC
from .ruled import NOW, journal_of
from .test_held import Remote

ADA = Principal(
    Kind.USER, "ada", OIDC, "ada@lab.example", frozenset(("ml", "größe")), "7", frozenset(("model.use",)), via="jwt"
)


@pytest.fixture(params=["filesystem", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return FilesystemStorage(tmp_path) if request.param == "filesystem" else MemoryStorage()


def of(storage: Storage) -> Sessions:
    return Sessions(storage, HeldRules(journal_of(storage), ISSUERS).still_admitted)


def documents(storage: Storage) -> list[str]:
    return [entry.key for entry in storage.documents.list(SESSIONS)]


def test_whoever_signed_in_is_known_by_every_process_for_eight_hours(storage: Storage) -> None:
    made, ends = of(storage).begin(ADA, NOW)
    assert (len(made), ends) == (64, NOW + LIFE)
    found = of(storage).principal(made, NOW + LIFE - timedelta(seconds=1))
    assert found == replace(ADA, via="session", expires_at=NOW + LIFE)
    assert of(storage).principal(made, NOW + LIFE) is None


def test_it_ends_with_what_it_was_made_of(storage: Storage) -> None:
    here, ends = of(storage), NOW + timedelta(minutes=5)
    made, said = here.begin(replace(ADA, expires_at=ends), NOW)
    found = here.principal(made, NOW)
    assert found is not None
    assert found.expires_at == said == ends
    assert here.principal(made, ends) is None


def test_the_id_is_in_nothing_that_is_kept_and_nobody_else_may_read_that(tmp_path: Path) -> None:
    made, _ = of(FilesystemStorage(tmp_path)).begin(ADA, NOW)
    [file] = (tmp_path / SESSIONS).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    kept = file.name + file.read_text()
    assert made not in kept
    assert [
        one
        for one in (file.stem, "", "../x", "\ud800", "0" * 64)
        if of(FilesystemStorage(tmp_path)).principal(one, NOW)
    ] == []


def test_it_ends_when_it_is_ended(storage: Storage) -> None:
    here, there = of(storage), of(storage)
    made, _ = here.begin(ADA, NOW)
    assert there.principal(made, NOW) is not None
    here.end(made)
    here.end(made)
    assert there.principal(made, NOW) is here.principal(made, NOW) is None
    assert documents(storage) == []


def test_each_look_at_a_store_holds_for_five_seconds_and_not_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    here, there = of(storage), of(storage)
    made, _ = here.begin(ADA, NOW)
    storage.documents = Remote(storage.state)
    asked, now = [], [1000.0]
    real = Remote.read
    monkeypatch.setattr(Remote, "read", lambda self, key: (asked.append(key), real(self, key))[1])  # type: ignore[func-returns-value]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    assert all(there.principal(made, NOW) for _ in range(3))
    assert len(asked) == 1
    assert here.principal(made, NOW) is not None
    here.end(made)
    assert here.principal(made, NOW) is None
    assert there.principal(made, NOW) is not None
    now[0] += KEPT_S
    assert there.principal(made, NOW) is None


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_of_the_registry_is_what_it_is_now(storage: Storage, kind: TokenKind) -> None:
    journal = journal_of(storage)
    owner = ADA if kind is TokenKind.PERSONAL else None
    made = create_token(journal, kind, "mine", owner=owner, cut=Cut(role=Role.VIEWER))
    rules = HeldRules(journal, ISSUERS)
    here = Sessions(storage, rules.still_admitted)
    admitted = rules.admitted(made.text, NOW)
    assert admitted is not None
    session_id, _ = here.begin(admitted, NOW)
    assert made.text not in "".join(storage.documents.read(key).data.decode() for key in documents(storage))
    found = here.principal(session_id, NOW)
    assert found == replace(admitted, via="session", expires_at=NOW + LIFE)
    assert found.cut == Cut(role=Role.VIEWER)
    revoke_token(journal, made.kept.id, actor=None, reason=None)
    rules.forget()
    assert here.principal(session_id, NOW) is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"{",
        {"schema": "omr-session/2"},
        {"expires_at": "soon"},
        {"expires_at": None},
        {"kind": "king"},
        {"kind": None},
        {"who": None},
        {"who": {"subject": "root"}},
        {"token_id": "../../x"},
        {"token_id": ["x"]},
    ],
)
def test_one_whose_document_is_not_understood_whole_has_ended(
    storage: Storage, damage: bytes | dict[str, object]
) -> None:
    made, _ = of(storage).begin(ADA, NOW)
    [key] = documents(storage)
    said = json.loads(storage.documents.read(key).data)
    storage.documents.write(key, damage if isinstance(damage, bytes) else json.dumps({**said, **damage}).encode())
    assert of(storage).principal(made, NOW) is None


def test_a_text_is_spent_once_by_all_who_try_at_once_and_is_no_session(storage: Storage) -> None:
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda _: of(storage).spend("state", NOW + LIFE), range(32)))
    assert won.count(True) == 1
    assert of(storage).spend("another", NOW + LIFE)
    assert of(storage).principal("spent state", NOW) is None


def test_a_sweep_removes_what_has_expired_and_what_nobody_can_read(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    here = of(storage)
    long, _ = here.begin(ADA, NOW)
    short, _ = here.begin(replace(ADA, expires_at=NOW + timedelta(seconds=9)), NOW)
    here.spend("state", NOW + timedelta(seconds=9))
    (tmp_path / SESSIONS / "damaged.json").write_bytes(b"{")
    later = NOW + timedelta(seconds=10)
    named = here.sweep(later, dry_run=True)
    assert (len(named), len(documents(storage))) == (3, 4)
    assert here.sweep(later, dry_run=False) == named
    assert len(documents(storage)) == 1
    assert here.principal(long, later) is not None
    assert here.principal(short, later) is None


def test_the_first_sign_in_of_a_process_clears_what_others_have_left(storage: Storage) -> None:
    of(storage).begin(ADA, NOW - LIFE)
    of(storage).begin(ADA, NOW)
    assert len(documents(storage)) == 1


def test_a_registry_sweeps_them_checks_where_they_lie_and_takes_none_along(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(str(tmp_path / "root"), settings=CoreSettings())
    registry.identify()
    (old, _), (young, _) = (registry.sessions.begin(ADA, at) for at in (NOW - 2 * LIFE, NOW))
    registry.sessions.begin(replace(ADA, expires_at=NOW - LIFE), NOW - LIFE)
    assert registry.check().is_clean
    target = ModelRegistry.open("memory://", settings=CoreSettings())
    registry.migrate_to(target)
    assert list(target._storage.documents.list(SESSIONS)) == []
    swept = registry.sweep()
    assert [key for key in swept.removed if key.startswith(f"{SESSIONS}/")] == swept.removed
    assert len(swept.removed) == 2
    assert registry.sessions.principal(young, NOW) is not None
    assert registry.sessions.principal(old, NOW) is None
    (tmp_path / "root" / SESSIONS / f"{'0' * 64}.json").symlink_to("/etc/passwd")
    (tmp_path / "root" / SESSIONS / f"{'1' * 64}.json").mkdir()
    found = {finding.where for finding in registry.check().findings if finding.code == "planted"}
    assert found == {f"{SESSIONS}/{digit * 64}.json" for digit in "01"}
