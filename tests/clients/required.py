"""A service that asks who calls, for programs that people have: one who may use, one who may only see, and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry_core import ModelRegistry
from registry_core.access import tokens

from ..app.conftest import scratch
from ..support.packages import write_files
from ..support.secrets import require_none_in
from ..support.servers import PREFIX, gunicorn

TASK, MODEL, DATA = "own", "m", b"weights " * 20_000
ROLES = {"publisher": "publisher", "reader": "user", "viewer": "viewer"}  # service token -> its role
RULES = {
    "schema": "omr-access/1",
    "rules": [{"who": [f"token:{name}"], "on": [f"{TASK}/*"], "role": role} for name, role in ROLES.items()],
}


@dataclass(frozen=True)
class Required:
    """``tokens``: by the name in ``ROLES``; ``unknown`` counts for nobody, and ``stranger`` is nothing by the rules."""

    url: str
    registry: ModelRegistry
    tokens: Mapping[str, str]


@contextmanager
def required() -> Iterator[Required]:
    """Its root and its logs are searched for tokens in the end."""
    with scratch() as area:
        (area / "root").mkdir()
        registry = ModelRegistry.open(area / "root")
        source = write_files(area / "source", {"model.pt": DATA, "label maps/human.json": b"{}"})
        registry.register(TASK, MODEL, "1.0.0", source)
        registry.promote(TASK, MODEL, "production", "1.0.0")
        registry.set_access_rules(RULES)
        made = {name: registry.create_token("service", name).token for name in (*ROLES, "stranger")}
        with gunicorn(area / "root", workers=1, env={PREFIX + "AUTH": "required"}) as server:
            yield Required(server.url, registry, {**made, "unknown": tokens.new_text()})
        require_none_in(area)


def home(top: Path, token: str | None) -> dict[str, str]:
    """A home whose ``.netrc`` has the token, for no other user to read; and what a program finds it by."""
    top.mkdir()
    if token is not None:
        (top / ".netrc").touch(mode=0o600)
        (top / ".netrc").write_text(f"machine 127.0.0.1 login anybody password {token}\n")
    return {"HOME": str(top), "NETRC": str(top / ".netrc")}
