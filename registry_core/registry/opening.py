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
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..access.roles import Action
from ..format.encoding import encode_document
from ..format.layout import FORMATS, GATED_FORMAT, REGISTRY, RULED, TASKS
from ..models.all_models import all_models
from ..models.gate import Gate
from ..models.journal import require_clock
from ..models.model import BeforeChange, Found, ModelStore, OnChange, open_model
from ..models.registry_journal import told_by_journal
from ..models.timeline import Moment
from ..models.visible import Everything, Visible
from ..settings import CoreSettings
from ..storage import Storage
from ..storage.contract import ABSENT, Condition, KeyNotFound, Match, PreconditionFailed
from ..verbs import resolution
from ..vocabulary.answers import Verification
from ..vocabulary.errors import DestinationDiffers, NotConfigured
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.texts import parse_ref
from .policies import PoliciesAsked

if TYPE_CHECKING:
    from ..catalogue.catalogue import Catalogue
    from .door import Door

log = logging.getLogger(__name__)
T = TypeVar("T")

NO_ID = ""
LOOK_EVERY_S = 5.0  # before changes, where a look is a request
CLOCK_EVERY_S = 60.0
_FORMATS = " and ".join(map(str, FORMATS))
_ID = re.compile("[0-9a-f]{32}")


class RootIdentity:
    """The root is itself: a process goes on with the root that it saw first, or not at all.

    ``registry.json`` has the root's ``id``. A root without one is an empty directory, or a registry of older
    software, which gets its id at its first change.
    """

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage = storage
        self._is_looked_at_each_time = storage.documents.looks_are_cheap()
        self._create, self._wanted = settings.create, settings.id
        self._mutex = threading.Lock()  # of what was seen; nobody waits for a storage with it
        self._seen: str | None = None
        self._is_registry = self._is_ruled = self.has_policies = False
        self._place: str | None = None
        self._mark: str | None = None
        self._looked_at = 0.0
        self._clock_due_at = 0.0

    @property
    def id(self) -> str:
        """The id that was seen last; empty if there is none."""
        return self._seen or NO_ID

    def confirm(self) -> None:
        """The root is still itself, at the cost of one look at a directory; an object store is asked nothing.

        Raises as :meth:`look`.
        """
        if self._is_looked_at_each_time:
            mark = self._mark_now()
            if not mark or mark != self._mark:
                self.look()

    def is_ruled(self) -> bool:
        """Whether the root, still itself, has rules of access; it said so at most 5 s ago. Raises as :meth:`look`."""
        self.confirm()
        if not self._is_looked_at_each_time and monotonic() - self._looked_at >= LOOK_EVERY_S:
            self.look()
        return self._is_ruled

    def before_change(self) -> None:
        """The root is still itself, and has an id, durably. Raises as :meth:`look`, ``StorageError``."""
        self.is_ruled()
        if self._seen == NO_ID:
            self.make()
        if monotonic() >= self._clock_due_at:
            require_clock(self._storage)
            self._clock_due_at = monotonic() + CLOCK_EVERY_S

    def look(self) -> None:
        """The root is of a format that is known, and it is still itself. Writes nothing.

        Raises ``NotConfigured`` (``unknown_format``, ``root_changed``, ``root_empty``), ``StorageUnavailable``.
        """
        mark, place = self._mark_now(), self._storage.place()
        said, _ = self._read()
        found = said.get("id", NO_ID)
        is_registry = found != NO_ID or any(entry.kind == "prefix" for entry in self._storage.documents.list(TASKS))
        with self._mutex:
            self._judge(found, is_registry, place)
            self._seen, self._is_registry, self._place, self._mark = found, is_registry, place, mark
            self._is_ruled = said.get(RULED, False) is not False
            self.has_policies = said.get("format") == GATED_FORMAT
            self._looked_at = monotonic()

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
        self.look()
        if not self._is_registry and not merge:
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
        was = self._seen
        is_same = was is None or found == was or (was == NO_ID and place == self._place)
        if not is_same or (self._is_registry and not is_registry):
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


class OpenedRegistry:
    """A root that is there, usable, and of a format that this software knows."""

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._policies = PoliciesAsked(storage, settings.lock_timeout_s)
        self._gate: Gate | None = self._policies
        self._visible: Visible = Everything()
        self._identity = RootIdentity(storage, settings)
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
