"""Every key is one that ``docs/design.md`` draws, and each that a legal name makes is one that a storage takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry_core.format import layout
from registry_core.format.layout import ModelKeys
from registry_core.vocabulary.texts import check_key

names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True)


def test_the_tree_on_disk() -> None:
    keys = ModelKeys("celltype", "human_pbmc")
    assert (layout.FORMAT, layout.FORMATS) == (1, (1, 2))
    assert (layout.REGISTRY, layout.TASKS) == ("registry.json", "tasks")
    assert (layout.META, layout.MANIFEST) == ("model_meta.json", "sha256sums.txt")
    assert layout.models("celltype") == "tasks/celltype/models"
    assert keys.model == "tasks/celltype/models/human_pbmc"
    assert keys.versions == "tasks/celltype/models/human_pbmc/versions"
    assert keys.package("1.0.0") == "tasks/celltype/models/human_pbmc/versions/1.0.0"
    assert keys.alias("latest") == "tasks/celltype/models/human_pbmc/aliases/latest.json"
    assert keys.journal == "tasks/celltype/models/human_pbmc/audit/promotions.jsonl"
    assert keys.state("1.0.0") == "tasks/celltype/models/human_pbmc/state/1.0.0.json"
    assert keys.tombstone("1.0.0") == "tasks/celltype/models/human_pbmc/deleted/1.0.0/tombstone.json"
    assert keys.kept_manifest("1.0.0") == "tasks/celltype/models/human_pbmc/deleted/1.0.0/sha256sums.txt"
    assert keys.grave("1.0.0") == "tasks/celltype/models/human_pbmc/deleted/1.0.0/package"
    named = "0" * 64
    assert keys.attestation("1.0.0", named) == f"tasks/celltype/models/human_pbmc/attestations/1.0.0/{named}.json"
    assert keys.evidence("1.0.0") == "tasks/celltype/models/human_pbmc/evidence/1.0.0.json"
    assert layout.CHECKPOINT == "log/checkpoint"


@given(names, names, names)
def test_keys_lie_below_their_model_and_never_meet(task: str, model_name: str, name: str) -> None:
    keys = ModelKeys(task, model_name)
    made = [keys.journal, keys.package(name), keys.alias(name), keys.state(name)]
    made += [keys.tombstone(name), keys.kept_manifest(name), keys.grave(name), keys.evidence(name)]
    assert len(set(made)) == len(made)
    for key in made:
        assert check_key(key) == key
        assert key.startswith(keys.model + "/")
    assert keys.package(name).startswith(keys.versions + "/")
    assert keys.alias(name).startswith(keys.aliases + "/")
    assert keys.state(name).startswith(keys.states + "/")
