"""Who calls, which models there are, and what the rules give whom: the axes of the matrix."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import IdentitySettings, Settings
from registry_core import CoreSettings, Kind, ModelRegistry, Principal
from registry_core.access.governing import create_token
from registry_core.access.roles import Role
from registry_core.access.tokens import TokenKind, cut_of
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.access.issuers import OIDC
from ..core.access.ruled import journal_of, put, written
from ..support.old_registry import OldRegistry
from ..support.packages import write_files

AUDIENCE, SECRET = "registry", "a secret that tests share with nobody else"
SAID = "what-only-the-bytes-say"
FILES = {
    "model.pt": b"weights",
    "metrics.json": b'{"f1": 0.5}',
    "deep/notes.md": b"deep",
    "README.md": f"---\npipeline_tag: {SAID}\n---\n".encode(),
}
OLD_FILES = {"model.pt": b"weights", "metrics.json": b'{"f1": 0.5}'}

RULES = written(
    protected_aliases=["production", "staging"],
    admins=["user:chief"],
    blocked=["user:blocked"],
    rules=[
        *({"who": [f"user:{role}"], "on": ["own/*", "old/*"], "role": role} for role in Role),
        {"who": ["token:ci"], "on": ["own/*", "old/*"], "role": "publisher"},
        {"who": ["user:blocked"], "on": ["*/*"], "role": "maintainer"},
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
    ],
)


@dataclass(frozen=True)
class Caller:
    """``given``: the role where rules name the caller. ``is_refused``: the credentials do not count.

    ``is_blocked``: they do, and give nothing. ``is_somebody``: credentials come. ``is_person``: of an issuer; tokens of
    the registry get nothing of what is given to all: ``ci`` is a service's, ``cut`` what a maintainer leaves of his.
    """

    given: Role | None = None
    is_refused: bool = False
    is_blocked: bool = False
    is_somebody: bool = True
    is_person: bool = True


CALLERS: dict[str, Caller] = {
    "anonymous": Caller(is_somebody=False),
    "stranger": Caller(),
    **{str(role): Caller(role) for role in Role},
    "ci": Caller(Role.PUBLISHER, is_person=False),
    "cut": Caller(Role.USER, is_person=False),
    "chief": Caller(Role.ADMIN),
    "blocked": Caller(is_blocked=True),
    "expired": Caller(is_refused=True),
}
ADMINS = {"chief"}  # of the registry itself, and of every model


@dataclass(frozen=True)
class Model:
    """A model that calls name. ``gives``: to whom the rules give what: to those whom they name, to all, to nobody.

    ``is_old``: of older software, which knows no folders in what it proves.
    """

    task: str
    gives: str = "named"
    is_there: bool = True
    is_old: bool = False

    def role(self, who: str) -> Role | None:
        """What the rules give the caller on it."""
        caller = CALLERS[who]
        if caller.is_refused or caller.is_blocked:
            return None
        if who in ADMINS:
            return Role.ADMIN
        if self.gives == "named":
            return caller.given
        return Role.USER if self.gives == "all" and (caller.is_person or not caller.is_somebody) else None


MODELS: dict[str, Model] = {
    "given": Model("own"),
    "given, missing": Model("own", is_there=False),
    "legacy": Model("old", is_old=True),
    "public": Model("public", "all"),
    "foreign": Model("foreign", "nobody"),
    "foreign, missing": Model("foreign", "nobody", is_there=False),
}
THERE = [model for model in MODELS.values() if model.is_there]


def name_of(model: Model) -> str:
    return "m" if model.is_there else "n"


class World:
    """A registry with those models, and the service that asks who calls."""

    def __init__(self, area: Path, tokens: Mapping[str, str]) -> None:
        self.area, self.root, self.source, self.tokens = area, area / "root", area / "source", tokens
        core = {"artifacts_allowed_roots": (str(area),), "workers": 1}
        self.registry = ModelRegistry.open(settings=CoreSettings(root=str(self.root), **core))  # type: ignore[arg-type]
        identity = IdentitySettings("required", OIDC, AUDIENCE, jwt_secret=SECRET)
        served = CoreSettings(root=str(self.root), catalog_dir=str(area / "catalogue"), **core)  # type: ignore[arg-type]
        self.app: Flask = create_app(Settings(core=served, threads=8, identity=identity))
        self.client: FlaskClient = self.app.test_client(use_cookies=False)
        self.words: dict[tuple[str, str], dict[str, str]] = {}  # task and name of a model -> what requests of it name

    def headers_of(self, who: str) -> dict[str, str]:
        """Every request has the same id, so that answers can be compared."""
        token = self.tokens.get(who)
        return {"X-Request-Id": "1", **({} if token is None else {"Authorization": f"Bearer {token}"})}

    def marks(self) -> dict[str, tuple[int, ...]]:
        """All that lies in the root, with what changes when it is touched."""
        found = {}
        for top, _, names in os.walk(self.root):
            for path in [top, *(os.path.join(top, name) for name in names)]:
                at = os.lstat(path)
                found[path] = (at.st_mode, at.st_size, at.st_mtime_ns, at.st_ino)
        return found

    def without_what_is_foreign(self, area: Path) -> World:
        """The same registry, as it were if nobody had ever made the foreign model."""
        area.mkdir()
        shutil.copytree(self.root, area / "root", symlinks=True)
        shutil.rmtree(area / "root" / "tasks" / "foreign")
        return World(area, self.tokens)


def person(subject: str, **claims: Any) -> str:
    now = datetime.now(UTC)
    said = {"iss": OIDC, "aud": AUDIENCE, "sub": subject, "exp": now + timedelta(hours=1), **claims}
    return jwt.encode(said, SECRET, "HS256")


def make(area: Path) -> World:
    """Of each model 1 is ``latest``, ``production`` and ``candidate``, 2 nobody names, 3 is deleted; there is a run."""
    root, source = area / "root", write_files(area / "source", FILES)
    old = OldRegistry(root).model("old", "m")
    for version in ("1", "2", "3"):
        old.version(version, files=OLD_FILES, alias="latest" if version == "1" else None)
    registry = ModelRegistry.open(settings=CoreSettings(root=str(root), workers=1))
    for model in THERE:
        for version in () if model.is_old else ("1", "2", "3"):
            registry.register(model.task, "m", version, source, set_alias="latest" if version == "1" else None)
        for alias, version in (("production", "2"), ("production", "1"), ("candidate", "1")):
            registry.promote(model.task, "m", alias, version, actor="ada")
        registry.delete(model.task, "m", "3", reason="wrong", actor="ada")
        registry.log_metric(model.task, "m", "run", "loss", 1.0)
    journal = journal_of(FilesystemStorage(root))
    put(journal.storage, RULES)
    tokens = {who: person(who) for who, caller in CALLERS.items() if caller.is_somebody and caller.is_person}
    tokens["ci"] = create_token(journal, TokenKind.SERVICE, "ci").text
    owner = Principal(Kind.USER, "maintainer", OIDC)
    cut = cut_of("user", ["own/*", "old/*"], None)
    tokens["cut"] = create_token(journal, TokenKind.PERSONAL, "cut", owner=owner, cut=cut).text
    tokens["expired"] = person("chief", exp=datetime.now(UTC) - timedelta(hours=1))
    return World(area, tokens)


def code_of(body: bytes) -> str | None:
    """The code of a problem document."""
    return json.loads(body)["code"] if body else None
