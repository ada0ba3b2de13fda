"""The log of a registry: its journals as its checkpoints cover them, held against each other up to the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ...format.chain import Line
from ...format.layout import REGISTRY_JOURNAL
from ...models.all_models import all_models
from ...models.journal import Subject
from ...models.model import ModelStore, open_model
from ...models.registry_journal import RegistryJournal
from ...storage.contract import Storage
from ...vocabulary.errors import InvalidName
from ...vocabulary.evidence_errors import LogCorrupt, LogNotSet
from ...vocabulary.texts import digest
from . import tree as log_tree
from .checkpoints import OWN, Cover, Name, Said, Tree, corrupt, is_tree, is_tree_of, not_as_covered, read_tree
from .index import LogIndex

Leaves = Mapping[Cover, list[bytes]]


@dataclass
class Log:
    """``own``: the registry's journal; ``index``: what is kept of what was read.

    ``upto``: how far the registry's journal is looked at; None: to its end. ``only``: the models that can have new
    lines; None: any.
    """

    own: RegistryJournal
    index: LogIndex
    said: Said = field(default_factory=Said)
    upto: int | None = None
    only: Collection[Name] | None = None

    def follow(self, known: Leaves | None = None) -> Said:
        """What is said of the log now, all of it held against the journals that it covers. Raises ``LogCorrupt``.

        What is new since the last time is read, and nothing else; ``known``: the hashes of lines that were read
        already. What the index has is dropped where the journal is another one, or it leads to a fault.
        """
        self.own.storage.documents.forget(REGISTRY_JOURNAL)
        self.said = self.index.said()
        try:
            if not self.said.seq and self.index.is_empty():
                return self._follow(known)
            if self.said.seq and self._is_still_said():
                with suppress(LogCorrupt):
                    return self._follow(known)
            self.index.forget()
            self.said = Said()
            return self._follow(known)
        except (sqlite3.Error, LookupError):
            self.index.move_to_memory()
            self.said = Said()
            return self._follow(known)

    def _is_still_said(self) -> bool:
        """Whether the journal has the line that was followed last, and in the last tree the root that is kept."""
        line, said = self.own.journal.line(self.said.seq), self.said
        if line is None or digest(line.raw) != said.digest:
            return False
        tree = self.own.journal.line(said.tree_seq) if said.tree_seq else None
        return said.size == 0 or (tree is not None and is_tree_of(tree, said.size, said.root))

    def _follow(self, known: Leaves | None) -> Said:
        before = self.said
        for line in _proven(self.own, OWN, self.said.seq, self.upto):
            said = self.said.then(line, digest(line.raw))
            if said.size < self.said.size:  # another log, from nothing
                if not self.index.keep(before, said):
                    return self._again(known)
                before = said
            if is_tree(line):
                tree = read_tree(said, line)
                row = self._grown(tree, known or {})
                said = said.with_tree(tree)
                if not self.index.keep(before, said, tree, row):
                    return self._again(known)
                before = said
            self.said = said
        if before.seq != self.said.seq and not self.index.keep(before, self.said):
            return self._again(known)
        return self.said

    def _again(self, known: Leaves | None) -> Said:
        """Another process has brought the index forward: from where it is now."""
        self.said = self.index.said()
        return self._follow(known)

    def _grown(self, tree: Tree, known: Leaves) -> list[bytes]:
        frontier = self.frontier()
        row = list[bytes]()
        for cover in tree.covers:
            for leaf in known[cover] if cover in known else self.leaves(cover):
                row += frontier.add(leaf)
        if frontier.root() != tree.root:
            raise corrupt(tree.seq, "its root is not that of the lines that it covers")
        return row

    def frontier(self) -> log_tree.Frontier:
        """The tree as it is, to be added to."""
        return log_tree.Frontier.of(self.said.size, self.index.node)

    def leaves(self, cover: Cover) -> list[bytes]:
        """The hashes of the lines, which go on from what was covered before. Raises ``LogCorrupt``."""
        subject = self.subject(cover.name)
        last_seen = self.said.covered.get(cover.name)
        if last_seen is not None:
            self.require_still(cover.name, *last_seen)
        found, last = list[bytes](), None
        for line in _proven(subject, cover.name, cover.after, cover.upto):
            found.append(log_tree.leaf_hash(line.raw))
            last = line
        if len(found) != cover.size or last is None:
            raise not_as_covered(cover.name, cover.after + len(found) + 1, "it was covered, and is not there")
        if digest(last.raw) != cover.digest:
            raise not_as_covered(cover.name, cover.upto, "it is not the line that was covered")
        return found

    def require_still(self, name: Name, seq: int, covered: str) -> None:
        """The line is the one that was covered. Raises ``LogCorrupt``."""
        line = self.subject(name).journal.line(seq)
        if line is None:
            raise not_as_covered(name, seq, "it was covered, and is not there")
        if digest(line.raw) != covered:
            raise not_as_covered(name, seq, "it is not the line that was covered")

    @property
    def storage(self) -> Storage:
        """Where all of it lies."""
        return self.own.storage

    def models(self) -> Iterator[ModelStore]:
        """Every model that can have new lines; what is no model's name is passed over."""
        if self.only is None:
            yield from all_models(self.storage, self.own.lock_timeout_s)
        for name in sorted(self.only or ()):
            with suppress(InvalidName):
                yield open_model(self.storage, *name, self.own.lock_timeout_s)

    def subject(self, name: Name) -> Subject:
        """Whose journal the name is."""
        return self.own if name == OWN else ModelStore(self.storage, *name, self.own.lock_timeout_s)

    def require_begun(self) -> Said:
        """What is said of the log, if there is one. Raises ``LogNotSet``."""
        if self.said.origin is None:
            raise LogNotSet("This registry has no log. 'omr log init --origin NAME' begins one.")
        return self.said

    def root_at(self, size: int) -> bytes:
        """The root of the first ``size`` lines, which there are."""
        return log_tree.root_at(size, self.index.node)


def _proven(subject: Subject, name: Name, after: int, upto: int | None) -> Iterator[Line]:
    """The lines behind ``after``, each of ours chained to all before it. Raises ``LogCorrupt``.

    Behind a line of older software that takes all bytes before.
    """
    first = subject.journal.line(after) if after else None
    start = after if first is not None and first.is_own else 0
    for link in subject.journal.links(subject.names(), start):
        if upto is not None and link.line.seq > upto:
            return
        if link.faults and (link.line.is_own or not link.line.raw):
            raise not_as_covered(name, link.line.seq, link.faults[0])
        if link.line.seq > after:
            yield link.line
