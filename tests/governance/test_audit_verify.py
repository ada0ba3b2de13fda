"""A journal that was edited anywhere is found, and a kept head proves that today's extends yesterday's."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_core import JournalCorrupt, JournalProof, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.models.model import ModelStore
from registry_core.models.proof import prove
from registry_core.storage.contract import StorageOptions
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage

from ..support.machine import MIB, memory_backed, remove_tree
from ..support.old_registry import OldRegistry
from ..support.packages import open_registry, write_package
from ..support.seaweed import REGION, Seaweed
from .conftest import MODEL, TASK, fill, model_of

Lines = list[bytes]


def journal(root: Path) -> Path:
    return model_of(root) / "audit" / "promotions.jsonl"


def lines(root: Path) -> Lines:
    return journal(root).read_bytes().splitlines()


def rewrite(root: Path, changed: Lines) -> None:
    journal(root).write_bytes(b"".join(line + b"\n" for line in changed))


def broken(root: Path, head: str | None = None) -> int:
    """The first broken seq."""
    with pytest.raises(JournalCorrupt) as caught:
        open_registry(root).audit_verify(TASK, MODEL, expect_head=head)
    json.dumps(caught.value.detail).encode()
    assert caught.value.detail["faults"][0]["seq"] == caught.value.detail["broken_seq"]
    found: int = caught.value.detail["broken_seq"]
    return found


def edited(line: bytes) -> bytes:
    """Another actor, everything else as it was."""
    return json.dumps({**json.loads(line), "actor": "mallory"}, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture(params=["ours", "older"])
def audited(request: pytest.FixtureRequest, root: Path, source: Path) -> Path:
    """A registry whose journal has eleven events of ours; in ``older``, three of older software in front of them."""
    if request.param == "older":
        OldRegistry(root).model(TASK, MODEL).version("a").version("b").promote("staging", "a", "grace")
    fill(open_registry(root), source)
    return root


def ahead(root: Path) -> int:
    """How many lines of older software there are."""
    return sum(b'"prev"' not in line for line in lines(root))


def test_an_intact_journal_is_proven(audited: Path) -> None:
    proof = open_registry(audited).audit_verify(TASK, MODEL)
    assert proof.events == 11 + ahead(audited) == len(lines(audited))
    assert proof.head is not None
    assert open_registry(audited).audit_verify(TASK, MODEL, expect_head=str(proof.head)) == proof


def test_every_edited_line_is_found(audited: Path) -> None:
    whole = lines(audited)
    for number, line in enumerate(whole, start=1):
        rewrite(audited, [*whole[: number - 1], edited(line), *whole[number:]])
        # What proves a line is the next one of ours: it is the first that cannot be right.
        assert broken(audited) in (number, max(number, ahead(audited)) + 1)
    rewrite(audited, whole)
    open_registry(audited).audit_verify(TASK, MODEL)


def test_every_removed_line_is_found(audited: Path) -> None:
    whole = lines(audited)
    for number in range(1, len(whole) + 1):
        rewrite(audited, [*whole[: number - 1], *whole[number:]])
        assert broken(audited) <= max(number, ahead(audited) + 1)


def test_every_truncation_is_found(audited: Path) -> None:
    """By the tombstone that shows the event which is not there; it is the last one here."""
    whole = lines(audited)
    for count in range(len(whole)):
        rewrite(audited, whole[:count])
        assert broken(audited) <= count + 1
    data = b"".join(line + b"\n" for line in whole)
    for size in range(len(data) - len(whole[-1]) - 1, len(data) - 1):
        journal(audited).write_bytes(data[:size])
        assert broken(audited) <= len(whole)


def test_two_lines_that_changed_places_are_found(audited: Path) -> None:
    whole = lines(audited)
    for number in range(len(whole) - 1):
        swapped = [*whole[:number], whole[number + 1], whole[number], *whole[number + 2 :]]
        rewrite(audited, swapped)
        assert number + 1 <= broken(audited) <= max(number + 2, ahead(audited) + 1)


def test_a_last_line_written_anew_is_found_by_what_still_shows_it(audited: Path) -> None:
    """Chained as it should be, so that only the documents can tell."""
    registry = open_registry(audited)
    for change in (
        lambda: registry.promote(TASK, MODEL, "staging", "3", actor="ada"),
        lambda: registry.tag(TASK, MODEL, "3", "k", "v", actor="ada"),
        lambda: registry.stage(TASK, MODEL, "3", "archived", actor="ada", reason="recalled"),
        lambda: registry.unalias(TASK, MODEL, "staging") and registry.delete(TASK, MODEL, "3", reason="r"),
        lambda: registry.purge(0, actor="ada"),
    ):
        change()
        whole = lines(audited)
        last = json.loads(whole[-1])
        for forged in ({"ts_utc": "2999-01-01T00:00:00.000000Z"}, {"version": "1"}):
            rewrite(audited, [*whole[:-1], json.dumps({**last, **forged}).encode()])
            assert broken(audited) == len(whole)
        rewrite(audited, whole)
        registry.audit_verify(TASK, MODEL)


def test_a_journal_that_is_gone_is_found(audited: Path) -> None:
    journal(audited).unlink()
    assert broken(audited) == 1


def test_a_change_under_way_is_no_break(audited: Path) -> None:
    """The event stands and its document does not show it yet: that is pending, and proven all the same."""
    document = model_of(audited) / "aliases" / "production.json"
    before = document.read_bytes()
    open_registry(audited).promote(TASK, MODEL, "production", "1")
    document.write_bytes(before)
    assert open_registry(audited).audit_verify(TASK, MODEL).events == len(lines(audited))


# with a head that was kept elsewhere


class Kept:
    """A journal of at least six events, proven; its head was kept elsewhere."""

    def __init__(self, root: Path, old: bool) -> None:
        if old:
            OldRegistry(root).model(TASK, MODEL).version("a").version("b")
        fill(open_registry(root), write_package(root.parent / "source"))
        registry = open_registry(root)
        registry.restore(TASK, MODEL, "4")
        registry.unalias(TASK, MODEL, "latest")  # the last: no document shows it
        self.root = root
        self.lines = lines(root)
        self.head = str(registry.audit_verify(TASK, MODEL).head)


@pytest.fixture(scope="module", params=[False, True], ids=["ours", "older"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    top = Path(tempfile.mkdtemp(prefix="registry-audit-", dir=memory_backed(64 * MIB)))
    (top / "root").mkdir()
    yield Kept(top / "root", request.param)
    remove_tree(top)


def mutations(whole: Lines) -> st.SearchStrategy[bytes]:
    """Every way to change the bytes of a journal once, as bytes."""
    data = b"".join(line + b"\n" for line in whole)
    number = st.integers(0, len(whole) - 1)
    place = st.integers(0, len(data) - 1)

    def joined(changed: Lines) -> bytes:
        return b"".join(line + b"\n" for line in changed)

    def moved(source: int, target: int) -> bytes:
        rest = [*whole[:source], *whole[source + 1 :]]
        return joined([*rest[:target], whole[source], *rest[target:]])

    return st.one_of(
        st.tuples(place, st.integers(1, 255)).map(
            lambda at: data[: at[0]] + bytes([data[at[0]] ^ at[1]]) + data[at[0] + 1 :]
        ),
        st.tuples(place, st.integers(1, 200)).map(lambda at: data[: at[0]] + data[at[0] + at[1] :]),
        st.tuples(place, st.binary(min_size=1, max_size=20)).map(lambda at: data[: at[0]] + at[1] + data[at[0] :]),
        st.tuples(number, number).map(lambda at: moved(*at)),
        st.tuples(number, number).map(lambda at: joined([*whole[: at[0]], whole[at[1]], *whole[at[0] :]])),
        number.map(lambda at: joined([*whole[:at], *whole[at + 1 :]])),
        number.map(lambda at: joined([*whole[:at], edited(whole[at]), *whole[at + 1 :]])),
        place.map(lambda at: data[:at]),
        st.binary(max_size=20).map(lambda more: data + more + b"\n"),
        st.binary(max_size=20).map(lambda more: data + more),
    )


def is_extended(data: bytes, whole: Lines) -> bool:
    """Whether there is more behind the lines, each an event of older software, as which any object counts."""
    covered = b"".join(line + b"\n" for line in whole)
    more = data.removeprefix(covered).removesuffix(b"\n").split(b"\n")
    try:
        found = [json.loads(line) for line in more]
    except ValueError:
        return False
    return data.startswith(covered) and all(isinstance(one, dict) and "prev" not in one for one in found)


def test_a_line_of_older_software_behind_the_head_extends_it(kept: Kept) -> None:
    whole = b"".join(line + b"\n" for line in kept.lines)
    journal(kept.root).write_bytes(whole + b"{}\n")
    try:
        proof = open_registry(kept.root).audit_verify(TASK, MODEL, expect_head=kept.head)
        assert proof.events == len(kept.lines) + 1
    finally:
        journal(kept.root).write_bytes(whole)


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(choice=st.data())
def test_any_single_change_of_what_the_head_covers_is_found(kept: Kept, choice: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in kept.lines)
    changed = choice.draw(mutations(kept.lines))
    journal(kept.root).write_bytes(changed)
    try:
        if same_events(changed, kept.lines) or is_extended(changed, kept.lines):
            open_registry(kept.root).audit_verify(TASK, MODEL, expect_head=kept.head)
        else:
            broken(kept.root, kept.head)
    finally:
        journal(kept.root).write_bytes(whole)


def same_events(data: bytes, whole: Lines) -> bool:
    """Whether the bytes hold the same lines: a missing last newline, or what a crash leaves behind them, is no event.

    A crash leaves a line that is not closed, or NUL bytes in the place of whole ends of sectors.
    """
    found = data.split(b"\n")
    if found[: len(whole)] != whole:
        return False
    rest = found[len(whole) :]
    if len(rest) > 2 or (len(rest) == 2 and rest[1]):
        return False  # more than one line behind them
    if len(rest) == 2 and not lacks_sectors(rest[0], start=sum(len(line) + 1 for line in whole)):
        return False  # it is closed, so it was written, and is damage
    try:
        return not isinstance(json.loads(rest[0] if rest else b""), dict)
    except ValueError:
        return True


def lacks_sectors(line: bytes, start: int) -> bool:
    ends = [start + run.end() for run in re.finditer(rb"\0+", line)]
    return bool(ends) and all(end % 512 == 0 for end in ends)


def test_a_head_is_extended_by_whatever_comes_after_it(kept: Kept) -> None:
    heads = [kept.head]
    copy = kept.root.parent / "copy"
    shutil.copytree(kept.root, copy)
    registry = open_registry(copy)
    for value in range(3):
        registry.tag(TASK, MODEL, "1", "turn", value)
        heads.append(str(registry.audit_verify(TASK, MODEL).head))
    for head in heads:
        registry.audit_verify(TASK, MODEL, expect_head=head)
    whole = lines(copy)
    for count, head in enumerate(heads, start=len(kept.lines)):
        rewrite(copy, whole[: count - 1])
        broken(copy, head)
    remove_tree(copy)


def test_another_history_of_the_same_length_does_not_extend_the_head(root: Path, source: Path) -> None:
    """Written by this very software, intact in itself, and not what the head was taken of."""
    proofs: list[JournalProof] = []
    for name in ("one", "two"):
        (root / name).mkdir()
        registry = open_registry(root / name)
        fill(registry, source)
        proofs.append(registry.audit_verify(TASK, MODEL))
    assert proofs[0].events == proofs[1].events
    assert broken(root / "two", str(proofs[0].head)) == proofs[0].events


def test_a_journal_in_memory_is_proven_the_same_way(source: Path) -> None:
    storage = MemoryStorage()
    registry = ModelRegistry.open("memory://", storage=storage)
    fill(registry, source)
    head = str(registry.audit_verify(TASK, MODEL).head)
    (key,) = storage.state.logs
    whole = list(storage.state.logs[key])

    def verify() -> JournalProof:
        return registry.audit_verify(TASK, MODEL, expect_head=head)

    changes: list[Callable[[Lines], Lines]] = [
        lambda found: found[:-1],
        lambda found: [*found[:3], edited(found[3]), *found[4:]],
        lambda found: [*found[:-1], edited(found[-1])],
        lambda found: found[::-1],
    ]
    for change in changes:
        storage.state.logs[key] = change(whole)
        with pytest.raises(JournalCorrupt):
            verify()
    storage.state.logs[key] = whole
    assert verify() == prove(ModelStore(storage, TASK, MODEL, 0.0))


def test_a_journal_in_a_bucket_is_proven_by_what_is_there_now(
    source: Path, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by the process that has served the model since before it was edited."""
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    url, options = seaweed.new_root(), StorageOptions(endpoint=seaweed.endpoint, region=REGION)
    registry = ModelRegistry.open(url, storage=ObjectStorage(url, options, is_package))
    fill(registry, source)
    registry.audit_verify(TASK, MODEL)
    aside = ObjectStorage(url, options, is_package)
    key = f"tasks/{TASK}/models/{MODEL}/audit/{3:012}.json"
    aside.documents.write(key, edited(aside.documents.read(key).data))
    for judge in (ModelRegistry.open(url, storage=ObjectStorage(url, options, is_package)), registry):
        with pytest.raises(JournalCorrupt) as caught:
            judge.audit_verify(TASK, MODEL)
        assert caught.value.detail["broken_seq"] == 4


@pytest.mark.parametrize("name", ["actor", "reason", "deleted_at", "package_digest", "purged_by", "purge_reason"])
def test_what_the_tombstone_of_a_purged_version_says_of_its_end(root: Path, source: Path, name: str) -> None:
    registry = open_registry(root)
    registry.register(TASK, MODEL, "gone", source, set_alias=None)
    registry.delete(TASK, MODEL, "gone", reason="too old", actor="ada")
    registry.purge(0, actor="grace", reason="no space")
    assert registry.check().findings == []
    tombstone = model_of(root) / "deleted" / "gone" / "tombstone.json"
    tombstone.write_text(json.dumps({**json.loads(tombstone.read_bytes()), name: "2026-01-01T00:00:00Z"}))
    assert broken(root) > 0
    assert [finding.code for finding in open_registry(root).check().findings] == ["document_differs"]
