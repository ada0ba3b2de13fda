"""What a package says of itself reaches the Hub's clients; whatever is wrong with it, the model is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.config import Settings
from app.hub.card import MOST_BYTES
from app.hub.listing import MOST_LISTED
from registry_core import CoreSettings, ModelRegistry

from ..app.conftest import scratch
from ..support.machine import MIB
from ..support.packages import write_files
from ..support.servers import Server, gunicorn
from .generations import VERSIONS, generation

README = """---
license: apache-2.0
language: [en, de]
pipeline_tag: text-classification
tags:
- cells
- "pbmc: human"
datasets: pbmc3k
created: 2026-11-27
inference: false
---
# A model
"""
CONFIG = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "id2label": {"0": "B"}}
CARD = {
    "license": "apache-2.0",
    "language": ["en", "de"],
    "pipeline_tag": "text-classification",
    "tags": ["cells", "pbmc: human"],
    "datasets": "pbmc3k",
    "created": "2026-11-27",
    "inference": False,
}
TAGS = ["transformers", "text-classification", "en", "de", "cells", "pbmc: human", "license:apache-2.0"]
TAGS = [*TAGS, "dataset:pbmc3k", "organ:blood"]


@pytest.fixture(scope="module")
def library() -> Iterator[tuple[Server, Path]]:
    """Models with cards and without, of two tasks, and as many plain ones as an answer has rows."""
    with scratch() as area:
        (area / "root").mkdir()
        registry = ModelRegistry.open(area / "root")
        named = write_files(area / "named", {"README.md": README.encode(), "config.json": json.dumps(CONFIG).encode()})
        plain = write_files(area / "plain", {"model.pt": b"weights"})
        registry.register("celltype", "named", "1", named, {"tags": {"organ": "blood"}})
        for n in range(MOST_LISTED):
            registry.register("celltype", f"plain{n:03d}", "1", plain)
        wrong = write_files(area / "wrong", {"README.md": b"---\na: b: c\n---\n", "config.json": b"[" * MIB})
        registry.register("text-classification", "wrong", "1", wrong, {"tags": {"organ": "liver"}})
        with gunicorn(area / "root") as server:
            yield server, area / "root"


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_read_and_filter_by_it(library: tuple[Server, Path], version: str, tmp_path: Path) -> None:
    client = generation(version)
    environment = client.environment(f"{library[0].url}/hf", tmp_path)
    seen = client.run("cards", environment, repo="celltype/named", without="text-classification/wrong")
    assert seen["card"] == {**CARD, "pipeline_tag": "text-classification"}
    assert seen["info"] == ["text-classification", "transformers", TAGS]
    assert seen["config"] == {"architectures": CONFIG["architectures"], "model_type": "bert"}
    assert seen["without"] == ["text-classification", None, ["organ:liver"]]
    named, wrong = "celltype/named", "text-classification/wrong"
    assert seen["lists"] == {
        "tag": [named],
        "two tags": [named],
        "a tag of each": [],
        "task": [named, wrong],
        "pipeline_tag": [named, wrong],
        "own tag": [wrong],
        "author and tag": [],
        "search": [named],
        "library": [named],
        "nobody's": [],
        "gated": [],
        "apps": [],
    }
    assert seen["all"] == 2 + MOST_LISTED
    assert seen["full"] == [[named, CARD["license"]]]
    assert seen["newest"] == [wrong]


def test_rows_have_what_is_asked_for_alone(library: tuple[Server, Path]) -> None:
    app = create_app(Settings(core=CoreSettings(root=str(library[1]))))
    with app.test_client() as service:

        def rows(query: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = service.get(f"/hf/api/models?filter=cells&{query}").get_json()
            return found

        assert "cardData" not in rows("limit=1")[0]
        for asked in ("full=True", "cardData=true", "expand=cardData&expand=tags"):
            assert rows(asked)[0]["cardData"] == CARD
        assert service.get("/hf/api/models?gated=false&limit=1").get_json() != []
        first = service.get("/hf/api/models?limit=1", headers={"X-Forwarded-Proto": "https"}).headers["Link"]
        assert first.startswith("<http://localhost/hf/api/models?limit=1&cursor=")


def test_bytes_that_are_not_the_registered_ones_say_nothing(tmp_path: Path) -> None:
    """Nor does a file that is too long; the model is answered all the same."""
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(tmp_path / "root")
    source = write_files(tmp_path / "source", {"README.md": README.encode()})
    registry.register("t", "rotten", "1", source)
    (source / "README.md").write_bytes(README.encode() + b"x" * MOST_BYTES)
    registry.register("t", "long", "1", source)
    readme = tmp_path / "root/tasks/t/models/rotten/versions/1/README.md"
    readme.chmod(0o644)
    readme.write_text(README.replace("text-classification", "text-generation\x00\x00\x00\x00"))
    app = create_app(Settings(core=CoreSettings(root=str(tmp_path / "root"))))
    with app.test_client() as service:
        for model in ("rotten", "long"):
            answer = service.get(f"/hf/api/models/t/{model}")
            assert answer.status_code == 200
            assert (answer.get_json()["pipeline_tag"], answer.get_json()["tags"]) == ("t", [])
