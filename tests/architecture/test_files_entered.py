"""A promote is read in few places: whoever follows one does not leave through half the house."""

from __future__ import annotations

from pathlib import Path
from types import FrameType
from typing import Any

from app import create_app
from app.config import Settings
from registry_core import CoreSettings

from ..support.profiled import profiled
from ..support.servers import REPOSITORY

MOST = 25  # modules of ours; a change may lower it
OURS = [REPOSITORY / package for package in ("app", "registry_core")]


def test_a_promote_over_http_enters_few_files(tmp_path: Path) -> None:
    """On a filesystem, of an alias that is there, with a catalogue that somebody has asked before."""
    root, source = tmp_path / "root", tmp_path / "package"
    root.mkdir()
    source.mkdir()
    (source / "weights.bin").write_bytes(b"x")
    client = create_app(Settings(core=CoreSettings(root=str(root)))).test_client()

    def ask(verb: str, **more: Any) -> None:
        answered = client.post(
            f"/v1/{verb}", json={"task": "t", "model_name": "m", "actor": "a", "reason": "b", **more}
        )
        assert answered.status_code < 300, answered.json

    for version in ("1", "2"):
        ask("register", version=version, artifacts_dir=str(source))
    assert client.get("/v1/models").status_code == 200
    ask("promote", alias="production", version="1")

    entered: set[Path] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            entered.add(Path(frame.f_code.co_filename))

    with profiled(note):
        ask("promote", alias="production", version="2")
    ours = sorted(str(file.relative_to(REPOSITORY)) for file in entered if any(map(file.is_relative_to, OURS)))
    assert {"app/v1/aliases.py", "registry_core/models/changes.py"} <= set(ours), "the profiler sees nothing"
    assert len(ours) <= MOST, f"{len(ours)}:\n" + "\n".join(ours)
    life = (REPOSITORY / "docs" / "design.md").read_text(encoding="utf-8").partition("## The life of a promote")[2]
    life = life.partition("\n## ")[0]
    assert not [file for file in ours if Path(file).name not in life], "whoever reads its life meets all of them"
