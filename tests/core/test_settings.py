"""The environment is read once, by its documented names; a value that makes no sense is named."""

from __future__ import annotations

import os

import pytest

from registry_core import CoreSettings, NotConfigured
from registry_core.settings import number

PREFIX = "OMNIBIOAI_MODEL_REGISTRY_"


def settings(**environ: str) -> CoreSettings:
    return CoreSettings.from_env({PREFIX + name: value for name, value in environ.items()})


def test_nothing_set() -> None:
    found = CoreSettings.from_env({})
    assert (found.root, found.create, found.id) == (None, True, None)
    assert (found.required_files, found.artifacts_allowed_roots) == ((), ())
    assert found.lock_timeout_s == 30.0
    assert found.workers == min(8, len(os.sched_getaffinity(0)))
    assert (found.storage.endpoint, found.storage.region, found.storage.quote_etags) == (None, None, True)


def test_every_setting() -> None:
    found = settings(
        ROOT=" /srv/models ",
        REQUIRED_FILES="model.pt, label_map.json,,",
        ARTIFACTS_ALLOWED_ROOTS="/shared,/data/with space",
        LOCK_TIMEOUT_S="1.5",
        HASH_WORKERS="3",
        S3_QUOTE_ETAGS="false",
        CREATE="false",
        ID="0123456789abcdef0123456789abcdef",
    )
    assert (found.create, found.id) == (False, "0123456789abcdef0123456789abcdef")
    assert found.root == "/srv/models"
    assert found.required_files == ("model.pt", "label_map.json")
    assert found.artifacts_allowed_roots == ("/shared", "/data/with space")
    assert (found.lock_timeout_s, found.workers) == (1.5, 3)
    assert found.storage.quote_etags is False


@pytest.mark.parametrize("root", ["", "  "])
def test_an_empty_root_is_no_root(root: str) -> None:
    assert settings(ROOT=root).root is None


def test_the_store_s_usual_names_in_their_order() -> None:
    names = {"AWS_ENDPOINT": "http://c", "AWS_ENDPOINT_URL": "http://b", "AWS_ENDPOINT_URL_S3": "http://a"}
    assert CoreSettings.from_env(names).storage.endpoint == "http://a"
    del names["AWS_ENDPOINT_URL_S3"]
    assert CoreSettings.from_env(names).storage.endpoint == "http://b"
    both = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-central-1"}
    assert CoreSettings.from_env(both).storage.region == "eu-central-1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCK_TIMEOUT_S", "-1"),
        ("LOCK_TIMEOUT_S", "soon"),
        ("LOCK_TIMEOUT_S", "nan"),
        ("LOCK_TIMEOUT_S", "inf"),
        ("HASH_WORKERS", "0"),
        ("HASH_WORKERS", "two"),
        ("S3_QUOTE_ETAGS", "maybe"),
        ("CREATE", "maybe"),
        ("ID", "0123456789ABCDEF0123456789ABCDEF"),
        ("ID", "7"),
        ("ARTIFACTS_ALLOWED_ROOTS", "/shared,relative"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        settings(**{name: value})
    assert PREFIX + name in caught.value.message
    assert caught.value.detail["reason"] == "bad_setting"


def test_a_number_has_a_least_value_and_a_default() -> None:
    assert number({}, "N", 5.0, least=1) == 5.0
    assert number({"N": " 1 "}, "N", 5.0, least=1) == 1.0
    with pytest.raises(NotConfigured):
        number({"N": "0.5"}, "N", 5.0, least=1)


@pytest.mark.parametrize("flag", ["1", "true", "TRUE", " True "])
def test_flags_that_say_yes(flag: str) -> None:
    assert settings(S3_QUOTE_ETAGS=flag).storage.quote_etags is True
