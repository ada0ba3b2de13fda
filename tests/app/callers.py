"""Who calls, which models there are, and what the rules give whom: the axes of the matrix."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.config import PLATFORM_AUDIENCE, PLATFORM_ISSUER, IdentitySettings, Settings
from registry_core import CoreSettings, Issuers, Kind, ModelRegistry, Principal
from registry_core.access.governing import create_token
from registry_core.access.ownership import Owner
from registry_core.access.roles import Role
from registry_core.access.tokens import TokenKind, cut_of
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.owners import LEGACY_UNOWNED, UNOWNED, Ownership, Status, owned_by

from ..core.access.ruled import journal_of, put, written
from ..support.issuer import AUDIENCE, IssuerServer
from ..support.old_registry import OldRegistry
from ..support.packages import write_files

SECRET = "a secret that tests share with nobody else"
SAID = "what-only-the-bytes-say"
FILES = {
    "model.pt": b"weights",
    "metrics.json": b'{"f1": 0.5}',
    "deep/notes.md": b"deep",
    "README.md": f"---\npipeline_tag: {SAID}\n---\n".encode(),
}
OLD_FILES = {"model.pt": b"weights", "metrics.json": b'{"f1": 0.5}'}

OWNED = ["lab/*", "clinic/*", "nobodys/*", "undecided/*"]
RULES = written(
    protected_aliases=["production", "staging"],
    admins=["user:chief"],
    blocked=["user:blocked"],
    rules=[
        *({"who": [f"user:{role}"], "on": ["own/*", "old/*"], "role": role} for role in Role),
        {"who": ["token:ci"], "on": ["own/*", "old/*"], "role": "publisher"},
        {"who": ["user:blocked"], "on": ["*/*"], "role": "maintainer"},
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
        {"who": ["org:lab", "user:lone"], "on": OWNED, "role": "publisher", "owner": "own-or-unowned"},
        {"who": ["org:clinic"], "on": OWNED, "role": "publisher", "owner": "own"},
    ],
)


@dataclass(frozen=True)
class Caller:
    """``given``: the role where rules name the caller. ``is_refused``: the credentials do not count.

    ``is_blocked``: they do, and give nothing. ``is_somebody``: credentials come. ``is_person``: of an issuer; tokens of
    the registry get nothing of what is given to all: ``ci`` is a service's, ``cut`` what a maintainer leaves of his.
    ``org``: the platform says so of a program. ``owner``: for which models the rule counts that looks at owners.
    """

    given: Role | None = None
    is_refused: bool = False
    is_blocked: bool = False
    is_somebody: bool = True
    is_person: bool = True
    org: str | None = None
    owner: Owner | None = None


CALLERS: dict[str, Caller] = {
    "anonymous": Caller(is_somebody=False),
    "stranger": Caller(),
    **{str(role): Caller(role) for role in Role},
    "ci": Caller(Role.PUBLISHER, is_person=False),
    "cut": Caller(Role.USER, is_person=False),
    "lab": Caller(org="lab", owner=Owner.OWN_OR_UNOWNED),
    "clinic": Caller(org="clinic", owner=Owner.OWN),
    "lone": Caller(owner=Owner.OWN_OR_UNOWNED),
    "chief": Caller(Role.ADMIN),
    "blocked": Caller(is_blocked=True),
    "expired": Caller(is_refused=True),
}
ADMINS = {"chief"}  # of the registry itself, and of every model


@dataclass(frozen=True)
class Model:
    """A model that calls name. ``gives``: to whom the rules give what: to those whom they name, to all, to nobody, or
    as ``owned`` says whose it is. ``is_old``: of older software, which knows no folders in what it proves.
    """

    task: str
    gives: str = "named"
    is_there: bool = True
    is_old: bool = False
    owned: Ownership = UNOWNED

    def role(self, who: str) -> Role | None:
        """What the rules give the caller on it."""
        caller = CALLERS[who]
        if caller.is_refused or caller.is_blocked:
            return None
        if who in ADMINS:
            return Role.ADMIN
        if self.gives == "named":
            return caller.given
        if self.gives == "by owner":
            return Role.PUBLISHER if caller.owner is not None and self._counts(caller) else None
        return Role.USER if self.gives == "all" and (caller.is_person or not caller.is_somebody) else None

    def _counts(self, caller: Caller) -> bool:
        status = self.owned.status if self.is_there else Status.NOT_THERE
        if status is Status.OWNED:
            return self.owned.org == caller.org
        if caller.owner is Owner.OWN or status is Status.LEGACY_UNOWNED:
            return False
        return status is Status.NOT_THERE or caller.org is None


MODELS: dict[str, Model] = {
    "given": Model("own"),
    "given, missing": Model("own", is_there=False),
    "legacy": Model("old", is_old=True),
    "public": Model("public", "all"),
    "the lab's": Model("lab", "by owner", owned=owned_by("lab")),
    "the lab's, missing": Model("lab", "by owner", is_there=False),
    "the clinic's": Model("clinic", "by owner", owned=owned_by("clinic")),
    "nobody's": Model("nobodys", "by owner"),
    "undecided": Model("undecided", "by owner", owned=LEGACY_UNOWNED),
    "foreign": Model("foreign", "nobody"),
    "foreign, missing": Model("foreign", "nobody", is_there=False),
}
THERE = [model for model in MODELS.values() if model.is_there]


def near(who: str) -> list[str]:
    """The models that rules tell apart for the caller; the others are to it as those are of which they give nothing."""
    is_far = {"by owner"} if CALLERS[who].owner is None and who not in (*ADMINS, "anonymous") else set[str]()
    return [name for name, model in MODELS.items() if model.gives not in is_far]


DAMAGED = "damaged"  # a task that admins see; its model is of older software, and lists warn of it


def name_of(model: Model) -> str:
    return "m" if model.is_there else "n"


class World:
    """A registry with those models, and the service that asks who calls."""

    def __init__(self, area: Path, issuer: IssuerServer, tokens: Mapping[str, str]) -> None:
        self.area, self.root, self.source = area, area / "root", area / "source"
        self.issuer, self.tokens = issuer, tokens
        core = {"artifacts_allowed_roots": (str(area),), "workers": 1}
        self.registry = ModelRegistry.open(settings=CoreSettings(root=str(self.root), **core))  # type: ignore[arg-type]
        identity = IdentitySettings("required", issuer.url, AUDIENCE, iam_url=issuer.url, jwt_secret=SECRET)
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

    def without(self, *tasks: str, area: Path) -> World:
        """The same registry, as it were if nobody had ever made the models of these tasks."""
        area.mkdir()
        shutil.copytree(self.root, area / "root", symlinks=True)
        for task in tasks:
            shutil.rmtree(area / "root" / "tasks" / task)
        return World(area, self.issuer, self.tokens)


def program(org: str) -> str:
    """A token of the platform's, for a program of the organization."""
    ends = datetime.now(UTC) + timedelta(hours=1)
    said = {"iss": PLATFORM_ISSUER, "aud": PLATFORM_AUDIENCE, "type": "access", "client_id": org, "org_id": org}
    return jwt.encode({**said, "exp": ends}, SECRET, "HS256")


def make(area: Path, issuer: IssuerServer) -> World:
    """Of each model 1 is ``latest``, ``production`` and ``candidate``, 2 nobody names, 3 is deleted; there is a run.

    An event says that the first of those with an owner is the lab's; of the others older software's document does.
    """
    root, source = area / "root", write_files(area / "source", FILES)
    (root / "tasks").mkdir(parents=True)
    old = OldRegistry(root)
    for version in ("1", "2", "3"):
        old.model("old", "m").version(version, files=OLD_FILES, alias="latest" if version == "1" else None)
    core = CoreSettings(root=str(root), workers=1, artifacts_allowed_roots=(str(area),))
    registry = ModelRegistry.open(settings=core)
    registry.trust(Issuers(issuer.url, PLATFORM_ISSUER))
    journal = journal_of(FilesystemStorage(root))
    put(journal.storage, RULES)
    lab = registry.as_(Principal(Kind.CLIENT, "client:lab", PLATFORM_ISSUER, org="lab"))
    for model in THERE:
        for version in () if model.is_old else ("1", "2", "3"):
            whose = lab if model.task == "lab" else registry
            said = {"metrics": {"hidden": 1.0}} if model.task == "foreign" else {}
            whose.register(model.task, "m", version, source, said, set_alias="latest" if version == "1" else None)
        for alias, version in (("production", "2"), ("production", "1"), ("candidate", "1")):
            registry.promote(model.task, "m", alias, version, actor="ada")
        registry.delete(model.task, "m", "3", reason="wrong", actor="ada")
        registry.log_metric(model.task, "m", "run", "loss", 1.0)
    # What no other model has, so that it shows where anything of these two does.
    registry.patch("foreign", "m", "1", tags={"hidden": "yes"}, description="xyzzy")
    registry.promote("foreign", "m", "hidden", "1")
    damaged = old.model(DAMAGED, "m").version("1").version("2", alias=None).version("3", alias=None)
    (damaged.package("3") / "model_meta.json").write_bytes(b"{")
    old.model("clinic", "m").owned_by("clinic")
    old.model("undecided", "m").owned_by(None)
    undecided = root / "tasks" / "undecided" / "models" / "m" / "ownership.json"
    undecided.write_text(undecided.read_text().replace('"unowned"', '"legacy_unowned"'))
    tokens = {
        who: issuer.token(sub=who) for who, caller in CALLERS.items() if caller.is_somebody and caller.org is None
    }
    tokens |= {who: program(caller.org) for who, caller in CALLERS.items() if caller.org is not None}
    tokens["ci"] = create_token(journal, TokenKind.SERVICE, "ci").text
    owner = Principal(Kind.USER, "maintainer", issuer.url)
    cut = cut_of("user", ["own/*", "old/*"], None)
    tokens["cut"] = create_token(journal, TokenKind.PERSONAL, "cut", owner=owner, cut=cut).text
    tokens["expired"] = issuer.token(sub="chief", exp=1)
    return World(area, issuer, tokens)


def code_of(body: bytes) -> str | None:
    """The code of a problem document."""
    return json.loads(body)["code"] if body else None
