"""The tab that says who vouches for a version: all of it, in words, within the bounds of a page, whatever is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.config import Settings
from registry_core import ModelRegistry
from registry_core.evidence.signing.statement import EVALUATION, REVIEW
from registry_core.format.events import FINDING
from registry_core.models.changes import Draft, change

from ...core.conftest import Shelf
from ...core.evidence.governed import NO_FINDING, TWO, Governed, policy, trust
from ...support.packages import write_files
from .hostile import SCRIPTS
from .visiting import Page, Visitor

PAGE = "/ui/models/t/m/versions/1"
TAB = f"{PAGE}?tab=evidence"
SLSA = "https://slsa.dev/provenance/v1"


@pytest.fixture
def governed(registry: ModelRegistry, tmp_path: Path) -> Governed:
    source = write_files(tmp_path / "source", {"model.pt": b"x", "run.py": b"print(1)\n"})
    registry.register("t", "m", "1", source, {}, actor="trainer", reason="nightly")
    return Governed(Shelf(registry._storage, tmp_path))


def within_bounds(page: Page) -> None:
    assert page.nodes < 1_500
    assert page.sent_bytes < 20_000
    assert "<script>alert" not in page.text


def found(governed: Governed, said: dict[str, Any], reason: str | None = None) -> int:
    draft = Draft(FINDING, "1", "ada", reason, own={"finding": said})
    done: Any = change(governed.shelf.model(), lambda: None, lambda _: draft)
    return int(done.event["seq"])


@pytest.mark.usefixtures("governed")
def test_where_nobody_has_said_anything_that_is_said(visit: Visitor) -> None:
    page = visit.get(TAB)
    for words in (
        "No policy guards an alias of this model: whoever may promote needs nothing more.",
        "Nobody has found anything wrong.",
        "Nobody has reviewed it.",
        "Nobody has measured it and signed what came of it.",
        "It is not signed.",
        "code Loading its files runs code that comes with them.",
    ):
        assert words in page.words
    assert f"{PAGE}?tab=evidence" in visit.get(PAGE).links


def test_each_kind_is_told_with_who_said_it(visit: Visitor, governed: Governed) -> None:
    governed.review("ada")
    governed.review("bob", "reject")
    governed.measure(0.9571)
    governed.sign("trainer")
    governed.attest(SLSA, {"builder": "x"}, "ci")
    page = visit.get(TAB)
    assert re.search(r"ada [0-9a-f]{8} approves just now #2", page.words)
    assert re.search(r"bob [0-9a-f]{8} rejects", page.words)
    assert re.search(r"ci [0-9a-f]{8} accuracy 0.9571 pbmc", page.words)
    assert re.search(r"signed by trainer [0-9a-f]{8} dsse, covers the whole package, metadata too", page.words)
    assert re.search(rf"{SLSA} signed by ci [0-9a-f]{{8}}", page.words)
    governed.set_trust(trust(revoked=("ada",)))
    assert re.search(r"ada [0-9a-f]{8} key counts no longer approves", visit.get(TAB).words)
    within_bounds(page)
    history = visit.get("/ui/models/t/m/history").words
    assert history.count("a sender attached a review of 1") == 2
    for words in ("a measurement of 1", "a signature of 1", f"a document about 1 {SLSA}"):
        assert f"a sender attached {words}" in history
    assert "a sender attached" in visit.get("/ui/activity?event=attest").words


def test_where_no_key_can_be_read_the_rest_is_told(
    visit: Visitor, governed: Governed, without_cryptography: Callable[[], None]
) -> None:
    governed.review("ada")
    governed.set_policy(policy(TWO))
    without_cryptography()
    page = visit.get(TAB)
    assert re.search(r"ada [0-9a-f]{8} approves just now #2", page.words)
    assert "What must be met cannot be told, so nothing may pass. Keys and signatures need" in page.words


def test_findings_stand_there_until_they_are_ended_and_then_below(visit: Visitor, governed: Governed) -> None:
    first = governed.find("minor")
    governed.find("blocking")
    governed.resolve(first)
    words = visit.get(TAB).words
    assert "blocking it is wrong open; found by ada #3" in words
    assert "minor it is wrong resolved by #4 ; found by ada #2" in words
    assert words.index("blocking it is wrong") < words.index("minor it is wrong")
    for page in (visit.get("/ui/models/t/m/history"), visit.get("/ui/activity"), visit.get("/ui/models/t/m")):
        assert "ada found in 1 minor it is wrong" in page.words
        assert f"ada resolved finding {first} of 1" in page.words


def test_the_lists_of_all_guarded_aliases_are_there(
    visit: Visitor, governed: Governed, registry: ModelRegistry
) -> None:
    registry.promote("t", "m", "canary", "1")
    governed.set_policy(policy(TWO, NO_FINDING))
    governed.set_policy(policy(NO_FINDING, alias="can*", task="*"), task="*")
    governed.review("ada")
    page = visit.get(TAB)
    assert "What production needs 1 of 2 met" in page.words
    assert "What canary needs 1 of 1 met" in page.words
    assert "two not met 2 approvals by reviewers" in page.words
    assert "What latest needs" not in page.words


def test_where_policies_cannot_be_read_that_is_said_and_all_else_is_shown(visit: Visitor, governed: Governed) -> None:
    governed.review("ada")
    digest = governed.set_policy(policy(TWO)).removeprefix("sha256:")
    governed.shelf.storage.documents.delete(f"log/documents/{digest}.json")
    page = visit.get(TAB)
    assert "cannot be told now: then nothing may be promoted." in page.words
    assert "approves" in page.words


def test_a_document_that_is_damaged_is_said_to_be(visit: Visitor, governed: Governed) -> None:
    governed.review("ada")
    (name,) = [one.key for one in governed.shelf.storage.documents.list("tasks/t/models/m/attestations/1")]
    governed.shelf.storage.documents.write(name, b"{}")
    assert "nobody can read it any more" in visit.get(TAB).words


def test_whatever_is_said_is_words_and_of_much_the_newest_is_shown(visit: Visitor, governed: Governed) -> None:
    for n, text in enumerate(SCRIPTS):
        found(
            governed, {"severity": "note", "title": text[:900], "url": "javascript:alert(1)" if n % 2 else text[:100]}
        )
    for text in SCRIPTS[:30]:
        governed.attest(REVIEW, {"reviewed_at": governed.moment(), "decision": "approve", "comment": text * 5}, "ada")
    metrics = [{"name": f"<script>alert({n})</script>{'x' * n}", "value": 1e300} for n in range(200)]
    for text in SCRIPTS[:30]:
        said = {"evaluated_at": governed.moment(), "dataset": {"name": text[:500]}, "metrics": metrics}
        governed.attest(EVALUATION, said, "ci")
    page = visit.get(TAB)
    within_bounds(page)
    assert "older documents are left out." in page.words
    assert not [link for link in page.links if link.startswith("javascript:")]
    visit.get("/ui/models/t/m/history")


def test_whoever_is_nobody_is_not_told_who(governed: Governed, registry: ModelRegistry) -> None:
    governed.review("ada")
    governed.find("blocking")
    rules = [{"who": ["anonymous"], "on": ["*/*"], "role": "viewer"}]
    registry.set_access_rules({"schema": "omr-access/1", "rules": rules, "admins": ["token:ops"]}, actor="ops")
    words = Visitor(create_app(Settings(threads=8), registry).test_client()).get(TAB).words
    assert "approves" in words
    assert "blocking it is wrong open; found by somebody" in words
    assert "ada" not in words.replace("metadata", "")
