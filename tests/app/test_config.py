"""Settings come from the environment by their names, and a senseless one is refused by its name."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from app import create_app
from app.config import MIB, PREFIX, Settings
from registry_core import NotConfigured

from ..support.servers import REPOSITORY, clean_environment


def test_defaults() -> None:
    settings = Settings.from_env({})
    assert settings == Settings.from_env({PREFIX + "PORT": " ", PREFIX + "HOST": "", PREFIX + "ROOT": " "})
    assert (settings.host, settings.port, settings.core.root) == ("127.0.0.1", 8095, None)
    assert settings.max_body_bytes == 4 * MIB


def test_every_setting_has_its_name() -> None:
    settings = Settings.from_env(
        {
            PREFIX + "ROOT": "/srv/models",
            PREFIX + "HOST": "127.0.0.1",
            PREFIX + "PORT": "1",
            PREFIX + "WORKERS": "3",
            PREFIX + "THREADS": "8",
            PREFIX + "GRACEFUL_TIMEOUT_S": "5",
            PREFIX + "MAX_BODY_BYTES": "2048",
            PREFIX + "MIN_FREE_BYTES": "0",
            PREFIX + "LOG_LEVEL": "debug",
            PREFIX + "REQUIRED_FILES": "model.pt, metrics.json,",
            PREFIX + "ARTIFACTS_ALLOWED_ROOTS": "/a,/b",
            PREFIX + "LOCK_TIMEOUT_S": "2.5",
            PREFIX + "HASH_WORKERS": "4",
        }
    )
    assert (settings.host, settings.port, settings.workers, settings.threads) == ("127.0.0.1", 1, 3, 8)
    assert (settings.graceful_timeout_s, settings.max_body_bytes, settings.min_free_bytes) == (5, 2048, 0)
    assert settings.log_level == "DEBUG"
    core = settings.core
    assert (core.root, core.lock_timeout_s, core.workers) == ("/srv/models", 2.5, 4)
    assert core.required_files == ("model.pt", "metrics.json")
    assert core.artifacts_allowed_roots == ("/a", "/b")


def test_a_name_that_is_no_setting_is_remarked_upon(caplog: pytest.LogCaptureFixture) -> None:
    """A misspelt AUTH leaves the service open: its log must say so."""
    said = {"AUHT": "required", "URL": "http://a", "TOKEN": "t", "ACTOR": "a", "CACHE_DIR": "/c", "PORT": "1"}
    settings = Settings.from_env({"HOME": "/", **{PREFIX + name: value for name, value in said.items()}})
    (remark,) = settings.remarks
    assert remark == f"{PREFIX}AUHT is no setting, and changes nothing. There is {PREFIX}AUTH."
    assert settings.port == 1
    create_app(settings)
    assert remark in caplog.messages


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("WORKERS", "0"),
        ("THREADS", "7"),
        ("THREADS", "1e1"),
        ("GRACEFUL_TIMEOUT_S", "-1"),
        ("MAX_BODY_BYTES", "1023"),
        ("MIN_FREE_BYTES", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("LOCK_TIMEOUT_S", "nan"),
        ("HASH_WORKERS", "0"),
        ("ARTIFACTS_ALLOWED_ROOTS", "relative/path"),
    ],
)
def test_a_senseless_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(NotConfigured, match=re.escape(PREFIX + name)):
        Settings.from_env({PREFIX + name: value})


def test_gunicorn_refuses_to_start_with_a_senseless_setting() -> None:
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "wsgi:application"]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=clean_environment({PREFIX + "PORT": "many"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert PREFIX + "PORT is 'many'" in done.stdout + done.stderr
