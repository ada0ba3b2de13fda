"""A random workload over HTTP, where every client keeps a log of what it was told.

What became of it all is for the judge to say (``judge.py``); what an answer by itself proves wrong (a version
that was acknowledged and is gone, an alias older than was answered before, a 500) is noted at once.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import httpx

from ..support.packages import write_files

TASK = "chaos"
ALIASES = ("latest", "staging", "production")
ANSWER_TIMEOUT_S = 120.0
NO_REPLICA_S = 150.0
PAUSE_S = 0.1
REPEATS = 40
NOT_SENT = object()


class Outcome(Enum):
    ACKNOWLEDGED = "acknowledged"  # 2xx, or 503 with committed: true
    REFUSED = "refused"  # the answer says that nothing was changed
    UNKNOWN = "unknown"  # the connection broke, or the answer says that nobody knows


@dataclass
class Change:
    """One request for a change. ``name`` is its reason in the journal: unique, and the same for its repeats."""

    name: str
    kind: str
    model: str
    version: str
    alias: str | None
    expected: Any = NOT_SENT
    files: dict[str, str] = field(default_factory=dict)  # path -> sha256:...
    outcome: Outcome | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    committed_seqs: list[int] = field(default_factory=list)

    def told(self, status: int | None, answer: dict[str, Any]) -> list[str]:
        """Notes what one try was answered; returns what is wrong with that after the tries before."""
        now = outcome_of(status, answer)
        wrong = []
        if self.status == 201 and status == 201 and answer != self.answer:
            wrong.append(f"{self.name}: the repeat's answer differs: {answer} after {self.answer}")
        if self.outcome is Outcome.ACKNOWLEDGED and now is Outcome.REFUSED and status != 503:
            wrong.append(f"{self.name}: acknowledged before, and its repeat is refused: {answer}")
        if self.status != 201:
            self.outcome = all_in_all(self.outcome, now, is_final=status != 503)
            self.status, self.answer = status, answer
            self.committed_seqs += [answer["seq"]] if answer.get("committed") is True else []
        return wrong


class Board:
    """What the clients know together, how far they are, and what they have to complain of."""

    def __init__(self, models: int, contenders: int) -> None:
        self._models = models
        self._contenders = contenders
        self._changed = threading.Condition()
        self._begun = 0
        self.changes: list[Change] = []
        self.complaints: list[str] = []
        self.answers: dict[str, int] = {}
        self.done = 0
        self.ended = threading.Event()  # something is wrong: nobody begins another operation
        self._digests: dict[tuple[str, str], str] = {}
        self._alias_seq: dict[tuple[str, str], int] = {}

    def next_version(self) -> tuple[str, str]:
        """(model, version) to register; each is given to several clients in a row, so that they race."""
        with self._changed:
            number = self._begun // self._contenders
            self._begun += 1
        return f"model-{number % self._models}", f"v{number}"

    def some_version(self, draw: random.Random) -> tuple[str, str, str] | None:
        """(model, version, package digest) of an acknowledged registration."""
        with self._changed:
            if not self._digests:
                return None
            (model, version), digest = draw.choice(list(self._digests.items())[-60:])
        return model, version, digest

    def digest(self, model: str, version: str) -> str | None:
        with self._changed:
            return self._digests.get((model, version))

    def least_seq(self, model: str, alias: str) -> int:
        """The highest seq that somebody was told the alias has."""
        with self._changed:
            return self._alias_seq.get((model, alias), 0)

    def asked(self, change: Change) -> None:
        with self._changed:
            self.changes.append(change)

    def registered(self, model: str, version: str, digest: str) -> None:
        with self._changed:
            self._digests[model, version] = digest

    def promoted(self, model: str, alias: str, seq: int) -> None:
        with self._changed:
            self._alias_seq[model, alias] = max(seq, self._alias_seq.get((model, alias), 0))

    def complain(self, text: str) -> None:
        with self._changed:
            self.complaints.append(text)

    def count(self, verb: str, answer: str) -> None:
        with self._changed:
            label = f"{verb} {answer}"
            self.answers[label] = self.answers.get(label, 0) + 1

    def one_done(self) -> None:
        with self._changed:
            self.done += 1
            self._changed.notify_all()

    def wait_for(self, operations: int, running: Sequence[Future[None]]) -> None:
        """Returns when so many operations are done, or every client has ended."""
        with self._changed:
            while self.done < operations and not all(future.done() for future in running):
                self._changed.wait(1.0)


class Workload:
    """``clients`` threads that do ``operations`` in all, against whatever addresses ``urls()`` gives."""

    def __init__(
        self,
        urls: Callable[[], Sequence[str]],
        sources: Path,
        *,
        clients: int,
        operations: int,
        seed: int,
        models: int = 3,
        contenders: int = 3,
    ) -> None:
        self.board = Board(models, contenders)
        self._clients = [
            _Client(f"c{number}", urls, sources, self.board, random.Random(f"{seed}/{number}"))
            for number in range(clients)
        ]
        self._shares = [
            operations // clients + (1 if number < operations % clients else 0) for number in range(clients)
        ]

    def run(self, disturbances: Sequence[tuple[int, Callable[[], None]]] = ()) -> Board:
        """Runs to the end; each disturbance is called when its number of operations is done."""
        with ThreadPoolExecutor(len(self._clients), thread_name_prefix="client") as pool:
            running = [
                pool.submit(client.run, share) for client, share in zip(self._clients, self._shares, strict=True)
            ]
            try:
                for operations, disturb in disturbances:
                    self.board.wait_for(operations, running)
                    disturb()
            except BaseException:
                self.board.ended.set()
                raise
        for future in running:
            future.result()
        return self.board


class _Client:
    def __init__(
        self, name: str, urls: Callable[[], Sequence[str]], sources: Path, board: Board, draw: random.Random
    ) -> None:
        self._name = name
        self._urls = urls
        self._sources = sources
        self._board = board
        self._draw = draw
        self._count = 0
        # Answers come from the replicas, whatever proxy the machine is told to use.
        self._http = httpx.Client(timeout=ANSWER_TIMEOUT_S, trust_env=False)

    def run(self, operations: int) -> None:
        verbs = [self._register, self._promote, self._resolve, self._show, self._verify, self._aliases, self._history]
        with self._http:
            for _ in range(operations):
                if self._board.ended.is_set():
                    return
                verb = self._draw.choices(verbs, weights=[24, 28, 16, 8, 8, 10, 6])[0]
                verb()
                self._board.one_done()

    # sending

    def _send(self, verb: str, method: str, path: str, **request: Any) -> httpx.Response | None:
        """A replica's answer; None where the connection broke and nobody knows what was done."""
        deadline = time.monotonic() + NO_REPLICA_S
        while time.monotonic() < deadline and not self._board.ended.is_set():
            try:
                answer = self._http.request(method, self._draw.choice(self._urls()) + path, **request)
            except httpx.ConnectError:
                time.sleep(PAUSE_S)  # it was not sent: another replica is asked, as a load balancer does
                continue
            except httpx.TransportError as error:
                self._board.count(verb, type(error).__name__)
                return None
            code = answer.json()["code"] if answer.status_code >= 400 else ""
            self._board.count(verb, f"{answer.status_code} {code}".strip())
            if code == "busy":
                time.sleep(PAUSE_S)
                continue
            self._inspect(verb, answer, code)
            return answer
        self._board.complain(f"{verb}: no replica took it for {NO_REPLICA_S:g} s")
        return None

    def _inspect(self, verb: str, answer: httpx.Response, code: str) -> None:
        status = answer.status_code
        if status >= 500 and status != 503:
            self._board.complain(f"{verb}: {status}: {answer.text}")
        if code in ("storage_unavailable", "lock_timeout") and "Retry-After" not in answer.headers:
            self._board.complain(f"{verb}: 503 {code} without Retry-After")
        if code == "package_corrupt":
            kinds = {problem["kind"] for problem in answer.json().get("problems", [])}
            if kinds != {"unreadable"}:
                self._board.complain(f"{verb}: an intact package is called damaged: {answer.text}")

    def _ask(self, change: Change, path: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        """One try of the change, and what is known of it now."""
        answer = self._send(change.kind, "POST", path, json=body, headers=headers)
        for complaint in change.told(*((answer.status_code, answer.json()) if answer is not None else (None, {}))):
            self._board.complain(complaint)

    # changes

    def _register(self) -> None:
        model, version = self._board.next_version()
        name = self._new_name()
        contents = {"weights.bin": self._draw.randbytes(self._draw.randrange(1, 4096)), "sub/labels.json": b"[]"}
        source = write_files(self._sources / name, contents)
        alias = self._draw.choice(["latest", "latest", "staging", None])
        change = Change(name, "register", model, version, alias)
        change.files = {path: f"sha256:{hashlib.sha256(data).hexdigest()}" for path, data in contents.items()}
        self._board.asked(change)
        body = {
            "task": TASK,
            "model_name": model,
            "version": version,
            "artifacts_dir": str(source),
            "metadata": {"asked_by": name},
            "set_alias": alias,
            "actor": self._name,
            "reason": name,
        }
        keyed = self._draw.random() < 0.6
        headers = {"Idempotency-Key": name} if keyed else {}
        self._ask(change, "/v1/register", body, headers)
        for _ in range(REPEATS if keyed else 0):
            if change.status == 201 or (change.outcome is Outcome.REFUSED and change.status != 503):
                break
            time.sleep(PAUSE_S)
            self._ask(change, "/v1/register", body, headers)
        if keyed and change.status == 201 and self._draw.random() < 0.3:
            self._ask(change, "/v1/register", body, headers)
        if change.status == 201:
            self._board.registered(model, version, change.answer["package_digest"])

    def _promote(self) -> None:
        known = self._board.some_version(self._draw)
        if known is None:
            return self._register()
        model, version, _ = known
        alias = self._draw.choice(ALIASES)
        change = Change(self._new_name(), "promote", model, version, alias)
        lottery = self._draw.random()
        if lottery < 0.4:
            change.expected = self._current(model, alias)
        elif lottery < 0.5:
            change.expected = "no-such-version"
        self._board.asked(change)
        body = {
            "task": TASK,
            "model_name": model,
            "alias": alias,
            "version": version,
            "actor": self._name,
            "reason": change.name,
        }
        if change.expected is not NOT_SENT:
            body["expected_version"] = change.expected
        self._ask(change, "/v1/promote", body, {})
        if change.status == 200:
            self._board.promoted(model, alias, change.answer["seq"])
        return None

    def _new_name(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"

    def _current(self, model: str, alias: str) -> Any:
        answer = self._send("aliases", "GET", "/v1/aliases", params={"task": TASK, "model": model})
        if answer is None or answer.status_code != 200:
            return NOT_SENT
        return next((each["version"] for each in answer.json()["aliases"] if each["alias"] == alias), None)

    # reads: of what was acknowledged, so only a store that is away excuses an answer other than 200

    def _read(self, verb: str, method: str, path: str, **request: Any) -> dict[str, Any] | None:
        answer = self._send(verb, method, path, **request)
        if answer is None:
            return None
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
        code = answer.json()["code"]
        if answer.status_code != 503 and code != "package_corrupt":
            self._board.complain(f"{verb} {request}: {answer.status_code}: {answer.text}")
        return None

    def _resolve(self) -> None:
        known = self._board.some_version(self._draw)
        if known is None:
            return self._register()
        model, version, _ = known
        by_alias = self._board.least_seq(model, "production") > 0 and self._draw.random() < 0.5
        selector = "production" if by_alias else version
        params = {"task": TASK, "ref": f"{model}@{selector}", "verify": self._draw.choice(["true", "false"])}
        found = self._read("resolve", "GET", "/v1/resolve", params=params)
        if found is not None:
            self._compare("resolve", model, found)
            if not by_alias and found["version"] != version:
                self._board.complain(f"resolve of {params['ref']} gave version {found['version']}")
        return None

    def _show(self) -> None:
        known = self._board.some_version(self._draw)
        if known is None:
            return self._register()
        params = {"task": TASK, "ref": f"{known[0]}@{known[1]}"}
        found = self._read("show", "GET", "/v1/show", params=params)
        if found is not None:
            self._compare("show", known[0], found)
        return None

    def _verify(self) -> None:
        known = self._board.some_version(self._draw)
        if known is None:
            return self._register()
        found = self._read("verify", "POST", "/v1/verify", json={"task": TASK, "ref": f"{known[0]}@{known[1]}"})
        if found is not None:
            self._compare("verify", known[0], found)
        return None

    def _compare(self, verb: str, model: str, found: dict[str, Any]) -> None:
        told = self._board.digest(model, found["version"])
        if told not in (None, found["package_digest"]):
            self._board.complain(f"{verb} of {model}@{found['version']}: {found['package_digest']}, not {told}")

    def _aliases(self) -> None:
        known = self._board.some_version(self._draw)
        if known is None:
            return self._register()
        model = known[0]
        least = {alias: self._board.least_seq(model, alias) for alias in ALIASES}
        found = self._read("aliases", "GET", "/v1/aliases", params={"task": TASK, "model": model})
        if found is not None:
            seqs = {each["alias"]: each["seq"] for each in found["aliases"]}
            for alias, seq in least.items():
                if seqs.get(alias, 0) < seq:
                    self._board.complain(
                        f"alias {model}@{alias} is at event {seqs.get(alias)} after {seq} was answered"
                    )
        return None

    def _history(self) -> None:
        known = self._board.some_version(self._draw)
        if known is None:
            return self._register()
        model = known[0]
        least = max(self._board.least_seq(model, alias) for alias in ALIASES)
        after = max(0, least - 50)
        found = self._read(
            "history", "GET", "/v1/history", params={"task": TASK, "model": model, "after": after, "limit": 1000}
        )
        if found is not None:
            seqs = [event["seq"] for event in found["events"]]
            if seqs != list(range(after + 1, after + 1 + len(seqs))) or (seqs and seqs[-1] < least):
                self._board.complain(f"history of {model} after {after} is {seqs}, and {least} was answered")
        return None


def outcome_of(status: int | None, answer: dict[str, Any]) -> Outcome:
    """What the answer to a change says of it: done, not done, or that nobody knows. No status: no answer."""
    if status is not None and (status < 300 or answer.get("committed") is True):
        return Outcome.ACKNOWLEDGED
    if status is None or "committed" in answer or status in (500, 502, 504):
        return Outcome.UNKNOWN
    return Outcome.REFUSED


def all_in_all(before: Outcome | None, now: Outcome, *, is_final: bool) -> Outcome:
    """What two tries of one change say together. A 503 (not final) speaks only of its own try."""
    if before is Outcome.ACKNOWLEDGED or now is Outcome.ACKNOWLEDGED:
        return Outcome.ACKNOWLEDGED
    if before is Outcome.UNKNOWN and not is_final:
        return Outcome.UNKNOWN
    return now
