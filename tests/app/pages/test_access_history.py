"""The page of the registry's own journal: who has changed the rules, newest first, for admins alone."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import pytest

from registry_core import ModelRegistry, verbs
from registry_core.models.changes import Draft, change
from registry_core.models.registry_journal import RegistryJournal

from .hostile import SCRIPTS
from .signed_in import required, signed_in
from .visiting import Visitor

PAST = "/ui/access/history"
POLICY = {
    "schema": "omr-policy/1",
    "task": "celltype",
    "models": ["*"],
    "gates": [{"alias": "production", "require": [{"id": "usable", "not_archived": {}}]}],
}
TRUST = {"schema": "omr-trust/1", "people": {"ada": {}}, "keys": []}


@pytest.fixture(autouse=True)
def _required(registry: ModelRegistry) -> None:
    required(registry)


def checkpoints(registry: ModelRegistry, count: int) -> None:
    """As many lines that are of no rule."""
    draft = Draft("checkpoint", None, None, None, own={"checkpoint": {"kind": "init", "origin": "o", "vkey": "v"}})
    for _ in range(count):
        change(RegistryJournal(registry._storage, 10.0), lambda: None, lambda _: draft)


def test_whoever_changed_something_is_named_with_when_and_why(registry: ModelRegistry) -> None:
    token = registry.create_token("service", "nightly", actor="grace", reason="for the runs at night").id
    registry.set_trust_document(json.dumps(TRUST).encode(), actor="grace", reason="who we are")
    registry.set_policy("celltype", json.dumps(POLICY).encode(), actor="grace", reason="four eyes")
    registry.clear_policy("celltype", actor="eve", reason="in a hurry")
    registry.revoke_token(token, actor="hana", reason="left in a train")
    visit = signed_in(registry, "ops")
    page = visit.get(PAST)
    told = [
        f"hana revoked the token {token} left in a train",
        "eve took away what versions needed: celltype in a hurry",
        "grace set what versions need: celltype four eyes",
        "grace set whose keys count who we are",
        f"grace made a token for a service: nightly {token}",
        "the operator set the rules of access the first rules",
    ]
    places = [page.words.index(text) for text in told]
    assert places == sorted(places), "the newest first"
    digest = str(registry.trust_document().digest)
    (document,) = [link for link in page.links if unquote(link).endswith(f"/v1/log/documents/{digest}")]
    assert json.loads(visit.client.get(document).text) == TRUST
    trust = visit.get(f"{PAST}?event=trust").words
    assert "who we are" in trust
    assert "four eyes" not in trust
    (then,) = [link for link in page.links if "as_of=" in link]
    assert "token:reader" in visit.get(then).words


def test_checkpoints_are_many_and_shown_by_their_name_alone(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs.history, "MOST_LOOKED_AT", 10)
    visit = signed_in(registry, "ops")
    checkpoints(registry, 25)
    page, seen = visit.get(PAST), 0
    while "the first rules" not in page.words:
        assert "covered the journals" not in page.words
        following = min(int(seq) for link in page.links for seq in re.findall(r"before=(\d+)$", link))
        page, seen = visit.get(f"{PAST}?before={following}"), seen + 1
    assert seen == 2
    assert visit.get(f"{PAST}?event=checkpoint").words.count("covered the journals") == 10


def test_its_chain_is_proven(registry: ModelRegistry) -> None:
    visit = signed_in(registry, "ops")
    address = f"{PAST}?proof=1"
    assert f"chain of {registry.registry_audit_verify().events} events holds" in visit.get(address).words
    key = "log/journal/registry.jsonl"
    lines = registry._storage.documents
    whole = [raw for _, raw in lines.records(key)]
    lines.replace_end(key, 0, [whole[0].replace(b"first", b"worst"), *whole[1:]], "log/aside")
    assert "The chain of this journal is broken" in visit.get(address).words


def test_hostile_words_are_words(registry: ModelRegistry) -> None:
    for number, text in enumerate(SCRIPTS[:8]):
        registry.create_token("service", f"t{number}", actor=text, reason=text * 9)
    visit = signed_in(registry, "ops")
    page = visit.get(PAST)
    assert "<script>alert" not in page.text
    assert page.nodes < 1_500
    for address in ("?event=%3Cscript%3E", "?before=x", "?before=-1", "?before=99999999999999999999"):
        visit.get(f"{PAST}{address}", 422)


def test_nobody_else_sees_it(registry: ModelRegistry, visit: Visitor) -> None:
    signed_in(registry, "ci").get(PAST, 403)
    visit.get(PAST, 401)
