"""Whatever a page is to show, it can be sent."""

from __future__ import annotations

import json
from pathlib import Path

from app import create_app
from app.config import Settings
from registry_core import CoreSettings

from ...support.old_registry import OldRegistry


def test_half_a_character_is_shown_as_json_writes_it(tmp_path: Path) -> None:
    model = OldRegistry(tmp_path).model("t", "m").version("1").promote("production", "1")
    meta = model.package("1") / "model_meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_bytes()), "description": "half \ud800."}))
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path)))).test_client()
    answer = client.get("/ui/models/t/m/versions/1")
    assert answer.status_code == 200
    assert "half \\ud800." in answer.text
