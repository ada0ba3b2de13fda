"""Stores that are not as they should be: refused with the reason, or understood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, InvalidName, ModelRegistry, NotConfigured, StorageUnavailable
from registry_core.format.layout import is_package
from registry_core.storage.contract import ABSENT, Match, PreconditionFailed, StorageOptions
from registry_core.storage.object_store.bucket import PART_BYTES, part_size
from registry_core.storage.object_store.store import ObjectStorage

from ..contract.storage import Opener, StorageContract
from ..support.packages import write_package
from ..support.seaweed import REGION, Seaweed, environment
from .simulated import Manners, SimulatedStore, simulated_store

ROOT = "s3://bucket/registry"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedStore]:
    with simulated_store() as store:
        for name, value in environment(store.url).items():
            monkeypatch.setenv(name, value)
        yield store


def storage_on(store: SimulatedStore, **options: bool) -> ObjectStorage:
    return ObjectStorage(ROOT, StorageOptions(endpoint=store.url, region=REGION, **options), is_package)


def registry_on(endpoint: str, root: str = ROOT, **keys: str) -> ModelRegistry:
    return ModelRegistry.open(root, settings=CoreSettings.from_env(environment(endpoint, **keys)))


# the start-up self-check


def test_a_store_as_it_should_be_is_trusted_and_left_clean(store: SimulatedStore) -> None:
    storage_on(store).check_guarantees()
    assert store.writes == 2
    assert store.objects == {}


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        (Manners(ignores_create_if_absent=True), "refuse to create an object that is there"),
        (Manners(ignores_match=True), "refuse to replace an object whose ETag has changed"),
        (Manners(wants_etags_unquoted=True), "replace an object whose ETag matches"),
    ],
)
def test_a_store_that_ignores_conditions_is_refused_in_words(
    store: SimulatedStore, tmp_path: Path, manners: Manners, words: str
) -> None:
    store.manners = manners
    registry = registry_on(store.url)
    with pytest.raises(NotConfigured, match=words) as refused:
        registry.check_guarantees()
    assert refused.value.detail == {"reason": "store_lacks_conditional_writes"}
    with pytest.raises(NotConfigured, match=words):
        registry.register("celltype", "pbmc", "1", write_package(tmp_path / "package"))
    assert store.objects == {}


def test_a_service_on_such_a_store_answers_that_it_is_not_ready(store: SimulatedStore) -> None:
    store.manners = Manners(ignores_create_if_absent=True)
    core = CoreSettings.from_env({**environment(store.url), "OMNIBIOAI_MODEL_REGISTRY_ROOT": ROOT})
    client = create_app(Settings(core=core)).test_client()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "not_configured")
    assert "refuse to create an object that is there" in answer.get_json()["detail"]
    assert client.get("/v1/aliases?task=t&model=m").status_code == 503
    store.manners = Manners()
    assert client.get("/health/ready").status_code == 200


def test_unquoted_etags_are_a_setting(store: SimulatedStore) -> None:
    store.manners = Manners(wants_etags_unquoted=True)
    storage_on(store, quote_etags=False).check_guarantees()


# credentials and buckets


@pytest.mark.parametrize(
    "refusal", [(403, "AccessDenied"), (403, "InvalidAccessKeyId"), (400, "ExpiredToken"), (401, "Unauthorized")]
)
def test_refused_credentials_are_a_clear_error(store: SimulatedStore, tmp_path: Path, refusal: tuple[int, str]) -> None:
    registry = registry_on(store.url)
    registry.register("celltype", "pbmc", "1", write_package(tmp_path / "package"))
    client = create_app(Settings(core=CoreSettings()), registry).test_client()
    store.manners = Manners(refuses=refusal)
    body = {"task": "celltype", "model_name": "pbmc", "alias": "production", "version": "1"}
    source = {**body, "artifacts_dir": str(tmp_path / "package"), "version": "2"}
    for answer in (
        client.get("/v1/resolve?task=celltype&ref=pbmc@latest"),
        client.get("/v1/aliases?task=celltype&model=pbmc"),
        client.post("/v1/promote", json=body),
        client.post("/v1/register", json=source),
    ):
        problem = answer.get_json()
        assert (answer.status_code, problem["code"]) == (503, "storage_unavailable")
        assert "credentials" in problem["detail"]
        assert answer.headers["Retry-After"] == "60"
    store.manners = Manners()
    assert client.post("/v1/promote", json=body).get_json()["seq"] == 2


def test_wrong_keys_are_a_clear_error_on_a_real_store(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    for keys in ({"secret_key": "wrong"}, {"access_key": "nobody"}):
        for name, value in environment(seaweed.endpoint, **keys).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StorageUnavailable, match="credentials"):
            registry_on(seaweed.endpoint, seaweed.new_root(), **keys)


def test_a_bucket_that_is_not_there_is_a_matter_of_configuration(store: SimulatedStore) -> None:
    store.manners = Manners(has_bucket=False)
    with pytest.raises(NotConfigured, match="bucket") as refused:
        registry_on(store.url)
    assert refused.value.detail == {"reason": "root_missing"}
    storage = storage_on(store)
    for call in (
        lambda: storage.documents.write("a", b""),
        lambda: list(storage.documents.list("")),
        storage.check_guarantees,
    ):
        with pytest.raises(NotConfigured, match="bucket"):
            call()


def test_control_characters_are_no_part_of_a_key(store: SimulatedStore) -> None:
    storage = storage_on(store)
    for key in ("a\nb", "a/\x7f", "\x00"):
        for call in (
            storage.documents.read,
            storage.documents.delete,
            lambda key: storage.documents.write(key, b""),
            lambda key: list(storage.documents.list(key)),
        ):
            with pytest.raises(InvalidName):
                call(key)
    assert store.objects == {}


# sizes


@pytest.mark.parametrize("size_bytes", [0, 1, PART_BYTES, 80 * 10**9, 5 * 2**40])
def test_no_file_needs_more_parts_than_a_store_takes(size_bytes: int) -> None:
    assert part_size(size_bytes) >= PART_BYTES
    assert part_size(size_bytes) * 10_000 > size_bytes
    assert part_size(70 * 10**9) == PART_BYTES


# Google


class TestGoogle(StorageContract):
    """The contract by Google's conditions, which name generations; against a simulator of its protocol."""

    crosses_processes = False
    has_locks = False

    @pytest.fixture
    def opener(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
        with simulated_store(Manners(has_generations=True)) as store:
            for name, value in store.google_environment.items():
                monkeypatch.setenv(name, value)
            yield lambda: ObjectStorage("gs://bucket/registry", StorageOptions(), is_package)


def test_on_google_the_same_bytes_written_again_are_another_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    with simulated_store(Manners(has_generations=True)) as store:
        for name, value in store.google_environment.items():
            monkeypatch.setenv(name, value)
        storage = ObjectStorage("gs://bucket/registry", StorageOptions(), is_package)
        storage.check_guarantees()
        first = storage.documents.write("a", b"1", ABSENT)
        storage.documents.write("a", b"1", Match(first.etag))
        with pytest.raises(PreconditionFailed):
            storage.documents.write("a", b"2", Match(first.etag))
