"""What each verb costs over a long model, in a process of its own: CPU, bytes read, requests.

``python -m benchmarks.verbs ROOT SOURCE CALLS MOST_S IN_A_ROW`` prints one JSON object, verb -> cost. Over an object
store it prints ``?`` first wherever it wants to know how many requests have come, and reads the number.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry_core import ModelRegistry

from .counting import Cost, Meter
from .long_model import MODEL, TASK

BARE_WRITE, BARE_READ = "bare: append a line, replace a document", "bare: read a document"
BARE_PUT, BARE_GET = "bare: put an object", "bare: get an object"
REF = f"{MODEL}@production"
LINE = b"x" * 400 + b"\n"  # as long as an event or an alias document

Call = Callable[[], object]


@dataclass(frozen=True)
class Verb:
    """A call and what must come before each."""

    call: Call
    prepare: Call = lambda: None


def main(root: str, source: str, calls: str, most_s: str, in_a_row: str) -> None:
    """Prints the costs. Each verb is called once before it is measured, so that what is made once has been made."""
    is_store = "://" in root
    meter = Meter(_requests if is_store else None)
    registry = ModelRegistry.open(root)
    for version in ("v1", "v2", "v1"):
        registry.promote(TASK, MODEL, "production", version)
    measured: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(dir=None if is_store else Path(root).parent) as bare:
        found = {**(_bare_store(root) if is_store else _bare_files(Path(bare))), **verbs(registry, root, source)}
        for name, verb in found.items():
            verb.prepare()
            verb.call()
            measured[name] = meter.typical(verb.call, verb.prepare, calls=int(calls), most_s=float(most_s))
    measured["promote, many in a row, each"] = _in_a_row(registry, meter, int(in_a_row), float(most_s))
    registry.reindex()
    turn = itertools.cycle(("v2", "v1"))
    promote = Verb(lambda: registry.promote(TASK, MODEL, "production", next(turn)))
    by_name = Verb(lambda: registry.list_models(model_name=MODEL, limit=50), promote.call)
    for name, verb in {"promote, with a catalogue": promote, "list by name": by_name}.items():
        measured[name] = meter.typical(verb.call, verb.prepare, calls=int(calls), most_s=float(most_s))
    print(json.dumps({name: asdict(cost) for name, cost in measured.items()}))


def verbs(registry: ModelRegistry, root: str, source: str) -> dict[str, Verb]:
    """Every verb whose cost is measured, over the long model."""
    numbers = itertools.count(1)
    turn = itertools.cycle(("v2", "v1"))
    opened: list[ModelRegistry] = []
    keys: list[str] = []

    def promote(by: ModelRegistry, alias: str = "production") -> object:
        return by.promote(TASK, MODEL, alias, next(turn))

    def register(**words: Any) -> object:
        return registry.register(TASK, MODEL, f"new-{next(numbers)}", source, **words)

    def register_with_key(by: ModelRegistry) -> None:
        keys.append(f"key-{next(numbers)}")
        by.register(TASK, MODEL, f"with-{keys[-1]}", source, idempotency_key=keys[-1])

    def register_again() -> object:
        return registry.register(TASK, MODEL, f"with-{keys[-1]}", source, idempotency_key=keys[-1])

    def twice() -> None:
        promote(registry)
        promote(registry)

    def there_and_back() -> None:
        registry.delete(TASK, MODEL, "v4", reason="measured")
        registry.restore(TASK, MODEL, "v4")

    def just_opened(call: Callable[[ModelRegistry], object], prepare: Call = lambda: None) -> Verb:
        """Of a registry that knows nothing yet, as a process that has just begun; opening it is not counted."""

        def opens() -> None:
            prepare()
            opened.append(ModelRegistry.open(root))

        return Verb(lambda: call(opened.pop()), opens)

    def rollback(by: ModelRegistry) -> object:
        return by.rollback(TASK, MODEL, "production")

    return {
        "promote": Verb(lambda: promote(registry)),
        "promote, just opened": just_opened(promote),
        "tag": Verb(lambda: registry.tag(TASK, MODEL, "v3", "note", next(numbers))),
        "stage": Verb(lambda: registry.stage(TASK, MODEL, next(turn), "staging")),
        "rollback": Verb(lambda: rollback(registry), twice),
        "rollback, just opened": just_opened(rollback, twice),
        "unalias": Verb(lambda: registry.unalias(TASK, MODEL, "canary"), lambda: promote(registry, "canary")),
        "delete and restore": Verb(there_and_back),
        "resolve": Verb(lambda: registry.resolve(TASK, REF, verify=False)),
        "resolve, verified": Verb(lambda: registry.resolve(TASK, REF)),
        "resolve, verified, just opened": just_opened(lambda by: by.resolve(TASK, REF)),
        "show": Verb(lambda: registry.show(TASK, REF)),
        "register": Verb(register),
        "register with a key": Verb(lambda: register_with_key(registry)),
        "register with a key, just opened": just_opened(register_with_key),
        "register again, same key": Verb(register_again),
        "begin upload": Verb(lambda: registry.begin_upload(TASK, MODEL)),
        "begin upload, just opened": just_opened(lambda by: by.begin_upload(TASK, MODEL)),
    }


def _in_a_row(registry: ModelRegistry, meter: Meter, count: int, most_s: float) -> Cost:
    """The mean of so many promotes, what is done now and then for later ones included."""
    done = 0

    def promotes() -> None:
        nonlocal done
        began = os.times()
        while done < count:
            registry.promote(TASK, MODEL, "production", ("v1", "v2")[done % 2])
            done += 1
            spent = os.times()
            if spent.user + spent.system - began.user - began.system > 2 * most_s:
                break

    cost = meter.cost(promotes)
    return Cost(cost.cpu_s / done, cost.read_bytes / done, cost.reads / done, cost.requests / done)


def _bare_files(top: Path) -> dict[str, Verb]:
    """What a change and a read cost at least, done by hand and as safely."""

    def write() -> None:
        for path, mode in ((top / "log", "ab"), (top / "draft", "wb")):
            with path.open(mode) as file:
                file.write(LINE)
                file.flush()
                os.fsync(file.fileno())
        (top / "draft").rename(top / "document")
        fd = os.open(top, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    return {BARE_WRITE: Verb(write), BARE_READ: Verb((top / "document").read_bytes)}


def _bare_store(root: str) -> dict[str, Verb]:
    import obstore
    from obstore.store import from_url

    store: Any = from_url(f"{root}-bare", client_options={"allow_http": True})
    return {
        BARE_PUT: Verb(lambda: obstore.put(store, "object", LINE)),
        BARE_GET: Verb(lambda: bytes(obstore.get(store, "object").bytes())),
    }


def _requests() -> int:
    print("?", flush=True)
    return int(sys.stdin.readline())


if __name__ == "__main__":
    main(*sys.argv[1:])
