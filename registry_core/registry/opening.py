"""An opened registry: its root, which stays itself, and how the verbs find a model and a version in it."""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from ..access.roles import Action
from ..format.layout import FORMATS, GATED_FORMAT, REGISTRY, REGISTRY_JOURNAL, RULED, TASKS
from ..models.all_models import all_models
from ..models.gate import Asked, Gate, Verdict
from ..models.journal import require_clock
from ..models.model import BeforeChange, Found, ModelStore, OnChange, open_model
from ..models.registry_journal import RegistryJournal, is_gated, told_by_journal
from ..models.timeline import Moment
from ..models.visible import Everything, Visible
from ..settings import CoreSettings
from ..storage import Storage
from ..storage.contract import ABSENT, Condition, KeyNotFound, Match, PreconditionFailed
from ..verbs import resolution
from ..vocabulary.answers import Verification
from ..vocabulary.errors import DestinationDiffers, NotConfigured
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.texts import encode_document, parse_ref

if TYPE_CHECKING:
    from ..catalogue.catalogue import Catalogue
    from ..evidence.gates.gate import PolicyGate
    from .door import Door

log = logging.getLogger(__name__)
T = TypeVar("T")

NO_ID = ""
LOOK_EVERY_S = 5.0  # before changes, where a look is a request
CLOCK_EVERY_S = 60.0
_FORMATS = " and ".join(map(str, FORMATS))
_ID = re.compile("[0-9a-f]{32}")


class Said(NamedTuple):
    """What the root said of itself when it was looked at, and where it was then."""

    id: str
    is_registry: bool
    is_ruled: bool
    has_policies: bool
    place: str | None
    mark: str | None


class RootIdentity:
    """The root is itself: a process goes on with the root that it saw first, or not at all.

    ``registry.json`` has the root's ``id``. A root without one is an empty directory, or a registry of older
    software, which gets its id at its first change.
    """

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage = storage
        self._is_looked_at_each_time = storage.documents.looks_are_cheap()
        self._create, self._wanted = settings.create, settings.id
        self._mutex = threading.Lock()  # of who looks; nobody waits for a storage with it
        self._said: Said | None = None
        self._looked_at = 0.0
        self._clock_due_at = 0.0

    @property
    def id(self) -> str:
        """The id that was seen last; empty if there is none."""
        return self._said.id if self._said is not None else NO_ID

    def confirm(self) -> Said | None:
        """The root is still itself, at the cost of one look at a directory; an object store is asked nothing.

        Returns what was seen of it last, if it was ever looked at. Raises as :meth:`look`.
        """
        said = self._said
        if self._is_looked_at_each_time:
            mark = self._mark_now()
            if said is None or not mark or mark != said.mark:
                return self.look()
        return said

    def said(self) -> Said:
        """What the root, still itself, says; on an object store it was so 5 s ago at most. Raises as :meth:`look`."""
        said = self.confirm()
        is_due = not self._is_looked_at_each_time and monotonic() - self._looked_at >= LOOK_EVERY_S
        return self.look() if said is None or is_due else said

    def is_gated(self) -> bool:
        """Whether there ever was a policy: as the root, still itself, says it now, or is to say.

        Raises as :meth:`look`, ``JournalCorrupt``.
        """
        said = self.confirm()
        if said is not None and (said.has_policies or self._storage.place(REGISTRY_JOURNAL) == ""):
            return said.has_policies  # which it says for ever; and without a journal of its own there never was one
        return is_gated(self._storage)

    def before_change(self) -> None:
        """The root is still itself, and has an id, durably. Raises as :meth:`look`, ``StorageError``."""
        if self.said().id == NO_ID:
            self.make()
        if monotonic() >= self._clock_due_at:
            require_clock(self._storage)
            self._clock_due_at = monotonic() + CLOCK_EVERY_S

    def look(self) -> Said:
        """What the root says of itself, which is of a format that is known, and still itself. Writes nothing.

        Raises ``NotConfigured`` (``unknown_format``, ``root_changed``, ``root_empty``), ``StorageUnavailable``.
        """
        mark, place = self._mark_now(), self._storage.place()
        fields, _ = self._read()
        found = fields.get("id", NO_ID)
        is_registry = found != NO_ID or any(entry.kind == "prefix" for entry in self._storage.documents.list(TASKS))
        is_ruled, has_policies = fields.get(RULED, False) is not False, fields.get("format") == GATED_FORMAT
        with self._mutex:
            self._judge(found, is_registry, place)
            self._said = Said(found, is_registry, is_ruled, has_policies, place, mark)
            self._looked_at = monotonic()
            return self._said

    def make(self, wanted: str | None = None) -> None:
        """The root has an id, durably: this one, or that of whoever was faster. Raises as :meth:`look`."""
        while True:
            fields, when = self._read()
            if fields.get("id", NO_ID) != NO_ID:
                break
            new = {**fields, "id": wanted or secrets.token_hex(16)}
            with suppress(PreconditionFailed):
                self._storage.documents.write(REGISTRY, encode_document(new), when)
        self.look()

    def take_over(self, source: RootIdentity, *, merge: bool) -> None:
        """An empty root says of itself what the source does, its id too. Raises ``DestinationDiffers``.

        A root that is a registry already, with another id, is refused unless ``merge``, and keeps its own.
        """
        if not self.look().is_registry and not merge:
            (said, is_said), (known, when) = source._read(), self._read()
            if is_said is not ABSENT and (said != known or when is ABSENT):
                with suppress(PreconditionFailed):
                    self._storage.documents.write(REGISTRY, encode_document(said), when)
            self.look()
        if self.id and self.id != source.id and not merge:
            raise DestinationDiffers(
                "The destination is another registry: it has another id. Choose an empty one; with merge this one "
                "takes the models in and stays what it is."
            )

    def _mark_now(self) -> str | None:
        mark = self._storage.place(REGISTRY)
        return self._storage.place(TASKS) if mark == "" else mark

    def _read(self) -> tuple[dict[str, Any], Condition]:
        """(what the root says of itself, the condition under which it still says so)."""
        try:
            document = self._storage.documents.read(REGISTRY)
        except KeyNotFound:  # empty, or written by older software; or lost, and a journal is left of who may do what
            return told_by_journal(self._storage), ABSENT
        try:
            fields = json.loads(document.data)
            known = isinstance(fields, dict) and fields.get("format") in FORMATS
            known = known and ("id" not in fields or _ID.fullmatch(fields["id"]) is not None)
        except (ValueError, TypeError, RecursionError):
            known = False
        if not known:
            raise NotConfigured(
                f"The root's {REGISTRY} is of none of the formats {_FORMATS} that this version reads. "
                "Use the software that wrote it, or restore the file.",
                reason="unknown_format",
            )
        return fields, Match(document.etag)

    def _judge(self, found: str, is_registry: bool, place: str | None) -> None:
        was = self._said
        is_same = was is None or found == was.id or (was.id == NO_ID and place == was.place)
        if not is_same or (was is not None and was.is_registry and not is_registry):
            raise NotConfigured(
                "Something else is now where the registry was, so nothing is read or changed there. Bring the registry "
                "back, for example by mounting it: no restart is needed.",
                reason="root_changed",
            )
        if not is_registry and (self._wanted or not self._create):
            raise NotConfigured(
                "There is no registry at the root, and none may be made there. If it is a mount point, mount the "
                "registry; 'omr init' makes a new one.",
                reason="root_empty",
            )
        if self._wanted and found != self._wanted:
            raise NotConfigured(
                "The registry at the root has not the id that OMNIBIOAI_MODEL_REGISTRY_ID names. Mount the one that "
                f"has, or change the setting: the id is in {REGISTRY}, and 'omr init' gives one to a registry without.",
                reason="root_changed",
            )


class PoliciesAsked:
    """As :class:`~registry_core.models.gate.Gate`: the gate of the policies, where there ever was one; else nothing."""

    def __init__(self, root: RootIdentity, storage: Storage, lock_timeout_s: float) -> None:
        self._root = root
        self._storage = storage
        self._lock_timeout_s = lock_timeout_s

    def judge(self, model: ModelStore, asked: Asked) -> Verdict:
        return self.policies.judge(model, asked) if self._root.is_gated() else Verdict()

    def guards(self, model: ModelStore) -> bool:
        return self._root.is_gated() and self.policies.guards(model)

    @property
    def policies(self) -> PolicyGate:
        from ..evidence.gates.gate import PolicyGate  # only where there is a policy

        return PolicyGate(RegistryJournal(self._storage, self._lock_timeout_s))


class OpenedRegistry:
    """A root that is there, usable, and of a format that this software knows."""

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._identity = RootIdentity(storage, settings)
        self._policies = PoliciesAsked(self._identity, storage, settings.lock_timeout_s)
        self._gate: Gate | None = self._policies
        self._visible: Visible = Everything()
        self._door: Door | None = None  # whoever opens the root is its operator, and is asked nothing
        self._view_of: Any = None  # the registry that this is a view of, and with which it shares what that remembers
        self._directory = settings.root if settings.root and "://" not in settings.root else None

    def probe(self, *, for_writing: bool = True) -> int | None:
        """Bytes free (None: no limit known) of a root that is there and writable, or at least readable.

        Costs no request to an object store, and writes nothing. Raises ``NotConfigured``.
        """
        return self._storage.probe(for_writing=for_writing)

    def check_root(self) -> None:
        """The root answers, its format is known, and it is still itself. Raises as :meth:`RootIdentity.look`."""
        self._identity.look()

    @property
    def id(self) -> str | None:
        """The id of the root; None for a registry of older software before its first change."""
        return self._identity.id or None

    def check_guarantees(self) -> None:
        """The storage does what the registry builds on; asked before the first change anyway.

        Raises ``NotConfigured`` naming what it lacks.
        """
        self._storage.check_guarantees()

    @property
    def recovers_quickly(self) -> bool:
        """Whether :meth:`recover` is a matter of a moment, so that a service may wait for it."""
        return self._storage.documents.looks_are_cheap()

    # shared by the verbs

    @property
    def _origin(self) -> Self:
        origin: Self = self._view_of or self
        return origin

    @cached_property
    def _kept_catalogue(self) -> Catalogue:
        from ..catalogue.catalogue import Catalogue, catalogue_path  # only when it is wanted: most calls ask one model

        settings = self._settings
        return Catalogue(self._storage, catalogue_path(settings), settings.catalog_refresh_s, settings.workers)

    @property
    def _catalogue(self) -> Catalogue:
        self._identity.confirm()
        return self._origin._kept_catalogue  # noqa: SLF001 - a registry like this one

    # each verb says here what it does, so that none can forget to ask whether it may

    def _model(
        self,
        task: str,
        model_name: str,
        action: Action,
        alias: str | None = None,
        *,
        sets: str | None = None,
        names: str | None = None,
    ) -> ModelStore:
        """The model, for whoever may do that to it. ``sets``: a new version's alias, ``names``: its own name.

        Raises ``PermissionDenied``, ``AccessUnreadable``, ``InvalidName``, ``NotConfigured``.
        """
        self._identity.confirm()
        if self._door is None:
            return open_model(self._storage, task, model_name, *self._around_changes())
        return self._door.model(task, model_name, action, alias, sets, names, around=self._around_changes())

    def _asked(self, model: ModelStore, progress: ProgressCallback | None) -> ProgressCallback | None:
        """The callback of work that goes on for as long as whoever began it may do it, and no longer."""
        return progress if model.asking is None else model.asking.also(progress)

    def _unnamed(self, found: list[T]) -> list[T]:
        """What was found, without the names of people where the caller is nobody."""
        return found if self._door is None else self._door.unnamed(found)

    def _actor(self, claimed: str | None) -> str | None:
        """Who is written down where no event is: the principal, if it is known who that is."""
        return claimed if self._door is None else self._door.by.name

    def _require_admin(self) -> None:
        """Raises ``PermissionDenied``, ``AccessUnreadable``."""
        if self._door is not None:
            self._door.require_admin()

    def _models(self) -> Iterator[ModelStore]:
        self._require_admin()
        self._identity.confirm()
        return all_models(self._storage, *self._around_changes())

    def _around_changes(self) -> tuple[float, OnChange, BeforeChange]:
        return self._settings.lock_timeout_s, self._touch, self._identity.before_change

    def _touch(self, model: ModelStore) -> None:
        self._origin._kept_catalogue.touch(model)  # noqa: SLF001 - a registry like this one

    def _find(self, task: str, ref: str, action: Action) -> Found:
        parsed = parse_ref(ref)
        return resolution.find(self._model(task, parsed.model_name, action), parsed.selector)

    def _find_then(self, task: str, ref: str, as_of: str | datetime, action: Action) -> tuple[Found, Moment]:
        parsed = parse_ref(ref)
        return resolution.find_then(self._model(task, parsed.model_name, action), parsed.selector, as_of)

    def _prove(self, found: Found, progress: ProgressCallback | None) -> Verification:
        return resolution.prove(found, self._settings.workers, self._asked(found.model, progress))
