"""What an alias needs is shown before the button is pressed, and after the registry has refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry
from registry_core.evidence.gates.gate import PolicyGate
from registry_core.models.changes import Draft
from registry_core.models.model import ModelStore

from .a_model import MODEL, MOVE, PAGE, TASK, production, promoted
from .hostile import SCRIPTS
from .visiting import Visitor

PROMOTE = f"{PAGE}/promote?alias=production&version=2.0.0"
SIZED = {"id": "weights", "file": {"path": "model.pt", "min_bytes": 4}}
CARD = {"id": "model-card", "file": {"path": "README.md", "min_bytes": 200}}


@pytest.fixture
def model(registry: ModelRegistry, tmp_path: Path) -> None:
    promoted(registry, tmp_path)


def guard(
    registry: ModelRegistry,
    *requirements: Mapping[str, Any],
    alias: str = "production",
    actor: str = "ada",
    **more: Any,
) -> None:
    gates = [{"alias": alias, "require": list(requirements), **more}]
    document = {"schema": "omr-policy/1", "task": TASK, "models": ["*"], "gates": gates}
    registry.set_policy(TASK, json.dumps(document).encode(), actor=actor, reason="the rules of the lab")


@pytest.mark.usefixtures("model")
def test_where_nothing_is_asked_for_there_is_no_list(visit: Visitor, registry: ModelRegistry) -> None:
    assert "What production needs" not in visit.get(PROMOTE).words
    guard(registry, CARD, alias="staging")
    assert "What production needs" not in visit.get(PROMOTE).words
    visit.press(visit.get(PROMOTE), MOVE, reason="why")


@pytest.mark.usefixtures("model")
def test_each_requirement_stands_before_the_button_the_unmet_first(visit: Visitor, registry: ModelRegistry) -> None:
    guard(registry, SIZED, CARD)
    page = visit.get(PROMOTE)
    assert "What production needs 1 of 2 met" in page.words
    assert "model-card not met a file README.md of at least 200 bytes The version has no such file." in page.words
    assert "weights met a file model.pt of at least 4 bytes It has 16 bytes." in page.words
    assert page.words.index("model-card") < page.words.index("weights")
    assert "policy variants set by ada just now ; no trust." in page.words
    assert "1 requirement is not met: as it stands the registry will refuse this (409)" in page.words
    assert page.form(MOVE).method == "post"


@pytest.mark.usefixtures("model")
def test_a_refusal_keeps_the_words_and_shows_what_is_unmet(visit: Visitor, registry: ModelRegistry) -> None:
    guard(registry, CARD)
    answer = visit.press(visit.get(PROMOTE), MOVE, 409, reason="better by far", who="ada")
    again = visit.shown(answer, 409)
    assert "Nothing was changed." in again.words
    assert "production may not name 2.0.0: 1 requirement is not met." in again.words
    assert again.words.count("model-card not met") == 1
    assert again.words.index("Nothing was changed.") < again.words.index("model-card not met")
    assert again.words.index("model-card not met") < again.words.index("What changes")
    assert again.form(MOVE).fields["reason"] == "better by far"
    assert again.form(MOVE).fields["who"] == "ada"
    assert "override" not in again.text.lower()
    assert getattr(production(registry), "version", None) == "1.0.0"
    guard(registry, SIZED)
    done = visit.follow(visit.press(again, MOVE, reason="better by far"))
    assert "ada moved production" in done.words


@pytest.mark.usefixtures("model")
def test_a_way_back_passes_the_gate_too(visit: Visitor, registry: ModelRegistry) -> None:
    registry.promote(TASK, MODEL, "production", "2.0.0", actor="ada")
    guard(registry, CARD)
    for address in ("rollback?alias=production&to=1.0.0", "rollback?alias=production"):
        assert "model-card not met" in visit.get(f"{PAGE}/{address}").words, address
    assert "What production needs" not in visit.get(f"{PAGE}/unalias?alias=production").words


@pytest.mark.usefixtures("model")
def test_what_cannot_be_told_is_said(visit: Visitor, registry: ModelRegistry) -> None:
    guard(registry, CARD)
    digest = registry.policies()[0].digest.removeprefix("sha256:")
    registry._storage.documents.delete(f"log/documents/{digest}.json")
    page = visit.get(PROMOTE)
    assert "What must be met cannot be told, so nothing may pass." in page.words
    assert "as it stands the registry will refuse this (409)" in page.words
    visit.press(page, MOVE, 409, reason="why")


@pytest.mark.usefixtures("model")
def test_hostile_words_of_a_policy_are_words(visit: Visitor, registry: ModelRegistry) -> None:
    texts = [text.replace("/", "|")[:200] for text in SCRIPTS if text.isprintable()]
    guard(registry, *({"id": f"r{n}", "file": {"path": text}} for n, text in enumerate(texts)))
    page = visit.get(PROMOTE)
    assert "<script>alert" not in page.text
    assert page.nodes < 1_500
    assert page.sent_bytes < 20_000
    for hostile in ("%3Cscript%3E", "a%20b", "%00"):
        visit.client.get(f"{PAGE}/promote?alias={hostile}", headers={"Accept": "text/html"})


@pytest.mark.usefixtures("model")
def test_what_somebody_wrote_turns_no_words_beside_it(visit: Visitor, registry: ModelRegistry) -> None:
    turned, reason = "\u202eeve", "\u202e" + "w" * 4_000
    trust = {"schema": "omr-trust/1", "people": {"eve": {"actors": ["eve"]}}, "keys": []}
    registry.set_trust_document(json.dumps(trust).encode(), actor=turned)
    guard(registry, CARD, actor=turned, break_glass={"by": ["eve"], "reason_min_characters": 5})
    why = {"reason": reason, "ticket": turned}
    registry.promote(TASK, MODEL, "production", "2.0.0", actor="eve", reason=turned, override=why)
    registry.open_finding(TASK, MODEL, "2.0.0", "minor", turned, url="https://a.example/", actor=turned)
    for address in (PAGE, f"{PAGE}/versions/2.0.0?tab=evidence", f"{PAGE}/promote?alias=production&version=1.0.0"):
        page = visit.get(address)
        assert "w" * 1_100 not in page.text, address
        body = page.text.partition("<main")[2]
        for place in re.finditer("\u202e", body):
            inside = body[: place.start()].rpartition("<")[2]
            assert inside.startswith(("bdi", "b>", "td")) or 'class="why"' in inside, (address, inside)


@pytest.mark.usefixtures("model")
def test_an_override_is_told_until_the_gate_is_met(visit: Visitor, registry: ModelRegistry) -> None:
    trust = {"schema": "omr-trust/1", "people": {"grace": {"actors": ["grace"]}}, "keys": []}
    registry.set_trust_document(json.dumps(trust).encode(), actor="ops", reason="who we are")
    guard(registry, CARD, break_glass={"by": ["grace"], "reason_min_characters": 5})
    why = {"reason": "<b>the old one crashes", "ticket": "OPS-9"}
    registry.promote(TASK, MODEL, "production", "2.0.0", actor="grace", reason="now", override=why)
    said = "Its gate was overridden by grace less than a minute ago: <b>the old one crashes (OPS-9)"
    for address in (PAGE, f"{PAGE}/versions/2.0.0"):
        page = visit.get(address)
        assert "A gate was overridden, and is not met yet." in page.words
        assert f"'production' names 2.0.0 though model-card is not met. {said}" in page.words
    assert "gate overridden <b>the old one crashes (OPS-9)" in visit.get(f"{PAGE}/history").words
    assert "A gate was overridden" not in visit.get(f"{PAGE}/versions/1.0.0").words
    guard(registry, SIZED)
    assert "A gate was overridden" not in visit.get(PAGE).words


def moved_by_hand(registry: ModelRegistry, alias: str, version: str) -> int:
    """As older software would: no gate is asked."""
    journal = ModelStore(registry._storage, TASK, MODEL, 10.0).journal
    draft = Draft("promote", version, "<b>eve", "<i>no need to ask", alias=alias)
    event = journal.next_event(journal.last(), draft.fields(ModelStore(registry._storage, TASK, MODEL, 10.0)))
    journal.append(event)
    registry.promote(TASK, MODEL, "other", "1.1.0")  # finishes it
    return int(event["seq"])


@pytest.mark.usefixtures("model")
def test_a_move_that_no_gate_was_asked_of_is_told_until_one_is(visit: Visitor, registry: ModelRegistry) -> None:
    guard(registry, SIZED)
    addresses = (PAGE, f"{PAGE}/versions/2.0.0", f"{PAGE}/versions/2.0.0?tab=evidence", f"{PAGE}/history")
    for address in addresses:  # what was moved before there was a policy was asked nothing
        assert "not asked" not in visit.get(address).words, address
    seq = moved_by_hand(registry, "production", "2.0.0")
    band = f"A gate was not asked. A policy guards 'production', and it was moved by event {seq} without its gate"
    for address in addresses:
        page = visit.get(address)
        assert (band in page.words) is not address.endswith("history"), address
        assert "gate not asked a policy guarded the alias" in page.words, address
        assert "<b>eve" in page.words, address
    assert "not asked" not in visit.get(f"{PAGE}/versions/1.0.0").words
    guard(registry, SIZED, CARD)
    (again,) = [link for link in visit.get(PAGE).links if "promote" in link and "alias=production" in link]
    button = "Let production name 2.0.0 again, judged"
    refused = visit.shown(visit.press(visit.get(again), button, 409, reason="now"), 409)
    assert "production may not name 2.0.0: 1 requirement is not met." in refused.words
    guard(registry, SIZED)
    done = visit.follow(visit.press(refused, button, reason="asked now", who="ada"))
    assert "Done. ada let production name 2.0.0 again asked now" in done.words
    stale = visit.shown(visit.press(refused, button, 409, reason="a second click", who="ada"), 409)
    assert "Nothing was changed, and nothing is left to do. ada was faster" in stale.words
    assert "A gate was not asked" not in visit.get(PAGE).words
    assert "It names this version already. There is nothing to change." in visit.get(again).words
    assert visit.get(f"{PAGE}/history").words.count("gate not asked") == 1, "what was past its gate stays so"


@pytest.mark.usefixtures("model")
def test_what_older_software_moved_past_a_gate_is_told(visit: Visitor, registry: ModelRegistry) -> None:
    guard(registry, SIZED)
    registry.promote(TASK, MODEL, "production", "2.0.0", actor="grace")
    said = {"task": TASK, "model_name": MODEL, "alias": "production", "version": "1.1.0"}
    key = f"tasks/{TASK}/models/{MODEL}/aliases/production.json"
    registry._storage.documents.write(key, json.dumps(said).encode())
    registry.refresh_catalogue()
    for address in (PAGE, f"{PAGE}/versions/1.1.0"):
        assert "it was moved by older software or by hand without its gate" in visit.get(address).words, address


@pytest.mark.usefixtures("model")
def test_a_registry_without_policies_has_its_own_journal_left_alone(
    visit: Visitor, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int | None] = []
    rules = PolicyGate.rules
    monkeypatch.setattr(PolicyGate, "rules", lambda gate, until=None: looked.append(until) or rules(gate, until))
    addresses = (PAGE, f"{PAGE}/versions/1.0.0", f"{PAGE}/history")
    for address in addresses:
        visit.get(address)
    assert not looked
    guard(registry, SIZED, alias="staging")
    for address in addresses:
        looked.clear()
        visit.get(address)
        assert 0 < len(looked) <= 3, (address, looked)
