"""Between the service and its store the network loses replies, resets, throttles and cuts; nothing is told twice.

The store is real, and so are the sockets; only the proxy between them fails, and says what it did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.storage.object_store import bucket

from ..support.packages import write_files
from ..support.proxy import Fault, FaultyProxy, Rule, faulty_proxy
from ..support.seaweed import Seaweed, environment, s3_client
from ..support.servers import gunicorn
from .judge import gather, judge
from .workload import TASK, Change, Outcome, Workload

MODEL = "net"
SHORT_DEADLINE = timedelta(seconds=0.5)
EVENT = r"/audit/\d{12}\.json"
ALIAS = r"/aliases/[^/]+\.json"
POINTER = r"/versions/[^/]+\.json"
PACKAGE_FILE = r"/versions/[^/]+/[0-9a-f]{32}/"
CHANGING = "PUT|POST|DELETE"


@pytest.fixture
def proxy(seaweed: Seaweed) -> Iterator[FaultyProxy]:
    with faulty_proxy(seaweed.endpoint, seed=1) as between:
        yield between


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage gives up after half a second in place of half a minute, and soon on files."""
    monkeypatch.setattr(bucket, "DEADLINE", SHORT_DEADLINE)
    monkeypatch.setattr(bucket, "FILE_RETRIES", 3)


class Service:
    """The service over one registry behind the proxy, and a log of what was asked of it and answered."""

    def __init__(self, root: str, store: Seaweed, proxy: FaultyProxy, sources: Path) -> None:
        self.root, self.store, self.proxy, self._sources = root, store, proxy, sources
        core = CoreSettings.from_env(_settings(root, environment(proxy.url)))
        self._http = create_app(Settings(core=core), ModelRegistry.open(settings=core)).test_client()
        self.changes: list[Change] = []
        self._bodies: dict[str, dict[str, Any]] = {}

    # changes

    def register(self, version: str, alias: str | None = "latest") -> tuple[Change, TestResponse]:
        name = f"register-{version}"
        contents = {"weights.bin": hashlib.sha256(name.encode()).digest() * 100, "sub/labels.json": b"[]"}
        change = Change(name, "register", MODEL, version, alias)
        change.files = {path: f"sha256:{hashlib.sha256(data).hexdigest()}" for path, data in contents.items()}
        self._bodies[name] = {
            "task": TASK,
            "model_name": MODEL,
            "version": version,
            "artifacts_dir": str(write_files(self._sources / name, contents)),
            "set_alias": alias,
            "reason": name,
        }
        self.changes.append(change)
        return change, self.again(change)

    def promote(self, alias: str, version: str) -> tuple[Change, TestResponse]:
        name = f"promote-{len(self.changes)}"
        change = Change(name, "promote", MODEL, version, alias)
        self._bodies[name] = {"task": TASK, "model_name": MODEL, "alias": alias, "version": version, "reason": name}
        self.changes.append(change)
        return change, self.again(change)

    def again(self, change: Change) -> TestResponse:
        """The very same request; a registration with the same Idempotency-Key."""
        headers = {"Idempotency-Key": change.name} if change.kind == "register" else {}
        answer = self._http.post(f"/v1/{change.kind}", json=self._bodies[change.name], headers=headers)
        assert change.told(answer.status_code, answer.get_json()) == []
        return answer

    # reads

    def verify(self, version: str) -> TestResponse:
        return self._http.post("/v1/verify", json={"task": TASK, "ref": f"{MODEL}@{version}"})

    def get(self, verb: str, **query: Any) -> TestResponse:
        return self._http.get(f"/v1/{verb}", query_string={"task": TASK, **query})

    def resolve(self, selector: str, *, verify: bool) -> TestResponse:
        return self.get("resolve", ref=f"{MODEL}@{selector}", verify=verify)

    def judged(self) -> list[str]:
        """What is wrong with the registry, seen past the proxy."""
        core = CoreSettings.from_env(_settings(self.root, self.store.env))
        return judge(gather(ModelRegistry.open(settings=core), s3_client(self.store.endpoint), self.root), self.changes)


def _settings(root: str, env: dict[str, str]) -> dict[str, str]:
    # One hash worker: the requests of a registration come in the same order every time.
    return {"OMNIBIOAI_MODEL_REGISTRY_ROOT": root, "OMNIBIOAI_MODEL_REGISTRY_HASH_WORKERS": "1", **env}


@pytest.fixture
def service(
    seaweed: Seaweed,
    proxy: FaultyProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Service:
    """A service whose model has two versions and the aliases latest and production."""
    if "impatient" in request.fixturenames:
        request.getfixturevalue("impatient")
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    made = Service(seaweed.new_root(), seaweed, proxy, tmp_path)
    for version in ("v1", "v2"):
        assert made.register(version)[1].status_code == 201
    assert made.promote("production", "v1")[1].status_code == 200
    proxy.clear()
    return made


# lost replies, resets: of each conditional write

LOSSES = pytest.mark.parametrize(
    ("fault", "times"),
    [(Fault.LOSE_REPLY, 1), (Fault.LOSE_REPLY, 2), (Fault.RESET, 2)],
    ids=["reply lost once", "reply lost twice", "reset twice"],
)


@LOSSES
@pytest.mark.parametrize("key", [EVENT, POINTER, ALIAS], ids=["event", "pointer", "alias"])
def test_a_registration_survives_the_loss_of_any_conditional_write_or_its_reply(
    service: Service, key: str, fault: Fault, times: int
) -> None:
    rule = service.proxy.add(fault, method="PUT", key=key, times=times)
    change, first = service.register("v3")
    assert rule.struck == times
    assert first.status_code == 201, first.text
    service.proxy.clear()
    assert service.again(change).get_json() == first.get_json()
    assert service.resolve("latest", verify=True).get_json()["version"] == "v3"
    assert service.judged() == []


@LOSSES
@pytest.mark.parametrize("key", [EVENT, ALIAS], ids=["event", "alias"])
def test_a_promote_survives_the_loss_of_any_conditional_write_or_its_reply(
    service: Service, key: str, fault: Fault, times: int
) -> None:
    rule = service.proxy.add(fault, method="PUT", key=key, times=times)
    _, answer = service.promote("production", "v2")
    assert rule.struck == times
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["previous_version"] == "v1"
    assert service.resolve("production", verify=False).get_json()["version"] == "v2"
    assert service.judged() == []


EACH_REQUEST = pytest.mark.parametrize(
    ("method", "step"), [(CHANGING, 1), ("GET", 3)], ids=["that changes something", "that reads, every third"]
)


@EACH_REQUEST
@pytest.mark.parametrize(
    "fault",
    [Fault.LOSE_REPLY, pytest.param(Fault.RESET, marks=pytest.mark.slow)],
    ids=["reply lost", "reset"],
)
def test_a_registration_survives_the_loss_of_any_one_request(
    service: Service, fault: Fault, method: str, step: int
) -> None:
    """Each request of it in turn: uploads, documents, listings and deletes."""
    for number in count(0, step):
        service.proxy.clear()
        rule = service.proxy.add(fault, method=method, skip=number, times=1)
        change, first = service.register(f"lost-{number}")
        lost = [passed for passed in service.proxy.passed if passed.fault]
        assert first.status_code == 201, f"{lost}: {first.text}"
        assert service.again(change).get_json() == first.get_json(), lost
        if not rule.struck:
            break  # it has no more requests than that
    assert number >= 4
    service.proxy.clear()
    assert service.judged() == []


# the store stays away


@pytest.mark.usefixtures("impatient")
def test_a_registration_whose_event_never_arrives_has_not_happened_and_can_be_repeated(service: Service) -> None:
    rule = service.proxy.add(Fault.RESET, method="PUT", key=EVENT)
    change, answer = service.register("v3")
    assert rule.struck > 1, "it was not tried again"
    assert_unavailable(answer)
    assert answer.get_json()["committed"] is None
    service.proxy.clear()
    assert service.again(change).status_code == 201
    assert service.judged() == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("key", [POINTER, ALIAS], ids=["pointer", "alias"])
def test_a_registration_that_stands_but_cannot_be_shown_says_committed(service: Service, key: str) -> None:
    rule = service.proxy.add(Fault.RESET, method="PUT", key=key)
    change, answer = service.register("v3")
    assert rule.struck > 1, "it was not tried again"
    assert_unavailable(answer)
    assert answer.get_json()["committed"] is True
    assert change.outcome is Outcome.ACKNOWLEDGED
    service.proxy.clear()
    first = service.again(change)
    assert first.status_code == 201, first.text
    assert service.again(change).get_json() == first.get_json()
    # Whoever comes next finishes it, and sees it.
    assert service.promote("production", "v3")[1].status_code == 200
    assert service.resolve("latest", verify=True).get_json()["version"] == "v3"
    assert service.judged() == []


@pytest.mark.usefixtures("impatient")
def test_replies_lost_for_good_are_still_known_by_their_effect(service: Service) -> None:
    rule = service.proxy.add(Fault.LOSE_REPLY, method="PUT", key=EVENT)
    change, answer = service.register("v3")
    assert rule.struck > 1
    assert answer.status_code == 201, answer.text
    service.proxy.clear()
    assert service.again(change).get_json() == answer.get_json()
    assert service.judged() == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("overtaken", [False, True], ids=["its place is free", "another event took its place"])
def test_an_event_that_arrives_after_its_caller_gave_up_is_never_a_second_one(
    service: Service, overtaken: bool
) -> None:
    rule = service.proxy.add(Fault.LATE, method="PUT", key=EVENT, times=1)
    service.proxy.add(Fault.RESET, method="PUT", key=EVENT)
    change, answer = service.register("v3")
    assert rule.struck == 1
    assert_unavailable(answer)
    assert answer.get_json()["committed"] is None
    service.proxy.clear()
    if overtaken:
        assert service.promote("production", "v2")[1].status_code == 200
    service.proxy.release_late()
    assert service.proxy.passed[-1].status == (412 if overtaken else 200)
    first = service.again(change)
    assert first.status_code == 201, first.text
    assert service.again(change).get_json() == first.get_json()
    assert service.judged() == []


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@EACH_REQUEST
def test_an_outage_that_begins_at_any_request_loses_nothing_and_tells_nothing_twice(
    service: Service, method: str, step: int
) -> None:
    """The deadline passes at each request of a registration in turn; then the network is well again."""
    for number in count(0, step):
        service.proxy.clear()
        rule = service.proxy.add(Fault.SLOW_DOWN, method=method, skip=number)
        change, answer = service.register(f"out-{number}")
        if not rule.struck:
            break  # it has no more requests than that
        where = f"from {next(passed for passed in service.proxy.passed if passed.fault)} on"
        if answer.status_code != 201:
            assert_unavailable(answer)
        service.proxy.clear()
        first = service.again(change)
        assert first.status_code == 201, f"{where}: {first.text}"
        assert service.again(change).get_json() == first.get_json(), where
    assert number >= 4
    service.proxy.clear()
    assert service.judged() == []


# throttling


def test_throttling_for_a_while_is_ridden_over(service: Service) -> None:
    for key in (EVENT, POINTER, ALIAS, PACKAGE_FILE, ""):
        service.proxy.add(Fault.SLOW_DOWN, key=key, times=2)
    assert service.register("v3")[1].status_code == 201
    assert service.promote("production", "v3")[1].status_code == 200
    assert service.verify("v3").status_code == 200
    assert [rule.struck for rule in service.proxy.rules] == [2] * 5
    assert service.judged() == []


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.RESET], ids=["throttled", "reset"])
def test_an_outage_shorter_than_the_deadline_is_ridden_over_by_reads(service: Service, fault: Fault) -> None:
    """A store that restarts is away for some seconds, and every caller tries more than a few times meanwhile."""
    rule = service.proxy.add(fault, times=12)
    assert service.resolve("production", verify=False).status_code == 200
    assert rule.struck == 12


def test_an_outage_shorter_than_the_deadline_is_ridden_over_by_a_registration(service: Service) -> None:
    rule = service.proxy.add(Fault.SLOW_DOWN, method="PUT", key=f"{PACKAGE_FILE}weights", times=12)
    assert service.register("v3")[1].status_code == 201
    assert rule.struck == 12
    assert service.judged() == []


@pytest.mark.usefixtures("impatient")
def test_throttling_beyond_the_deadline_is_storage_unavailable_on_every_verb(service: Service) -> None:
    service.proxy.add(Fault.SLOW_DOWN)
    ref = f"{MODEL}@v1"
    for answer in (
        service.register("v3")[1],
        service.promote("production", "v2")[1],
        service.resolve("v1", verify=False),
        service.resolve("production", verify=True),
        service.get("show", ref=ref),
        service.verify("v1"),
        service.get("artifacts", ref=ref),
        service.get("aliases", model=MODEL),
        service.get("history", model=MODEL),
    ):
        assert_unavailable(answer)
        assert "committed" not in answer.get_json(), "nothing was sent that could have been carried out"
    service.proxy.clear()
    assert service.resolve("production", verify=True).get_json()["version"] == "v1"
    assert service.judged() == []


def assert_unavailable(answer: TestResponse) -> None:
    assert (answer.status_code, answer.get_json().get("code")) == (503, "storage_unavailable"), answer.text
    assert int(answer.headers["Retry-After"]) > 0


# bodies that end too early


@pytest.mark.parametrize(
    "key",
    [f"{PACKAGE_FILE}weights", f"{PACKAGE_FILE}sha256sums", EVENT, POINTER, r"[?&]prefix="],
    ids=["file", "manifest", "event", "pointer", "listing"],
)
def test_a_body_cut_once_is_read_on(service: Service, key: str) -> None:
    rule = service.proxy.add(Fault.CUT, method="GET", key=key, times=1)
    fresh = Service(service.root, service.store, service.proxy, Path())
    assert fresh.verify("v1").status_code == 200
    assert rule.struck == 1
    assert fresh.resolve("v1", verify=True).get_json()["verified"] is True
    assert fresh.get("history", model=MODEL).get_json()["events"][-1]["seq"] == 3


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("file", ["weights.bin", "sha256sums.txt"])
def test_a_file_that_always_comes_short_is_unreadable_and_never_changed(service: Service, file: str) -> None:
    rule = service.proxy.add(Fault.CUT, method="GET", key=f"{PACKAGE_FILE}{file}")
    for answer in (service.verify("v1"), service.resolve("v1", verify=True)):
        assert answer.status_code in (409, 503), answer.text
        assert damage(answer) <= {(file, "unreadable")}
    assert rule.struck > 2
    service.proxy.clear()
    assert service.verify("v1").status_code == 200
    assert service.judged() == []


@pytest.mark.parametrize("file", ["weights.bin", "model_meta.json", "sha256sums.txt", "sub/labels.json"])
def test_a_file_given_short_as_if_it_were_whole_is_never_verified(service: Service, file: str) -> None:
    rule = service.proxy.add(Fault.SHORTEN, method="GET", key=f"{PACKAGE_FILE}{file}")
    for answer in (service.verify("v1"), service.resolve("v1", verify=True), service.resolve("latest", verify=True)):
        assert answer.status_code in (409, 503), answer.text
    assert rule.struck == 3


def damage(answer: TestResponse) -> set[tuple[str, str]]:
    return {(problem["path"], problem["kind"]) for problem in answer.get_json().get("problems", [])}


# all at once


def random_faults(proxy: FaultyProxy, probability: float) -> list[Rule]:
    return [
        proxy.add(Fault.LOSE_REPLY, method=CHANGING, probability=2 * probability),
        proxy.add(Fault.LOSE_REPLY, method="GET", probability=probability),
        proxy.add(Fault.RESET, probability=probability),
        proxy.add(Fault.SLOW_DOWN, probability=probability),
        proxy.add(Fault.CUT, method="GET", probability=probability),
        proxy.add(Fault.DELAY, probability=probability, delay_s=0.2),
    ]


def work_through(
    seaweed: Seaweed,
    proxy: FaultyProxy,
    sources: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    clients: int,
    operations: int,
    probability: float,
) -> None:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    root = seaweed.new_root()
    env = environment(proxy.url)
    with (
        gunicorn(root, env=env, workers=1, threads=16) as first,
        gunicorn(root, env=env, workers=1, threads=16) as second,
    ):
        rules = random_faults(proxy, probability)
        workload = Workload(lambda: [first.url, second.url], sources, clients=clients, operations=operations, seed=2)
        board = workload.run()
        tracebacks = [line["exc_info"] for server in (first, second) for line in server.log if "exc_info" in line]
    print(dict(sorted(board.answers.items())), [rule.struck for rule in rules])
    registry = ModelRegistry.open(settings=CoreSettings.from_env(_settings(root, seaweed.env)))
    evidence = gather(registry, s3_client(seaweed.endpoint), root)
    faults = board.complaints + judge(evidence, board.changes)
    assert not faults, "\n".join(faults)
    assert tracebacks == []
    assert all(rule.struck for rule in rules), "a fault never came"
    assert len(evidence.pointers) > operations / 40, "too little was done to prove anything"


def test_a_network_that_fails_at_random_costs_no_change_and_doubles_none(
    seaweed: Seaweed, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_through(seaweed, proxy, tmp_path, monkeypatch, clients=6, operations=150, probability=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("probability", [0.01, 0.05])
def test_a_network_that_fails_at_random_for_long(
    seaweed: Seaweed, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probability: float
) -> None:
    work_through(seaweed, proxy, tmp_path, monkeypatch, clients=16, operations=1000, probability=probability)
