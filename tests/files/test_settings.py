"""The settings of downloads."""

from __future__ import annotations

import re

import pytest

from app.config import PREFIX, Settings
from registry_core import NotConfigured


def test_defaults_and_names() -> None:
    settings = Settings.from_env({})
    assert (settings.accel_prefix, settings.presign_s, settings.hub) == (None, 3600, True)
    given = {PREFIX + "ACCEL_PREFIX": " /_packages/ ", PREFIX + "PRESIGN_S": "0", PREFIX + "HUB": "False"}
    settings = Settings.from_env(given)
    assert (settings.accel_prefix, settings.presign_s, settings.hub) == ("/_packages", 0, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCEL_PREFIX", "packages"),
        ("ACCEL_PREFIX", "/a b"),
        ("ACCEL_PREFIX", "/a\r\nX: y"),
        ("HUB", "perhaps"),
        ("PRESIGN_S", "-1"),
        ("PRESIGN_S", "604801"),
    ],
)
def test_a_senseless_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(NotConfigured, match=re.escape(PREFIX + name)):
        Settings.from_env({PREFIX + name: value})
