"""What a verdict depends on, read for the requirements that ask for it and for nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ...format import manifest
from ...models.gate import Arriving
from ...models.model import ModelStore
from ...models.states import State
from ...models.timeline import Moment
from ...packages import contents
from ...packages.stated_metrics import numbers, of_bytes
from ...vocabulary.bounded import Bounded
from ...vocabulary.errors import PackageCorrupt
from ..attestations import of_version
from ..attestations.of_version import Attested, EvidenceOfVersion
from ..rules.policy_document import File, Metric, NotArchived, Requirement, Source
from ..rules.trust_document import TrustDocument
from ..signing.statement import Statement
from .seen import Seen

MOST_REMEMBERED_BYTES = 64 * 1024 * 1024  # of documents, as events say

V = TypeVar("V")
Documents = tuple[Mapping[int, Statement | None], Mapping[int, bool]]


class _Read(Mapping[int, V]):
    """What is found of each attest event, when it is asked for first."""

    def __init__(self, attested: Mapping[int, Attested], find: Callable[[Attested], V]) -> None:
        self._attested, self._find = attested, find
        self._found: dict[int, V] = {}

    def __getitem__(self, seq: int) -> V:
        if seq not in self._found:
            self._found[seq] = self._find(self._attested[seq])
        return self._found[seq]

    def __iter__(self) -> Iterator[int]:
        return iter(self._attested)

    def __len__(self) -> int:
        return len(self._attested)


def look(
    model: ModelStore,
    version: str,
    requirements: Iterable[Requirement],
    trust: TrustDocument,
    *,
    promoter: Mapping[str, Any],
    before: int | None = None,
    then: Moment | None = None,
) -> Seen:
    """A version that is registered, as the model's journal has it before that event, or now; ``then``: as it was.

    Raises ``PackageCorrupt`` where the manifest or the metadata is asked for and not what was registered.
    """
    asked = list(requirements)
    with model.journal.searching():
        evidence = of_version.read(model, version, before)
        return Seen(
            evidence,
            trust,
            *documents(model, evidence),
            sizes=_sizes(model, version, {one.what.path for one in asked if isinstance(one.what, File)}),
            stated=_stated(model, version) if any(map(_asks_for_metadata, asked)) else {},
            is_archived=any(isinstance(one.what, NotArchived) for one in asked) and _is_archived(model, version, then),
            registrant=evidence.born,
            promoter=promoter,
        )


def look_at_arriving(
    version: str, seq: int, arriving: Arriving | None, trust: TrustDocument, by: Mapping[str, Any]
) -> Seen:
    """A version that event ``seq`` is about to register: nobody has said anything of it yet but whoever made it."""
    if arriving is None:
        return Seen(EvidenceOfVersion(version, None, None), trust, registrant=by, promoter=by)
    signatures, facts = arriving.says.get("signatures"), arriving.says.get("facts")
    evidence = EvidenceOfVersion(
        version,
        seq,
        arriving.package_digest,
        facts=facts,
        facts_seq=seq if facts is not None else None,
        signatures=tuple(signatures or ()),
    )
    return Seen(
        evidence,
        trust,
        sizes=arriving.sizes,
        stated=dict(numbers(of_bytes(b"", arriving.meta))),
        registrant=by,
        promoter=by,
    )


def documents(model: ModelStore, evidence: EvidenceOfVersion) -> Documents:
    """(the statement of each attest event, whether its document is intact), each read when it is asked for."""
    return DocumentsOfModel(model).of(evidence)


class DocumentsOfModel:
    """The documents that a model's events name, for whoever asks for the same ones over and over."""

    def __init__(self, model: ModelStore) -> None:
        self._model = model
        self._found: Bounded[tuple[bool, int], tuple[Any, int]] = Bounded(MOST_REMEMBERED_BYTES, lambda one: one[1])

    def of(self, evidence: EvidenceOfVersion) -> Documents:
        """As :func:`documents`; what was read is not read again while it is remembered."""
        attested = {one.seq: one for one in evidence.attestations}

        def statement(one: Attested) -> Statement | None:
            return self._once(one, lambda: of_version.statement_in(self._model, evidence.version, one), is_read=True)

        def is_intact(one: Attested) -> bool:
            return self._once(one, lambda: self._is_intact(evidence.version, one), is_read=False)

        return _Read(attested, statement), _Read(attested, is_intact)

    def _once(self, one: Attested, find: Callable[[], V], *, is_read: bool) -> V:
        known = self._found.get((is_read, one.seq))
        if known is None:
            known = find(), max(1, one.size_bytes if is_read else 1)
            self._found.put((is_read, one.seq), known)
        found: V = known[0]
        return found

    def _is_intact(self, version: str, one: Attested) -> bool:
        try:
            of_version.document(self._model, version, one.digest)
        except PackageCorrupt:
            return False
        return True


def _sizes(model: ModelStore, version: str, paths: set[str]) -> dict[str, int | None]:
    """Path -> bytes of those of the paths that the manifest covers; None: not there."""
    if not paths:
        return {}
    data, is_baseline = contents.proven_manifest(model, version)
    covered = manifest.parse(data or b"", covers_manifest=is_baseline).hashes.keys() & paths
    package, files = model.keys.package(version), model.storage.documents
    if files.looks_are_cheap():
        return {path: files.size(f"{package}/{path}") for path in sorted(covered)}
    there = {entry.key: entry.size_bytes for entry in files.list(package)}
    return {path: there.get(f"{package}/{path}") for path in sorted(covered)}


def _asks_for_metadata(requirement: Requirement) -> bool:
    return isinstance(requirement.what, Metric) and requirement.what.source == Source.METADATA


def _stated(model: ModelStore, version: str) -> dict[str, float]:
    said = contents.said_of(model, version)
    meta = contents.read_meta(model, version, None if said is None else said.get("model_meta.json"))
    return dict(numbers(of_bytes(b"", meta)))


def _is_archived(model: ModelStore, version: str, then: Moment | None) -> bool:
    state = model.told.state(version) if then is None else then.states.get(version, State())
    return state.archived if state.archived is not None else state.is_archived(contents.read_meta(model, version))
