"""Every verb by everybody: what the rules give is done, and what may not be seen is answered as what is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    ANONYMOUS,
    OPERATOR,
    AccessUnreadable,
    Action,
    IdempotencyKeyReused,
    InvalidName,
    ModelNotFound,
    ModelRegistry,
    OperationNotFound,
    PermissionDenied,
    Principal,
    RegistryError,
    UploadNotFound,
)
from registry_core.access.roles import Role, at_least
from registry_core.access.tokens import cut_of
from registry_core.format.layout import REGISTRY_JOURNAL
from registry_core.storage import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ..access.issuers import OIDC
from ..access.ruled import put, written
from ..simulated import Simulated, after
from .guarded import (
    BY_OWNER,
    FILTERED,
    FOREIGN,
    LEGACY,
    NOBODYS,
    OF_ACCESS,
    OF_EVIDENCE,
    OF_LOG,
    OF_OWNERS,
    OF_REGISTRY,
    OF_SESSION,
    OPEN,
    OURS,
    OWN,
    PEOPLE,
    PUBLIC,
    RULES,
    THEIRS,
    USE,
    VERBS,
    WRITE,
    House,
    Verb,
    house,
    house_of_owners,
    somebody,
)


@pytest.fixture
def here(tmp_path: Path) -> House:
    return house(MemoryStorage(), tmp_path)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> House:
    """For what changes nothing."""
    place = tmp_path_factory.mktemp("lasting")
    (place / "root").mkdir()
    return house(FilesystemStorage(place / "root"), place)


def refusal(call: Callable[[], object]) -> RegistryError | None:
    try:
        call()
    except RegistryError as error:
        return error
    return None


def told(error: RegistryError | None, *names: str) -> tuple[Any, ...]:
    """All that is told, but for the names."""
    text = repr((type(error), error and error.message, error and error.detail))
    for name in names:
        text = text.replace(name, "NAME")
    return (text,)


def test_no_verb_is_left_out() -> None:
    known = {name.partition(":")[0] for name in VERBS} | set(OF_REGISTRY) | set(OF_SESSION)
    known |= FILTERED | OPEN | OF_ACCESS | OF_LOG | OF_EVIDENCE
    there = {name for name in dir(ModelRegistry) if not name.startswith("_")}
    assert there == known


def expected(who: str, task: str, verb: Verb) -> bool | None:
    """Whether it is done; None: it is answered as if there were no such model."""
    reads = verb.least() in (Role.VIEWER, Role.USER)
    if who == "chief":
        return True
    if who != "left" and task == PUBLIC and reads:
        return True
    if who in list(Role) and task == OWN:
        return at_least(Role(who), verb.least())
    # Whoever has not even said who he is is asked to, where he sees nothing.
    return None if reads and who != "anonymous" else False


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("task", [OWN, FOREIGN, PUBLIC])
def test_what_the_rules_give_is_done_and_nothing_else(tmp_path: Path, who: str, task: str) -> None:
    still = house(MemoryStorage(), tmp_path / "still")
    for name, verb in VERBS.items():
        wanted = expected(who, task, verb)
        is_change = wanted and verb.changes()
        here = house(MemoryStorage(), tmp_path / name.replace(":", "-"), tasks=[task]) if is_change else still
        error = refusal(lambda verb=verb, here=here: verb.call(here.as_(who), task, "m"))  # type: ignore[misc]
        if wanted:
            assert error is None, (name, error)
        elif wanted is None:
            assert not isinstance(error, PermissionDenied), name
            assert error is not None, name
        else:
            assert isinstance(error, PermissionDenied), (name, error)
            assert error.detail["required"]["on"] == f"{task}/m"
        assert len(still.registry.history(task, "m").events) == 7, name


@pytest.mark.parametrize("who", PEOPLE)
def test_what_is_said_to_be_allowed_is_what_is_not_refused(lasting: House, who: str) -> None:
    view = lasting.as_(who)
    for task in (OWN, FOREIGN, PUBLIC):
        for name, verb in VERBS.items():
            alias = verb.alias if verb.action is Action.PROMOTE else None
            assert view.allows(task, "m", verb.action, alias) is bool(expected(who, task, verb)), (task, name)
    for action in Action:
        assert view.allows(None, None, action) is (who == "chief")
        assert lasting.registry.allows(OWN, "m", action)
        assert lasting.registry.allows(None, None, action)


def test_what_is_allowed_is_asked_of_the_rules_as_they_are_now(here: House) -> None:
    publisher = here.as_("publisher")
    assert publisher.allows(OWN, "m", Action.WRITE)
    assert not publisher.allows(OWN, "m", Action.PROMOTE, "Production")
    assert here.as_(somebody("narrow")).allows(OWN, "m", Action.PROMOTE, "candidate")
    assert not here.as_(somebody("narrow")).allows(OWN, "m", Action.PROMOTE, "latest")
    put(here.storage, written(admins=["user:chief"]))
    assert not publisher.allows(OWN, "m", Action.WRITE)
    over = somebody("admin", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert not here.as_(over).allows(OWN, "m", Action.READ)


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("who", PEOPLE)
def test_a_model_that_may_not_be_seen_and_none_are_told_alike(lasting: House, who: str, name: str) -> None:
    if who == "chief":
        return
    registry, call = lasting.as_(who), VERBS[name].call
    hidden = refusal(lambda: call(registry, FOREIGN, "m"))
    missing = refusal(lambda: call(registry, FOREIGN, "n"))
    nowhere = refusal(lambda: call(registry, "foreigner", "m"))
    assert told(hidden, "foreign/m", "'m'") == told(missing, "foreign/n", "'n'")
    assert told(hidden, "foreign/m", "'foreign'") == told(nowhere, "foreigner/m", "'foreigner'")
    if who == "admin":
        return
    # And as whoever may see all is told of a name that no model has.
    if VERBS[name].least() in (Role.VIEWER, Role.USER) and who != "anonymous":
        real = refusal(lambda: call(lasting.registry, FOREIGN, "n"))
        assert told(hidden, "foreign/m", "'m'") == told(real, "foreign/n", "'n'")


# by owners


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> House:
    """For what changes nothing."""
    place = tmp_path_factory.mktemp("owned")
    (place / "root").mkdir()
    return house_of_owners(FilesystemStorage(place / "root"), place)


def one_of(name: str, role: Role) -> Principal:
    return somebody(f"{name}-{role}", org=BY_OWNER[name][1])


@pytest.mark.parametrize("role", OF_OWNERS)
@pytest.mark.parametrize("task", [OURS, THEIRS, NOBODYS, LEGACY])
@pytest.mark.parametrize("who", BY_OWNER)
def test_what_rules_give_that_look_at_owners_is_done_and_nothing_else(
    owned: House, tmp_path: Path, who: str, task: str, role: Role
) -> None:
    is_reached = task in BY_OWNER[who][2]
    before = owned.registry.history(task, "m").events
    for name, verb in VERBS.items():
        wanted = is_reached and at_least(role, verb.least())
        is_change = wanted and verb.changes()
        here = house_of_owners(MemoryStorage(), tmp_path / name.replace(":", "-"), [task]) if is_change else owned
        error = refusal(lambda verb=verb, here=here: verb.call(here.as_(one_of(who, role)), task, "m"))  # type: ignore[misc]
        if wanted:
            assert error is None, (name, error)
        elif is_reached or verb.least() not in (Role.VIEWER, Role.USER):
            assert isinstance(error, PermissionDenied), (name, error)
        else:
            missing = refusal(lambda verb=verb: verb.call(owned.registry, task, "n"))  # type: ignore[misc]
            assert told(error, f"{task}/m", "'m'") == told(missing, f"{task}/n", "'n'"), name
    assert owned.registry.history(task, "m").events == before


@pytest.mark.parametrize("who", BY_OWNER)
def test_a_name_that_no_model_has_is_reached_by_whoever_counts_unowned_ones(tmp_path: Path, who: str) -> None:
    here = house_of_owners(MemoryStorage(), tmp_path)
    view = here.as_(one_of(who, Role.PUBLISHER))
    refused = refusal(lambda: view.register("new", "m", "1", here.source))
    assert isinstance(refused, PermissionDenied) is (who == "own")


@pytest.mark.parametrize("who", BY_OWNER)
def test_lists_counts_and_events_look_at_owners(owned: House, who: str) -> None:
    reached = BY_OWNER[who][2]
    view = owned.as_(one_of(who, Role.VIEWER))
    page = view.list_models()
    assert {item["task"] for item in page.items} == reached
    assert page.total == 2 * len(reached)
    assert {one.task for one in view.list_tasks()} == reached
    assert {one.task for one in view.list_summaries().items} == set(view.list_facets().tasks) == reached
    assert {one.event.task for one in view.events()} == {one.task for one in view.activity().events} == reached


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\nb", "ü", "x" * 300, "\udcff", "m@1"])
def test_a_name_that_can_be_none_is_told_alike_too(lasting: House, name: str) -> None:
    stranger = lasting.as_("stranger")
    for verb in ("list_aliases", "history", "runs", "hub_commits"):
        hidden, missing = (
            told(refusal(lambda registry=registry, verb=verb: VERBS[verb].call(registry, FOREIGN, name)))  # type: ignore[misc]
            for registry in (stranger, lasting.registry)
        )
        assert hidden == missing
    assert isinstance(refusal(lambda: stranger.promote(FOREIGN, name, "a", "1")), PermissionDenied)


@pytest.mark.parametrize("name", OF_REGISTRY)
def test_what_is_of_the_registry_is_for_its_admins(here: House, name: str) -> None:
    for who in PEOPLE:
        error = refusal(lambda who=who: OF_REGISTRY[name](here.as_(who)))  # type: ignore[misc]
        assert isinstance(error, PermissionDenied) is (who != "chief"), who
    OF_REGISTRY[name](here.registry)


def test_the_operator_is_asked_nothing(tmp_path: Path) -> None:
    here = house(MemoryStorage(), tmp_path)
    assert here.registry.as_(OPERATOR) is here.registry
    assert here.as_("viewer").as_(OPERATOR) is here.registry
    here.storage.documents.delete(REGISTRY_JOURNAL)
    here.registry.promote(OWN, "m", "production", "2")


def test_where_the_rules_cannot_be_told_nobody_does_anything(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    here = house(FilesystemStorage(root), tmp_path)
    assert here.as_("chief").list_aliases(OWN, "m")
    (root / REGISTRY_JOURNAL).unlink()
    for verb in VERBS.values():
        error = refusal(lambda verb=verb: verb.call(here.as_("chief"), OWN, "m"))  # type: ignore[misc]
        assert isinstance(error, AccessUnreadable)
    chief = here.as_("chief")
    lists = (chief.list_models, chief.list_tasks, chief.events, chief.list_summaries, chief.list_facets, chief.activity)
    for call in (*lists, lambda: chief.allows(OWN, "m", Action.READ)):
        with pytest.raises(AccessUnreadable):
            call()
    assert here.registry.list_aliases(OWN, "m")


def test_what_older_software_has_left_of_a_model_is_not_there_either(tmp_path: Path) -> None:
    (tmp_path / "root" / "tasks" / FOREIGN / "models" / "emptied" / "versions").mkdir(parents=True)
    here = house(FilesystemStorage(tmp_path / "root"), tmp_path)
    assert here.registry.list_aliases(FOREIGN, "emptied") == []
    assert isinstance(refusal(lambda: here.as_("viewer").list_aliases(FOREIGN, "emptied")), ModelNotFound)


def test_show_says_where_the_package_lies_to_those_only_who_may_use_it(lasting: House) -> None:
    assert lasting.as_("viewer").show(OWN, "m@1").package_dir is None
    for who in ("user", "chief"):
        assert lasting.as_(who).show(OWN, "m@1").package_dir == lasting.registry.show(OWN, "m@1").package_dir


def test_latest_is_left_out_where_nobody_named_it(here: House) -> None:
    narrow = somebody("narrow")
    done = here.as_(narrow).register(OWN, "m", "8", here.source, idempotency_key="k")
    assert done.alias_set is None
    assert [warning.partition(":")[0] for warning in done.warnings] == ["alias_not_set"]
    assert here.registry.resolve(OWN, "m@latest", verify=False).version == "1"
    with pytest.raises(PermissionDenied) as refused:
        here.as_(narrow).register(OWN, "m", "9", here.source / "not-looked-at", set_alias="latest")
    assert refused.value.detail["required"] == {"action": "promote", "on": "own/m", "alias": "latest"}
    assert here.as_(narrow).register(OWN, "m", "9", here.source, set_alias="candidate").alias_set == "candidate"
    assert here.as_("publisher").register(OWN, "m", "10", here.source).alias_set == "latest"
    # The same request, whatever it may do by now.
    put(here.storage, RULES.replace(b'"aliases": ["candidate"]', b'"aliases": ["candidate", "latest"]'))
    again = here.as_(narrow).register(OWN, "m", "8", here.source, idempotency_key="k")
    assert (again.version, again.alias_set) == ("8", None)


def test_a_version_takes_the_place_of_a_protected_alias_for_those_only_who_may_move_it(here: House) -> None:
    registry, publisher = here.registry, here.as_("publisher")
    registry.unalias(OWN, "m", "production")
    for call in (
        lambda: publisher.register(OWN, "m", "production", here.source),
        lambda: publisher.register(OWN, "new", "production", here.source),
        lambda: publisher.ask_register(OWN, "m", "production"),
        lambda: publisher.require_may(OWN, "m", WRITE, names="production"),
    ):
        error = refusal(call)
        assert isinstance(error, PermissionDenied)
        assert (error.detail["required"]["action"], error.detail["required"]["alias"]) == ("promote", "production")
    assert isinstance(refusal(lambda: here.as_("approver").register(OWN, "new", "staging", here.source)), InvalidName)
    put(here.storage, RULES.replace(b'["production", "staging"]', b'["*", "rc-*"]'))
    assert publisher.register(OWN, "m", "8", here.source, set_alias=None).version == "8"  # or only approvers could
    assert isinstance(refusal(lambda: publisher.register(OWN, "m", "rc-1", here.source)), PermissionDenied)


@pytest.mark.parametrize("alias", ["Production", "PRODUCTION", "sTaging"])
def test_the_case_of_letters_takes_no_protection_off_an_alias(here: House, alias: str) -> None:
    publisher = here.as_("publisher")
    assert isinstance(refusal(lambda: publisher.promote(OWN, "m", alias, "1")), PermissionDenied)
    assert isinstance(
        refusal(lambda: publisher.register(OWN, "m", "8", here.source, set_alias=alias)), PermissionDenied
    )
    assert isinstance(refusal(lambda: publisher.register(OWN, "m", alias, here.source)), PermissionDenied)
    assert here.as_("approver").promote(OWN, "m", alias, "1").alias == alias


def test_an_artifacts_dir_lies_where_rules_and_settings_allow(tmp_path: Path) -> None:
    rules = [{"who": ["user:publisher"], "on": ["own/*"], "role": "publisher", "from": [str(tmp_path / "team")]}]
    here = house(MemoryStorage(), tmp_path, written(admins=["user:chief"], rules=rules))
    inside = tmp_path / "team" / "run"
    inside.mkdir(parents=True)
    (inside / "model.pt").write_bytes(b"x")
    publisher = here.as_("publisher")
    assert refusal(lambda: publisher.register(OWN, "m", "8", here.source)).code == "artifacts_refused"  # type: ignore[union-attr]
    assert publisher.register(OWN, "m", "8", inside).version == "8"
    here.as_("chief").register(OWN, "m", "9", here.source)
    elsewhere = written(admins=["user:chief"], rules=[{**rules[0], "from": ["/elsewhere"]}])
    put(here.storage, elsewhere)
    with pytest.raises(PermissionDenied):
        publisher.register(OWN, "m", "10", inside)


def test_without_allowed_roots_only_admins_name_a_directory(tmp_path: Path) -> None:
    here = house(MemoryStorage(), tmp_path)
    open_to_all = ModelRegistry.open("memory://", storage=here.storage)
    open_to_all.trust(here.registry._issuers)
    with pytest.raises(PermissionDenied):
        open_to_all.as_(PEOPLE["publisher"]).register(OWN, "m", "8", here.source)
    with pytest.raises(PermissionDenied):
        open_to_all.as_(PEOPLE["publisher"]).require_may(OWN, "m", WRITE, names_path=True)
    open_to_all.as_(PEOPLE["publisher"]).require_may(OWN, "m", WRITE)
    open_to_all.as_(PEOPLE["chief"]).require_may(OWN, "m", WRITE, names_path=True)
    open_to_all.as_(PEOPLE["chief"]).register(OWN, "m", "8", here.source)
    for left in (cut_of("publisher", None, None), cut_of(None, None, ["*"])):  # of an admin, by his token
        with pytest.raises(PermissionDenied):
            open_to_all.as_(replace(PEOPLE["chief"], cut=left)).register(OWN, "m", "9", here.source)
    narrowed = replace(PEOPLE["chief"], cut=cut_of("publisher", None, None))
    assert here.registry.as_(narrowed).register(OWN, "m", "9", here.source).version == "9"


def test_rules_are_asked_again_under_the_lock(tmp_path: Path) -> None:
    """What was given when the verb began, and is taken back while it waits for another change, is not done."""
    root = tmp_path / "root"
    root.mkdir()
    here = house(FilesystemStorage(root), tmp_path)
    model = here.registry._model(OWN, "m", USE)
    outcome: list[RegistryError | None] = []
    with model.lock():
        work = threading.Thread(
            target=lambda: outcome.append(refusal(lambda: here.as_("publisher").promote(OWN, "m", "candidate", "2")))
        )
        work.start()
        put(here.storage, written(admins=["user:chief"]))
    work.join()
    assert isinstance(outcome[0], PermissionDenied)
    assert here.registry.resolve(OWN, "m@candidate", verify=False).version == "1"


@pytest.mark.parametrize(
    "rules",
    [written(admins=["user:chief"]), RULES.replace(b'["production", "staging"]', b'["candidate"]')],
    ids=["nothing is given", "the alias is protected"],
)
@pytest.mark.parametrize(
    "change",
    [
        lambda here: here.as_("publisher").promote(OWN, "m", "candidate", "2"),
        lambda here: here.as_("publisher").register(OWN, "m", "9", here.source, set_alias="candidate"),
    ],
    ids=["promote", "register"],
)
def test_what_is_taken_back_just_before_the_lock_is_held_is_not_done(
    tmp_path: Path, rules: bytes, change: Callable[[House], object]
) -> None:
    storage = Simulated()
    here = house(storage, tmp_path)
    storage.acts.first("lock", after(lambda: put(storage, rules)))
    assert isinstance(refusal(lambda: change(here)), PermissionDenied)
    assert here.registry.resolve(OWN, "m@candidate", verify=False).version == "1"


def test_whoever_has_expired_may_do_nothing(lasting: House) -> None:
    over = somebody("admin", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(PermissionDenied):
        lasting.as_(over).promote(OWN, "m", "candidate", "2")
    assert refusal(lambda: lasting.as_(over).list_aliases(OWN, "m")).code == "model_not_found"  # type: ignore[union-attr]
    assert lasting.as_(over).list_models().items == []


@pytest.mark.parametrize("who", ["viewer", "stranger", "left", "chief", "anonymous"])
def test_lists_tasks_and_events_show_what_may_be_seen(lasting: House, who: str) -> None:
    seen = {"viewer": {OWN, PUBLIC}, "stranger": {PUBLIC}, "left": set[str](), "anonymous": {PUBLIC}}
    tasks = seen.get(who, {OWN, PUBLIC, FOREIGN})
    view = lasting.as_(who)
    page = view.list_models()
    assert {item["task"] for item in page.items} == tasks
    assert page.total == 2 * len(tasks)
    assert len(view.list_models(limit=1).items) == min(1, len(tasks))
    assert {one.task for one in view.list_tasks()} == tasks
    assert {one.event.task for one in view.events()} == tasks


def test_uploads_are_of_whoever_began_them(here: House) -> None:
    mine = here.as_("publisher").begin_upload(OWN, "m").upload_id
    for name, call in OF_SESSION.items():
        for who in ("maintainer", "stranger"):
            of_others = refusal(lambda call=call, who=who: call(here.as_(who), mine))  # type: ignore[misc]
            of_none = refusal(lambda call=call, who=who: call(here.as_(who), "0" * 32))  # type: ignore[misc]
            if name == "register" and who == "stranger":
                assert isinstance(of_others, PermissionDenied)
            else:
                assert isinstance(of_others, UploadNotFound), (name, of_others)
            assert told(of_others, mine) == told(of_none, "0" * 32), name
    put(here.storage, written(admins=["user:chief"]))
    for name, call in OF_SESSION.items():
        error = refusal(lambda call=call: call(here.as_("publisher"), mine))  # type: ignore[misc]
        assert isinstance(error, PermissionDenied), name


def test_what_is_sent_is_refused_as_soon_as_rules_are(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from registry_core.models import asking

    monkeypatch.setattr(asking, "ASK_EVERY_S", -1.0)
    publisher = here.as_("publisher")
    session = publisher.begin_upload(OWN, "m").upload_id
    file = publisher.add_upload(session, "model.pt", 4)

    class Slow:
        def readinto(self, buffer: memoryview) -> int:
            put(here.storage, written(admins=["user:chief"]))
            buffer[:1] = b"x"
            return 1

    with pytest.raises(PermissionDenied):
        publisher.receive(session, file.file_id, 0, Slow())


def test_what_is_under_way_is_listed_to_whoever_began_it_and_to_admins(here: House) -> None:
    ours, theirs = here.as_("publisher"), here.as_("maintainer")
    uploads = [registry.begin_upload(OWN, "m").upload_id for registry in (ours, theirs, here.registry)]
    begun = [
        registry.begin_operation("verify", {"task": OWN, "ref": "m@1"})[0].operation_id
        for registry in (ours, theirs, here.registry)
    ]
    for registry, seen in ((ours, {0}), (theirs, {1}), (here.as_("chief"), {0, 1, 2}), (here.registry, {0, 1, 2})):
        assert {one.upload_id for one in registry.list_uploads()} == {uploads[number] for number in seen}
        assert {one.operation_id for one in registry.list_operations()} == {begun[number] for number in seen}
    assert len(here.registry.list_uploads(1)) == len(here.registry.list_operations(1)) == 1
    for who in ("anonymous", "left"):
        for call in (here.as_(who).list_uploads, here.as_(who).list_operations):
            assert isinstance(refusal(call), PermissionDenied)
    assert here.as_("stranger").list_uploads() == here.as_("stranger").list_operations() == []


def test_operations_and_their_keys_are_of_whoever_began_them(here: House) -> None:
    one, _ = here.as_("user").begin_operation("verify", {"a": 1}, key="k")
    other, running = here.as_("viewer").begin_operation("verify", {"b": 2}, key="k")
    assert one.operation_id != other.operation_id
    assert running is not None
    assert here.as_("user").operation(one.operation_id) == one
    assert here.as_("chief").operation(one.operation_id) == here.registry.operation(one.operation_id) == one
    of_others = refusal(lambda: here.as_("viewer").operation(one.operation_id))
    of_none = refusal(lambda: here.as_("viewer").operation("0" * 32))
    assert isinstance(of_others, OperationNotFound)
    assert told(of_others, one.operation_id) == told(of_none, "0" * 32)
    with pytest.raises(IdempotencyKeyReused):
        here.as_("user").begin_operation("verify", {"c": 3}, key="k")
    put(here.storage, RULES.replace(b'"user:left"]', b'"user:left", "user:user"]', 1))
    assert isinstance(refusal(lambda: here.as_("user").operation(one.operation_id)), PermissionDenied)
    assert isinstance(refusal(lambda: here.as_("user").operation("0" * 32)), OperationNotFound)


@pytest.mark.parametrize("on_a_store", [False, True])
def test_an_idempotency_key_means_nothing_to_others(tmp_path: Path, on_a_store: bool) -> None:
    root = tmp_path / "root"
    root.mkdir()
    storage: Storage = MemoryStorage() if on_a_store else FilesystemStorage(root)
    here = house(storage, tmp_path)
    first = here.as_("publisher").register(OWN, "m", "8", here.source, idempotency_key="k")
    assert here.as_("publisher").register(OWN, "m", "8", here.source, idempotency_key="k") == first
    assert here.as_("maintainer").register(OWN, "m", "9", here.source, idempotency_key="k").version == "9"
    with pytest.raises(IdempotencyKeyReused):
        here.as_("publisher").register(OWN, "m", "10", here.source, idempotency_key="k")


def test_anonymous_is_asked_who_he_is_where_nothing_is_public(lasting: House) -> None:
    view = lasting.registry.as_(ANONYMOUS)
    for name in ("m", "n"):
        with pytest.raises(PermissionDenied):
            view.resolve(FOREIGN, f"{name}@1")
    assert refusal(lambda: view.resolve(PUBLIC, "n@1")).code == "model_not_found"  # type: ignore[union-attr]


def test_events_say_who_it_was_and_whom_the_caller_named(here: House) -> None:
    known = somebody("approver", name="ann@lab.example", org="lab", via="jwt")
    view = here.as_(known)
    view.promote(OWN, "m", "candidate", "2", actor="somebody else")
    view.tag(OWN, "m", "1", "a", "b")
    named, silent = view.history(OWN, "m").events[-2:]
    principal = {"sub": "approver", "iss": OIDC, "kind": "user", "org": "lab", "via": "jwt"}
    assert (named.actor, named.claimed_actor, named.principal) == ("ann@lab.example", "somebody else", principal)
    assert (silent.actor, silent.claimed_actor, silent.principal) == ("ann@lab.example", None, principal)
    assert {one.actor for one in view.list_aliases(OWN, "m") if one.alias == "candidate"} == {"ann@lab.example"}
    by_root = here.registry.promote(OWN, "m", "candidate", "1", actor="root")
    event = here.registry.history(OWN, "m", after=by_root.seq - 1).events[0]  # type: ignore[operator]
    assert (event.actor, event.claimed_actor, event.principal) == ("root", None, None)
    view.log_metric(OWN, "m", "mine", "loss", 1.0, actor="somebody else")
    assert view.run(OWN, "m", "mine").actor == "ann@lab.example"


def test_what_a_tombstone_says_is_of_the_principal(here: House) -> None:
    view = here.as_("maintainer")
    view.unalias(OWN, "m", "candidate")
    assert view.delete(OWN, "m", "2", reason="why", actor="somebody else").actor == "maintainer"


def test_nobody_is_told_who_has_done_what(here: House) -> None:
    put(here.storage, RULES.replace(b'"on": ["own/*", "old/*"]', b'"on": ["own/*", "public/*"]'))
    made_by = here.as_(somebody("maintainer", name="max@lab.example"))
    made_by.promote(PUBLIC, "m", "candidate", "2", actor="named")
    made_by.promote(PUBLIC, "m", "candidate", "1")
    made_by.delete(PUBLIC, "m", "2", reason="why")
    made_by.log_metric(PUBLIC, "m", "mine", "loss", 1.0)
    nobody = here.as_("anonymous")
    told = [
        nobody.history(PUBLIC, "m"),
        nobody.events(),
        nobody.list_aliases(PUBLIC, "m"),
        nobody.hub_commits(PUBLIC, "m"),
        nobody.metrics(PUBLIC, "m@1"),
        nobody.run(PUBLIC, "m", "mine"),
        nobody.runs(PUBLIC, "m"),
        nobody.show(PUBLIC, "m@1"),
        nobody.list_models(),
        refusal(lambda: nobody.resolve(PUBLIC, "m@2")).detail,  # type: ignore[union-attr]
    ]
    assert "max@lab" not in repr(told)
    assert "named" not in repr([one.to_dict() for one in nobody.history(PUBLIC, "m").events])
    assert "max@lab" in repr(here.as_("stranger").history(PUBLIC, "m"))


@pytest.mark.parametrize(
    ("who", "alias", "takes"),
    [
        ("publisher", "production", "It takes the role approver there, which an admin can give."),
        ("user", "candidate", "It takes the role publisher there, which an admin can give."),
        ("left", "candidate", "An admin can."),
    ],
)
@pytest.mark.parametrize("task", [OWN, PUBLIC])
def test_a_refused_promote_says_which_role_would_do(here: House, who: str, alias: str, takes: str, task: str) -> None:
    with pytest.raises(PermissionDenied) as refused:
        here.as_(who).promote(task, "not-there" if task == OWN else "m", alias, "1.0.0")
    assert refused.value.message.endswith(takes)


def test_so_do_the_refusals_of_the_rules_and_of_a_token_that_was_made_for_less(here: House) -> None:
    with pytest.raises(PermissionDenied, match="It takes the role admin for all models, which an admin can give"):
        here.as_("publisher").access_rules()
    narrowed = replace(PEOPLE["publisher"], cut=cut_of("user", None, None))
    with pytest.raises(PermissionDenied, match=r"role publisher there, .*, and a token that was made for it"):
        here.registry.as_(narrowed).promote(OWN, "m", "candidate", "1.0.0")
