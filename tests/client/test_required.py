"""A service that asks who is calling, and a client with a token: each verb, stream and transfer sends it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_client.push import tus
from registry_core import (
    InvalidToken,
    ModelNotFound,
    ModelRegistry,
    PermissionDenied,
    RegistryError,
    StorageUnavailable,
    TokenNotFound,
    Unauthenticated,
)

from ..core.access.ruled import written
from ..support.issuer import AUDIENCE, IssuerServer, issuer_server
from ..support.machine import MIB, memory_backed, remove_tree
from ..support.packages import open_registry, write_files
from ..support.servers import PREFIX, free_port, gunicorn

RULES = written(
    admins=["user:ops", "token:ops-*"],
    rules=[
        {"who": ["token:ci", "user:pat"], "on": ["own/*"], "role": "maintainer"},
        {"who": ["token:viewer"], "on": ["own/*"], "role": "viewer"},
    ],
)


@dataclass(frozen=True)
class Asking:
    """A service that asks who is calling, and the registry behind it."""

    url: str
    root: Path
    issuer: IssuerServer

    @property
    def registry(self) -> ModelRegistry:
        return open_registry(self.root)

    def service(self, name: str) -> str:
        """A token of the service of that name; the one before does not count any more."""
        for one in self.registry.list_tokens():
            if one.name == name:
                self.registry.revoke_token(one.id)
        return self.registry.create_token("service", name).token

    def as_(self, token: str, **options: Any) -> RegistryClient:
        return RegistryClient(self.url, token=token, retries=0, **options)


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    root = Path(tempfile.mkdtemp(prefix="registry-asking-", dir=memory_backed(512 * MIB)))
    registry = open_registry(root)
    source = write_files(root.with_name(f"{root.name}-source"), {"model.pt": b"x", **small_files()})
    for task in ("own", "foreign"):
        registry.register(task, "m", "1", source)
        registry.register(task, "m", "2", source, set_alias=None)
    registry.set_access_rules(RULES)
    with issuer_server() as issuer:
        env = {f"{PREFIX}OIDC_ISSUER": issuer.url, f"{PREFIX}OIDC_AUDIENCE": AUDIENCE, f"{PREFIX}AUTH": "required"}
        with gunicorn(root, workers=1, env=env) as server:
            yield Asking(server.url, root, issuer)
    remove_tree(root)
    remove_tree(source)


def small_files() -> dict[str, bytes]:
    """As many as make a pull ask for an archive, and a push send a pack."""
    return {f"part/{number}.bin": os.urandom(100) for number in range(40)}


def pushed(client: RegistryClient, area: Path) -> Any:
    return client.push(write_files(area / "to-push", small_files()), "own", "pushed", "1", use_cache=False)


CALLS: dict[str, Callable[[RegistryClient, Path], Any]] = {
    "whoami": lambda client, _: client.whoami(),
    "list_models": lambda client, _: client.list_models(task="own"),
    "list_tasks": lambda client, _: client.list_tasks(),
    "list_summaries": lambda client, _: client.list_summaries(),
    "activity": lambda client, _: client.activity(),
    "show": lambda client, _: client.show("own", "m@1"),
    "resolve": lambda client, _: client.resolve("own", "m@1"),
    "verify in the background": lambda client, _: client.verify("own", "m@1", wait=True),
    "list_aliases": lambda client, _: client.list_aliases("own", "m"),
    "history": lambda client, _: client.history("own", "m"),
    "artifacts": lambda client, _: client.artifacts("own", "m@1"),
    "promote": lambda client, _: client.promote("own", "m", "candidate", "1"),
    "unalias": lambda client, _: client.unalias("own", "m", "candidate"),
    "tag": lambda client, _: client.tag("own", "m", "1", "a", "b"),
    "log_metric": lambda client, _: client.log_metric("own", "m", "run", "loss", 1.0),
    "runs": lambda client, _: client.runs("own", "m"),
    "delete": lambda client, _: client.delete("own", "m", "2", reason="why"),
    "restore": lambda client, _: client.restore("own", "m", "2"),
    "watch": lambda client, _: next(client.watch("0", limit=1)),
    "pull with an archive": lambda client, area: client.pull("own", "m@1", area / "pulled", use_cache=False),
    "push with packs": pushed,
    "list_tokens": lambda client, _: client.list_tokens(),
}


def test_each_call_says_who_calls(asking: Asking, area: Path) -> None:
    """In their order: some undo what others did."""
    with asking.as_(asking.service("ci")) as client:
        for name, call in CALLS.items():
            assert call(client, area) is not None, name
    assert len(os.listdir(area / "pulled/part")) == 40


# Which anybody may ask for, and get nothing.
OF_WHAT_IS_VISIBLE = ("list_models", "list_summaries", "list_tasks", "activity", "watch")


@pytest.mark.parametrize("name", CALLS)
def test_nobody_is_told_so_by_each_call(asking: Asking, area: Path, name: str) -> None:
    refusals = [("omr_wrong", InvalidToken), *([] if name in OF_WHAT_IS_VISIBLE else [("", Unauthenticated)])]
    for token, kind in refusals:
        with asking.as_(token) as client, pytest.raises(kind):
            CALLS[name](client, area)
    assert not (area / "pulled").exists()


def test_an_admin_governs_over_http(asking: Asking) -> None:
    with asking.as_(asking.issuer.token(sub="ops")) as ops:
        assert ops.whoami().is_admin
        before = ops.access_rules()
        assert before.document is not None
        done = ops.set_access_rules({**before.document, "protected_aliases": ["prod"]}, expected_seq=before.seq)
        assert ops.access_rules().seq == done.seq
        assert ops.set_access_rules(RULES, expected_seq=done.seq, reason="as it was").seq > done.seq
        tried = ops.try_access_rules("token:ci", "promote", "own", "m", "latest")
        assert (tried.allowed, tried.rules) == (True, [0])
        made = ops.create_token("personal", "laptop", role="viewer", on=["own/*"], days=1)
        assert made.token not in repr(made)
        assert made.id in [one.id for one in ops.list_tokens()]
        with asking.as_(made.token) as narrow:
            assert (narrow.whoami().subject, narrow.whoami().is_admin) == ("ops", False)
            with pytest.raises(PermissionDenied):
                narrow.access_rules()
        assert ops.revoke_token(made.id).id == made.id
        for gone in (made.id, "../x", ""):
            with pytest.raises(TokenNotFound):
                ops.revoke_token(gone)


def test_a_push_goes_on_after_its_token_was_replaced(
    asking: Asking, area: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tus, "PIECE_BYTES", MIB)
    source = write_files(area / "source", {"model.pt": os.urandom(4 * MIB)})
    first, patch = asking.service("ci"), tus._patch

    def patch_and_revoke(*args: Any) -> None:
        patch(*args)
        asking.registry.revoke_token(first.split("_")[1])
        monkeypatch.setattr(tus, "_patch", patch)

    monkeypatch.setattr(tus, "_patch", patch_and_revoke)
    with asking.as_(first) as client, pytest.raises(InvalidToken):
        client.push(source, "own", "replaced", "1", cache=cache, workers=1)
    with asking.as_(asking.issuer.token(sub="pat")) as other:
        begun = other.push(source, "own", "of-another", "1", cache=cache, workers=1)
        assert begun.bytes_sent == 4 * MIB
    with asking.as_(asking.service("ci")) as client:
        done = client.push(source, "own", "replaced", "1", cache=cache, workers=1)
    assert (done.bytes_total, done.bytes_sent) == (4 * MIB, 3 * MIB)


def test_an_upload_of_somebody_else_is_begun_anew(asking: Asking, area: Path, cache: Cache) -> None:
    """One account of this machine, two who call: what the first has sent is nobody's concern but his."""
    source = write_files(area / "source", {"model.pt": os.urandom(MIB)})
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patched, asking.as_(asking.service("ci")) as client:
        patched.setattr(RegistryClient, "register", lambda *_, **__: (_ for _ in ()).throw(StorageUnavailable("away")))
        with pytest.raises(StorageUnavailable):
            client.push(source, "own", "shared", "1", cache=cache)
    with asking.as_(asking.issuer.token(sub="pat")) as other:
        done = other.push(source, "own", "shared", "1", cache=cache)
    assert done.bytes_sent == MIB


def test_the_cache_tells_nobody_what_another_pulled(asking: Asking, area: Path, cache: Cache) -> None:
    with asking.as_(asking.service("ci")) as ci:
        ci.pull("own", "m@latest", area / "mine", cache=cache)
        assert ci.pull("own", "m@latest", area / "again", cache=cache, offline=True).offline
    for token, kind in ((asking.service("viewer"), PermissionDenied), (asking.service("nothing"), ModelNotFound)):
        with asking.as_(token) as other:
            with pytest.raises(kind):
                other.pull("own", "m@latest", area / "theirs", cache=cache)
            with pytest.raises(StorageUnavailable, match="never pulled"):
                other.pull("own", "m@latest", area / "theirs", cache=cache, offline=True)
    for nobody in ("", "omr_wrong"):
        with asking.as_(nobody) as client, pytest.raises(RegistryError):
            client.pull("own", "m@latest", area / "theirs", cache=cache, offline=True)
    assert not (area / "theirs").exists()


def test_where_nobody_answers_only_who_pulled_is_answered_by_the_cache(
    area: Path, asking: Asking, cache: Cache
) -> None:
    token, away = asking.service("ci"), f"http://127.0.0.1:{free_port()}"
    with asking.as_(token) as ci:
        ci.pull("own", "m@latest", area / "mine", cache=cache)
    with RegistryClient(away, token="other", retries=0) as other, pytest.raises(StorageUnavailable):
        other.pull("own", "m@latest", area / "theirs", cache=cache)
