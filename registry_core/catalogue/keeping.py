"""How the catalogue is kept true: built, told of changes, refreshed, and given up where its disk is full.

Each change made through a process of this host shows at once; what others write into the registry is found by
:meth:`Kept.refresh`, which looks at marks and reads only what has changed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..models.model import ModelStore, OnChange, open_model
from ..storage.contract import Storage
from ..storage.locks import release, try_hold
from ..vocabulary.answers import CatalogState
from ..vocabulary.errors import IndexBuilding, InvalidName, StorageUnavailable
from . import announcements, building, one_model, rows
from .database import Database, NoRoom, Trouble, count_change, fact, set_fact
from .present import present_models
from .values import UNSURE

log = logging.getLogger(__name__)

FULL_REFRESH_S = 600.0  # where a feed tells of changes, how often each model is asked all the same
OVERLAP_S = 120.0  # as far as clocks of replicas may differ
BUILD_WAIT_S = 10.0  # so long whoever asks waits for a catalogue that somebody else is building
NO_ROOM_PAUSE_S = 60.0

CatalogueProgress = Callable[[CatalogState], None]


class Kept:
    """The file of one registry's catalogue, kept true. Thread-safe; all processes of a host share it."""

    def __init__(self, storage: Storage, path: Path, refresh_s: float, processes: int = 1) -> None:
        self._storage, self._processes = storage, processes
        self._database = Database(path)
        self._refresh_s = refresh_s
        self._is_fed = announcements.is_kept(storage)
        #: Whoever asks the catalogue next, in any process of the host, is shown a change just made; so are other
        #: replicas after a while. Never raises.
        self.touch: OnChange = self._announce if self._is_fed else self._database.note
        self._no_room_until = 0.0  # time.monotonic()

    @property
    def state(self) -> CatalogState:
        """How far a build has come, in whatever process."""
        if not self._database.exists:
            return CatalogState(ready=False, models_done=0, models_total=0)
        try:
            with self._database.reading() as connection:
                done = int(connection.execute("SELECT count(*) FROM model WHERE is_whole = 1").fetchone()[0])
                total = fact(connection, "models_total")
                built = fact(connection, "built") is not None
        except Trouble:
            return CatalogState(ready=False, models_done=0, models_total=0)
        return CatalogState(built, done, done if built or not isinstance(total, int) else max(done, total))

    def _announce(self, model: ModelStore) -> None:
        announcements.announce(model)
        self._database.note(model)

    def _follow_changes(self) -> None:
        """The models that were noted as changed are up to date; a change noted meanwhile stays noted."""
        noted = self._database.noted()
        if noted:
            found = [ModelStore(self._storage, task, name, 0.0) for _, task, name in noted]
            self._refresh_models(found, None, are_told=True)
            self._database.forget_noted(noted)

    def _catch_up(self) -> None:
        """As :meth:`_follow_changes`; where that cannot be, the catalogue stays as it is."""
        try:
            self._follow_changes()
        except (Trouble, StorageUnavailable) as error:
            log.warning("the catalogue does not show the last changes yet: %s", error)

    def refresh(self, *, force: bool = False, progress: CatalogueProgress | None = None) -> bool:
        """The catalogue shows the registry as it is now. False: another process is at it.

        ``force`` builds it from nothing, and waits a while for others. Raises ``StorageUnavailable``.
        """
        with answered():
            return self._refresh(force=force, progress=progress)

    def keep(self) -> None:
        """As :meth:`refresh`, if it was not done lately. Called again and again by every server."""
        with answered():
            if self._age_s() > self._refresh_s / 4:
                self._refresh()

    def _refresh(self, *, force: bool = False, progress: CatalogueProgress | None = None) -> bool:
        if time.monotonic() < self._no_room_until and not force:
            raise NoRoom(f"{self._database.path}: there was no room for it a moment ago")
        deadline = time.monotonic() + (BUILD_WAIT_S if force else 0.0)
        alone = self._try_hold()
        while alone is None and time.monotonic() < deadline:
            time.sleep(0.05)
            alone = self._try_hold()
        if alone is None:
            return False
        try:
            if force:
                self._database.discard()
            self._refresh_all(progress)
        except NoRoom:
            self._make_room()
            raise
        finally:
            release(alone)
        return True

    def _try_hold(self) -> Any:
        path = self._database.path
        try:
            path.parent.mkdir(0o775, parents=True, exist_ok=True)
            return try_hold(path.with_name(path.name + ".refresh"))
        except OSError as error:
            raise Trouble(f"{path}: {error}") from error

    def _make_room(self) -> None:
        """A catalogue that does not fit on its disk leaves it to those who need it more."""
        self._no_room_until = time.monotonic() + NO_ROOM_PAUSE_S
        if not self._is_built():
            self._database.discard()

    def is_being_built(self) -> bool:
        """Whether somebody else is making the first build, so that nothing can be asked yet."""
        with answered():
            if self._is_built():
                return False
            alone = self._try_hold()
        if alone is not None:
            release(alone)
        return alone is None

    def ensure_fresh(self) -> None:
        """The catalogue is not older than the refresh time; builds or refreshes it here if it must.

        Where it cannot be written any more, it stays as it is. Raises ``StorageUnavailable``.
        """
        deadline = time.monotonic() + BUILD_WAIT_S
        while self._age_s() > self._refresh_s:
            try:
                if self._refresh() or self._is_built():
                    return
            except Trouble as error:
                if not self._is_built():
                    raise
                log.warning("the catalogue shows the registry as it was %.0f s ago: %s", self._age_s(), error)
                return
            if time.monotonic() > deadline:
                raise building_now(self.state)
            time.sleep(0.05)

    def _is_built(self) -> bool:
        if not self._database.exists:
            return False
        with self._database.reading() as connection:
            return fact(connection, "built") is not None

    def _age_s(self) -> float:
        if not self._database.exists:
            return float("inf")
        with self._database.reading() as connection:
            refreshed_at = fact(connection, "refreshed_at")
        age_s = time.time() - refreshed_at if isinstance(refreshed_at, float) else float("inf")
        return age_s if age_s >= 0 else float("inf")  # the clock was set back: who knows

    def _refresh_all(self, progress: CatalogueProgress | None) -> None:
        began = time.time()
        with self._database.reading() as connection:
            built, fed, full_at = (fact(connection, name) for name in ("built", "fed", "full_at"))
        facts: dict[str, object] = {"refreshed_at": began, "fed": announcements.position(began - OVERLAP_S)}
        heard: set[str] = set()
        is_fed = self._is_fed and built is not None and isinstance(fed, str)
        if is_fed and isinstance(full_at, float) and 0 <= began - full_at < FULL_REFRESH_S:
            heard = self._follow_announced(str(fed), progress)
        else:
            found, unsure = present_models(self._storage)
            read = self._build(found, progress) if built is None else set()
            others = [model for model in found if (model.keys.task, model.keys.model_name) not in read]
            self._refresh_models(others, progress)
            self._forget_others(found, unsure)
            facts["full_at"] = began
        while not self._finish(facts, heard):
            self._follow_changes()

    def _build(self, found: list[ModelStore], progress: CatalogueProgress | None) -> set[building.Names]:
        with self._database.writing() as connection:
            set_fact(connection, "models_total", len(found))

        def done(number: int) -> None:
            if progress is not None:
                progress(CatalogState(False, number, len(found)))

        return building.build(self._database, self._storage, found, self._processes, done)

    def _finish(self, facts: dict[str, object], heard: set[str]) -> bool:
        """The facts are true; False: models have been changed meanwhile, which the build may not know."""
        with self._database.writing() as connection:
            if connection.execute("SELECT 1 FROM changed").fetchone() is not None:
                return False
            set_fact(connection, "built", 1)
            for name, value in facts.items():
                set_fact(connection, name, value)
            connection.executemany("INSERT OR IGNORE INTO heard VALUES (?)", [(key,) for key in sorted(heard)])
            connection.execute("DELETE FROM heard WHERE key <= ?", (facts["fed"],))
        return True

    def _follow_announced(self, after: str, progress: CatalogueProgress | None) -> set[str]:
        """The models that others say they have changed are up to date, and those of which it is not sure whether they
        are. Returns the announcements that are heard now; one is made after its change, so that once is enough.
        """
        announced = announcements.changed(self._storage, after)
        with self._database.reading() as connection:
            known = {key for (key,) in connection.execute("SELECT key FROM heard WHERE key > ?", (after,))}
            names = set(connection.execute("SELECT task, name FROM model WHERE mark = ?", (UNSURE,)).fetchall())
        names |= {name for key, name in announced.items() if key not in known}
        found = []
        for task, model_name in sorted(names):
            try:
                found.append(open_model(self._storage, task, model_name, 0.0))
            except InvalidName as error:
                log.error("an announcement names no model: %s", error.message)
        failed = self._refresh_models(found, progress, are_told=True)
        return {key for key, name in announced.items() if name not in failed}

    def _refresh_models(
        self, found: list[ModelStore], progress: CatalogueProgress | None, *, are_told: bool = False
    ) -> set[building.Names]:
        """Each of them is up to date, but for those that cannot be, which are returned."""
        failed = set()
        for done, model in enumerate(found, start=1):
            try:
                one_model.refresh(self._database, model, is_told=are_told)
            except Trouble:
                raise
            except StorageUnavailable as error:
                if not self._storage.failure_is_final(error):
                    raise
                log.error("%s is left out of the catalogue: %s", model.title, error.message)
                failed.add((model.keys.task, model.keys.model_name))
            except Exception:  # whatever is in one model must not keep the others from the list
                log.exception("%s is left out of the catalogue", model.title)
                failed.add((model.keys.task, model.keys.model_name))
            if progress is not None:
                progress(CatalogState(False, done, len(found)))
        return failed

    def _forget_others(self, found: list[ModelStore], unsure: set[str]) -> None:
        present = {(model.keys.task, model.keys.model_name) for model in found}
        with self._database.reading() as connection:
            known = connection.execute("SELECT id, task, name FROM model").fetchall()
        for model_id, task, name in known:
            if (task, name) not in present and task not in unsure:
                with self._database.writing() as connection:
                    rows.forget(connection, model_id)
                    count_change(connection)


def building_now(state: CatalogState | None) -> IndexBuilding:
    """The refusal of who cannot be answered yet; None: of whoever may not know how many models there are."""
    if state is None:
        return IndexBuilding("The catalogue is being built. Try again shortly.", retry_after_s=5)
    return IndexBuilding(
        f"The catalogue is being built: {state.models_done} of {state.models_total} models. Try again shortly.",
        models_done=state.models_done,
        models_total=state.models_total,
        retry_after_s=5,
    )


@contextmanager
def answered() -> Iterator[None]:
    """What is wrong with the catalogue is told as ``StorageUnavailable``."""
    try:
        yield
    except Trouble as error:
        log.error("catalogue: %s", error)
        raise StorageUnavailable(
            "The catalogue cannot be used at the moment; it comes back by itself. Try again shortly.", retry_after_s=2
        ) from error
