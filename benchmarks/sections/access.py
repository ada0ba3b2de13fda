"""What it costs a server to know who calls: with a token of the registry and with an issuer's, next to open mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from registry_core import ModelRegistry
from tests.support.issuer import AUDIENCE, issuer_server
from tests.support.servers import PREFIX, gunicorn

from ..load import get
from ..machine import await_idle, scratch, write_random
from ..scale import Places, Scale
from ..tables import Row, Table
from .requests import cpu_ms

TOKEN_MOST, ISSUED_MOST = 1 / 0.9, 1 / 0.8  # of the same call in open mode
ROUNDS = 5
TURNS = 4  # of each in a round: they differ by less than a busy machine does from one second to the next
RULES = 50  # as of a laboratory; ours is the last
OPEN, TOKEN, ISSUED, ANYBODY = "open mode", "a token of the registry", "a token of an issuer", "nobody in particular"
MOST = {TOKEN: TOKEN_MOST, ISSUED: ISSUED_MOST}
REMARKS = (
    f"CPU as above. Open mode is the default, of a registry without rules; the other one has {RULES}, and a list page",
    "is of what they show. Each token was seen before.",
)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, over two registries in the first place that are alike but for the rules."""
    with scratch(places.main) as top, issuer_server() as issuer:
        _fill(top / "open", top / "source")
        token = _rule(_fill(top / "ruled", top / "source"))
        required = {"AUTH": "required", "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE}
        env = {PREFIX + name: value for name, value in required.items()}
        sent = {OPEN: "", ANYBODY: "", TOKEN: f"Bearer {token}", ISSUED: f"Bearer {issuer.token(sub='reader')}"}
        with gunicorn(top / "open", workers=1) as plain, gunicorn(top / "ruled", workers=1, env=env) as ruled:
            used_ms: dict[tuple[str, str], float] = {}
            for _ in range(TURNS * min(scale.rounds, ROUNDS)):
                for call, path in _calls().items():
                    for who, authorization in sent.items():
                        await_idle(scale.patience_s)
                        server = plain if who == OPEN else ruled
                        request = get(server.url + path, authorization)
                        taken = cpu_ms(server.url, server.pid, request, scale.seconds / 4 / TURNS)
                        used_ms[call, who] = min(taken, used_ms.get((call, who), taken))
    yield Table("CPU of the server for knowing who calls", list(_rows(used_ms)), REMARKS)


def _rows(used_ms: Mapping[tuple[str, str], float]) -> Iterator[Row]:
    for (call, who), ms in used_ms.items():
        yield Row(f"{call}, {who}", ms, "ms")
    for (call, who), ms in used_ms.items():
        if who != OPEN:
            target = MOST.get(who) if call.startswith("resolve") else None
            yield Row(f"{call}, {who} / {OPEN}", ms / used_ms[call, OPEN], "x", target)


def _fill(root: Path, source: Path) -> ModelRegistry:
    root.mkdir()
    write_random(source / "model.pt", 1024)
    registry = ModelRegistry.open(root)
    for version in range(1, 51):
        registry.register("celltype", "pbmc", f"v{version}", source)
    registry.promote("celltype", "pbmc", "production", "v7")
    registry.reindex()
    return registry


def _rule(registry: ModelRegistry) -> str:
    """There are rules; a token that reads by them."""
    others: list[dict[str, Any]] = [
        {"who": [f"user:person-{n}", f"group:team-{n}"], "on": [f"task-{n}/*"], "role": "publisher"}
        for n in range(RULES - 1)
    ]
    ours = {"who": ["anonymous", "user:reader", "token:ci"], "on": ["celltype/*"], "role": "user"}
    registry.set_access_rules({"schema": "omr-access/1", "rules": [*others, ours]})
    return registry.create_token("service", "ci").token


def _calls() -> dict[str, str]:
    named = {"task": "celltype", "ref": "pbmc@production"}
    return {
        "resolve": f"/v1/resolve?{urlencode({**named, 'verify': 'false'})}",
        "resolve, verified": f"/v1/resolve?{urlencode(named)}",
        "list of 50": "/v1/models?limit=50",
    }
