"""The events of the log in the registry's own journal: each follows from those before it, or the log is damaged.

``init`` begins a log, ``tree`` covers more lines, ``rotate`` gives it a new key, and ``restart`` begins another one
where the old one was lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ...format.chain import Line
from ...format.events import CHECKPOINT
from ...vocabulary.evidence_errors import LogCorrupt
from ...vocabulary.texts import DIGEST_PREFIX, encode
from .signed_note import Checkpoint, Verifier, check_name, parse_vkey
from .tree import EMPTY

INIT, ROTATE, RESTART, TREE = "init", "rotate", "restart", "tree"
OWN = ("", "")  # how a cover names the registry's own journal
MOST_COVERS_BYTES = 60_000  # of an event

Name = tuple[str, str]


@dataclass(frozen=True)
class Cover:
    """The lines of one journal that a tree is the first to have: those behind ``after`` up to ``upto``."""

    name: Name
    after: int
    upto: int
    digest: str

    @property
    def size(self) -> int:
        return self.upto - self.after

    def said(self) -> list[Any]:
        """As it stands in an event."""
        return [*self.name, self.after, self.upto, self.digest]


@dataclass(frozen=True)
class Tree:
    """An event that covers more."""

    seq: int
    size: int
    root: bytes
    covers: tuple[Cover, ...]


@dataclass(frozen=True)
class Said:
    """What the registry's journal says of its log up to event ``seq``, whose line has that ``digest``.

    ``verifiers``: the keys that sign the last tree: the log's own, and behind it the one before, if the tree is the
    first that was made since (``is_followed``: one was made). ``trees``: how many there are; ``tree_seq``: the last.
    ``lost``: what a restart says of the log before.
    """

    seq: int = 0
    digest: str = ""
    verifiers: tuple[Verifier, ...] = ()
    size: int = 0
    root: bytes = EMPTY
    tree_seq: int = 0
    trees: int = 0
    is_followed: bool = False
    lost: Checkpoint | None = None
    covered: Mapping[Name, tuple[int, str]] = field(default_factory=dict, compare=False)

    @property
    def origin(self) -> str | None:
        """The log's name; None where none was begun."""
        return self.verifiers[0].name if self.verifiers else None

    @property
    def next_verifiers(self) -> tuple[Verifier, ...]:
        """The keys that sign the next tree."""
        return self.verifiers[:1] if self.is_followed else self.verifiers

    def checkpoint(self) -> Checkpoint:
        """What a note of it says."""
        return Checkpoint(self.origin or "", self.size, self.root)

    def then(self, line: Line, digest: str) -> Said:
        """What is said with one line more; of a tree :meth:`with_tree` does the rest. Raises ``LogCorrupt``."""
        said = replace(self, seq=line.seq, digest=digest)
        fields = line.get("checkpoint")
        if line.get("event") != CHECKPOINT or not line.is_own:
            return said
        kind = fields.get("kind") if isinstance(fields, dict) else None
        if not isinstance(fields, dict) or kind not in (INIT, ROTATE, RESTART, TREE):
            raise corrupt(line.seq, "it is no checkpoint of a kind that is known")
        if (kind == INIT and self.origin is not None) or (kind in (ROTATE, TREE) and self.origin is None):
            raise corrupt(line.seq, "a log is begun once, and before anything else is said of it")
        if kind == TREE:
            return said
        verifier = _verifier(line.seq, fields)
        if kind == ROTATE:
            if verifier.name != self.origin:
                raise corrupt(line.seq, "its key is in another log's name")
            return replace(said, verifiers=(verifier, *self.verifiers[:1]), is_followed=False)
        if kind == INIT:
            return replace(said, verifiers=(verifier,))
        lost = _lost(line.seq, fields)
        if verifier.name in (self.origin, lost.origin):
            raise corrupt(line.seq, "it begins another log by the name of the one before")
        return Said(line.seq, digest, (verifier,), lost=lost)

    def with_tree(self, tree: Tree) -> Said:
        """What is said by the tree too, whose covers :func:`read_tree` has held against this."""
        covered = {**self.covered, **{one.name: (one.upto, one.digest) for one in tree.covers}}
        return replace(
            self,
            verifiers=self.next_verifiers,
            is_followed=True,
            size=tree.size,
            root=tree.root,
            tree_seq=tree.seq,
            trees=self.trees + 1,
            covered=covered,
        )


def read_tree(said: Said, line: Line) -> Tree:
    """The tree that the line tells of, if it follows what was said before. Raises ``LogCorrupt``."""
    fields = line.get("checkpoint")
    size, root, covers = (fields.get(name) for name in ("size", "root", "covers"))
    if not isinstance(root, str) or not _is_digest(root) or not isinstance(covers, list) or not covers:
        raise corrupt(line.seq, "it has no root, or covers nothing")
    found = tuple(_cover(line.seq, one) for one in covers)
    names = [one.name for one in found]
    if names[0] != OWN or names != sorted(set(names), key=_in_bytes):
        raise corrupt(line.seq, "its journals are not in their order, the registry's own first, each once")
    if found[0].upto != line.seq - 1:
        raise corrupt(line.seq, "it does not cover the registry's journal up to itself")
    for one in found:
        if one.after != said.covered.get(one.name, (0, ""))[0]:
            raise corrupt(line.seq, f"it does not go on where {_title(one.name)} was covered last")
    if not isinstance(size, int) or size != said.size + sum(one.size for one in found):
        raise corrupt(line.seq, "its size is not that of all that is covered")
    return Tree(line.seq, size, bytes.fromhex(root.removeprefix(DIGEST_PREFIX)), found)


def is_tree(line: Line) -> bool:
    """Whether the line covers more."""
    said = line.get("checkpoint")
    return line.is_own and line.get("event") == CHECKPOINT and isinstance(said, dict) and said.get("kind") == TREE


def is_tree_of(line: Line, size: int, root: bytes) -> bool:
    """Whether the line says just that tree."""
    said = line.get("checkpoint")
    return is_tree(line) and (said.get("size"), said.get("root")) == (size, DIGEST_PREFIX + root.hex())


def says_tree(size: int, root: bytes, covers: Iterable[Cover]) -> dict[str, Any]:
    """What an event says of a tree."""
    return {"kind": TREE, "size": size, "root": DIGEST_PREFIX + root.hex(), "covers": [one.said() for one in covers]}


def says_key(kind: str, verifier: Verifier, lost: Checkpoint | None = None) -> dict[str, Any]:
    """What an event says of a log's new key; of one that begins another log also what was lost."""
    more = {} if lost is None else {"lost": [lost.origin, lost.size, DIGEST_PREFIX + lost.root.hex()]}
    return {"kind": kind, "origin": verifier.name, "vkey": str(verifier), **more}


def in_events(covers: Iterable[Cover], reserved_bytes: int) -> Iterator[list[Cover]]:
    """The covers of models in their order, as many at once as an event has room for beside its own."""
    part, size_bytes = list[Cover](), reserved_bytes
    for one in sorted(covers, key=lambda cover: _in_bytes(cover.name)):
        takes = len(encode({"c": one.said()}))
        if part and size_bytes + takes > MOST_COVERS_BYTES:
            yield part
            part, size_bytes = [], reserved_bytes
        part.append(one)
        size_bytes += takes
    yield part


def corrupt(seq: int, fault: str) -> LogCorrupt:
    """The log is not what was written, as far as event ``seq`` of the registry's journal tells."""
    return LogCorrupt(
        f"The log is damaged: event {seq} of the registry's journal: {fault}. Nothing was published. "
        "Compare the journals with a backup.",
        seq=seq,
        fault=fault,
    )


def not_as_covered(name: Name, seq: int, fault: str) -> LogCorrupt:
    """A journal is not what was covered, or no journal at all."""
    return LogCorrupt(
        f"The log is damaged: line {seq} of {_title(name)}: {fault}. Nothing was published. "
        "Compare the journal with a backup.",
        task=name[0] or None,
        model_name=name[1] or None,
        seq=seq,
        fault=fault,
    )


def _title(name: Name) -> str:
    return "/".join(name) if name != OWN else "the registry's own journal"


def _in_bytes(name: Name) -> tuple[bytes, ...]:
    return tuple(part.encode("utf-8", "surrogatepass") for part in name)


def _is_digest(text: str) -> bool:
    sha256 = text.removeprefix(DIGEST_PREFIX)
    return text.startswith(DIGEST_PREFIX) and len(sha256) == 64 and not sha256.strip("0123456789abcdef")


def _is_segment(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name and can_be_said(name)


def can_be_said(*names: str) -> bool:
    """Whether an event can name it: older software has made directories of any bytes."""
    return not any("\ud800" <= character <= "\udfff" for name in names for character in name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _cover(seq: int, value: Any) -> Cover:
    if isinstance(value, list) and len(value) == 5:
        task, model_name, after, upto, digest = value
        is_said = isinstance(task, str) and isinstance(model_name, str) and isinstance(digest, str)
        is_name = is_said and ((task, model_name) == OWN or (_is_segment(task) and _is_segment(model_name)))
        if is_name and _is_number(after) and _is_number(upto) and after < upto and _is_digest(digest):
            return Cover((task, model_name), after, upto, digest)
    raise corrupt(seq, "it covers something that is no journal's lines")


def _verifier(seq: int, fields: Mapping[str, Any]) -> Verifier:
    try:
        verifier = parse_vkey(str(fields.get("vkey")))
    except ValueError as error:
        raise corrupt(seq, f"of its key: {error}") from None
    if verifier.name != fields.get("origin"):
        raise corrupt(seq, "its key is in another log's name")
    return verifier


def _lost(seq: int, fields: Mapping[str, Any]) -> Checkpoint:
    said = fields.get("lost")
    if isinstance(said, list) and len(said) == 3:
        origin, size, root = said
        if isinstance(origin, str) and _is_number(size) and isinstance(root, str) and _is_digest(root):
            with suppress(ValueError):
                return Checkpoint(check_name(origin), size, bytes.fromhex(root.removeprefix(DIGEST_PREFIX)))
    raise corrupt(seq, "it does not say which log was lost")
