"""Two replicas over one bucket, each with its own catalogue, follow each other by what they announce."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry, StorageUnavailable
from registry_core.models.model import ModelStore
from registry_core.storage.contract import StorageOptions

from ..app.curl import get, post
from ..support.old_registry import write_every_case
from ..support.packages import write_files
from ..support.proxy import FaultyProxy, faulty_proxy
from ..support.seaweed import Seaweed, environment
from ..support.servers import gunicorn, wait_until
from .shelf import titles


class Replicas:
    """A bucket's root, and any number of registries over it, with a catalogue each."""

    def __init__(self, url: str, endpoint: str, top: Path) -> None:
        self.url, self.endpoint, self._top = url, endpoint, top
        self.source = write_files(top / "source", {"weights": b"w" * 100})

    def one(self, name: str, refresh_s: float = 0.0, endpoint: str | None = None) -> ModelRegistry:
        return ModelRegistry.open(
            settings=CoreSettings(
                root=self.url,
                workers=1,
                catalog_dir=str(self._top / name),
                catalog_refresh_s=refresh_s,
                storage=StorageOptions(endpoint=endpoint or self.endpoint, region="us-east-1"),
            )
        )


@pytest.fixture
def replicas(seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replicas:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    return Replicas(seaweed.new_root(), seaweed.endpoint, tmp_path)


def test_they_follow_each_other(replicas: Replicas) -> None:
    here, there = replicas.one("here"), replicas.one("there")
    assert (titles(here), titles(there)) == ([], [])
    start = there.last_event()
    here.register("t", "m", "1", replicas.source, {"metrics": {"a": 1}}, set_alias="latest")
    assert (titles(here), titles(there)) == (["m@1"], ["m@1"])
    there.promote("t", "m", "production", "1")
    assert titles(here, alias="production") == ["m@1"]
    here.tag("t", "m", "1", "tissue", "lung")
    assert titles(there, tags=("tissue:lung",)) == ["m@1"]
    there.register("t", "m", "2", replicas.source, set_alias=None)
    here.promote("t", "m", "production", "2")
    assert titles(there, stage="production") == ["m@2"]
    there.unalias("t", "m", "production")
    here.delete("t", "m", "2", reason="test")
    assert (titles(here), titles(there)) == (["m@1"], ["m@1"])
    there.restore("t", "m", "2")
    assert titles(here) == ["m@1", "m@2"]
    told = [event.event.seq for event in there.events(start, 100)]
    assert told == list(range(1, 9))
    position = here.events("", 100)[3].id  # of one replica, understood by the other
    assert [event.event.seq for event in there.events(position, 100)][-4:] == [5, 6, 7, 8]


def test_a_look_costs_a_list_and_not_a_request_for_each_model(
    replicas: Replicas, seaweed: Seaweed, tmp_path: Path
) -> None:
    writer = replicas.one("writer")
    for number in range(8):
        writer.register("t", f"m{number}", "1", replicas.source)
    with faulty_proxy(seaweed.endpoint) as proxy:
        reader = replicas.one("reader", endpoint=proxy.url)
        assert len(titles(reader)) == 8
        # For as long as clocks may differ an announced model is looked at again: as if that were long ago.
        _remove_announcements(writer)
        proxy.clear()
        assert len(titles(reader)) == 8
        assert _requests(proxy) <= 2
        writer.tag("t", "m3", "1", "a", "b")
        proxy.clear()
        assert titles(reader, tags=("a:b",)) == ["m3@1"]
        assert _requests(proxy) <= 20


def _remove_announcements(registry: ModelRegistry) -> None:
    for key in _announcements(registry):
        registry._storage.documents.delete(key)


def _announcements(registry: ModelRegistry) -> list[str]:
    return [entry.key for entry in registry._storage.documents.list(".catalog/feed") if "+" in entry.name]


def _requests(proxy: FaultyProxy) -> int:
    return len(proxy.passed)


@pytest.mark.parametrize("skew_s", [-100.0, 100.0, 7200.0])
def test_clocks_that_differ(replicas: Replicas, monkeypatch: pytest.MonkeyPatch, skew_s: float) -> None:
    """Of a writer that is behind by less than the overlap, or ahead by however much."""
    from datetime import datetime, timedelta, tzinfo

    from registry_core.catalogue import announcements

    here, there = replicas.one("here"), replicas.one("there")
    here.register("t", "m", "1", replicas.source)
    assert titles(there) == ["m@1"]

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=skew_s)

    with monkeypatch.context() as patched:
        patched.setattr(announcements, "datetime", Skewed)
        announcements.announce(ModelStore(here._storage, "t", "m", 0.0))  # the key, by the wrong clock
        patched.setattr(announcements, "announce", lambda _: None)
        here.tag("t", "m", "1", "a", "b")
    assert titles(there, tags=("a:b",)) == ["m@1"]


def test_an_announcement_that_was_lost(replicas: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer was killed, or its clock was an hour behind: the full look finds what it has done."""
    here, there = replicas.one("here"), replicas.one("there")
    here.register("t", "m", "1", replicas.source)
    assert titles(there) == ["m@1"]
    with monkeypatch.context() as patched:
        patched.setattr("registry_core.catalogue.announcements.announce", lambda _: None)
        _remove_announcements(here)
        here.tag("t", "m", "1", "a", "b")
        here.register("u", "new", "1", replicas.source)
    assert titles(there, tags=("a:b",)) == []
    monkeypatch.setattr("registry_core.catalogue.keeping.FULL_REFRESH_S", 0.0)
    assert titles(there, tags=("a:b",)) == ["m@1"]
    assert titles(there, task="u") == ["new@1"]


def test_an_announcement_that_makes_no_sense(replicas: Replicas) -> None:
    here, there = replicas.one("here"), replicas.one("there")
    here.register("t", "m", "1", replicas.source)
    assert titles(there) == ["m@1"]
    for name in ("x", "9999+..+m", "9999+t+%2F", "9999+t+gone", "9999+%FF+%00", "9999+a+b+c", "9999++"):
        here._storage.documents.write(f".catalog/feed/{name}", b"")
    here.tag("t", "m", "1", "a", "b")
    assert titles(there, tags=("a:b",)) == ["m@1"]


def test_names_that_need_quoting(replicas: Replicas, tmp_path: Path) -> None:
    """Of older software, brought here by a migration."""
    (tmp_path / "old").mkdir()
    write_every_case(tmp_path / "old")
    source = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "old"), workers=1))
    source.adopt()
    here, there = replicas.one("here"), replicas.one("there")
    assert titles(there) == []
    source.migrate_to(here)
    replicas.one("there").reindex()
    assert set(titles(there)) == set(titles(source, limit=1000))
    here.tag("batch correction", "größe", "1", "a", "b")
    here.tag("celltype", "human pbmc", "v 1", "a", "b")
    assert titles(there, tags=("a:b",)) == ["größe@1", "human pbmc@v 1"]


def test_a_sweep_removes_what_was_announced_long_ago(replicas: Replicas) -> None:
    here, there = replicas.one("here"), replicas.one("there")
    for number in range(3):
        here.register("t", f"m{number}", "1", replicas.source)
    assert len(titles(there)) == 3
    here.sweep(3600.0)
    assert len(_announcements(here)) == 3
    here.sweep(0.0)
    assert _announcements(here) == []
    here.tag("t", "m1", "1", "a", "b")
    assert titles(there, tags=("a:b",)) == ["m1@1"]


def test_the_store_is_away(replicas: Replicas, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    """No version goes from the list because of it, and what is not looked at is not said to be fresh."""
    from datetime import timedelta

    here = replicas.one("here")
    here.register("t", "m", "1", replicas.source)
    monkeypatch.setattr("registry_core.storage.object_store.bucket.DEADLINE", timedelta(seconds=0.2))
    with faulty_proxy(seaweed.endpoint) as proxy:
        there = replicas.one("there", endpoint=proxy.url)
        assert titles(there) == ["m@1"]
        here.tag("t", "m", "1", "a", "b")
    with pytest.raises(StorageUnavailable):
        there.list_models()
    assert there.catalog_state.ready
    assert titles(replicas.one("there", refresh_s=3600.0)) == ["m@1"]
    assert titles(replicas.one("there"), tags=("a:b",)) == ["m@1"]


@pytest.fixture
def served(replicas: Replicas, seaweed: Seaweed, tmp_path: Path) -> Iterator[tuple[str, str]]:
    def env(name: str) -> dict[str, str]:
        ours = {"CATALOG_DIR": str(tmp_path / name), "CATALOG_REFRESH_S": "1"}
        return {**environment(seaweed.endpoint), **{f"OMNIBIOAI_MODEL_REGISTRY_{key}": ours[key] for key in ours}}

    with (
        gunicorn(replicas.url, env=env("one"), workers=1) as one,
        gunicorn(replicas.url, env=env("two"), workers=1) as two,
    ):
        yield one.url, two.url


def test_servers_follow_each_other_by_themselves(served: tuple[str, str], replicas: Replicas) -> None:
    one, two = served
    for url in served:
        wait_until(lambda: get(f"{url}/health/ready").json["catalog"]["ready"], "never built")  # noqa: B023
    for number in range(4):
        body = {"task": "t", "model_name": "m", "version": str(number), "artifacts_dir": str(replicas.source)}
        assert post(f"{served[number % 2]}/v1/register", body).status == 201
        assert get(f"{served[number % 2]}/v1/models").headers["x-total-count"] == str(number + 1)
        other = served[(number + 1) % 2]
        began = time.monotonic()
        wait_until(
            lambda: get(f"{other}/v1/models").headers["x-total-count"] == str(number + 1),  # noqa: B023
            f"not followed for {time.monotonic() - began:.0f} s",
        )
    assert get(f"{one}/v1/models").json == get(f"{two}/v1/models").json
