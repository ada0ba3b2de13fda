"""Signatures that a package brings along are in its register event, whatever they are worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import pytest

from registry_core.evidence import ssh_signature
from registry_core.evidence.found_signatures import FoundSignatures
from registry_core.storage import Storage
from registry_core.storage.packages import Staging
from registry_core.vocabulary.answers import Registration
from registry_core.vocabulary.evidence import SignatureJudged, Signer

from ...support.packages import write_files
from ..conftest import Shelf
from . import signing
from .signing import bundled, enveloped, private, trust

FILES = {"model.pt": b"weights", "maps/human.json": b"{}"}
ADA = trust(("ada", private()))
Register = Callable[..., Registration]


def manifest(files: Mapping[str, bytes]) -> bytes:
    return b"".join(
        f"{signing.sha256(data)}  {path}\n".encode()
        for path, data in sorted(files.items())
        if not path.endswith(".sig")
    )


def signed(files: Mapping[str, bytes], *by: Any) -> dict[str, bytes]:
    """The files, with a signature of OpenSSH over them."""
    made = ssh_signature.sign(*(by or [private()]), manifest(files), "omr-package")
    return {**files, "sha256sums.txt.sig": ssh_signature.armored(made)}


@pytest.fixture
def register(shelf: Shelf) -> Register:
    def run(files: Mapping[str, bytes], known: Any = ADA, version: str = "3", **words: Any) -> Registration:
        registry = shelf.registry()
        registry._observers = (FoundSignatures(lambda: known),)
        source = write_files(shelf.sources / version, dict(files))
        return registry.register("t", "m", version, source, **{"set_alias": None, **words})

    return run


def event(shelf: Shelf) -> dict[str, Any]:
    return shelf.events()[-1]


def test_one_that_counts(shelf: Shelf, register: Register) -> None:
    done = register(signed(FILES))
    assert done.signatures == [
        SignatureJudged(
            "sha256sums.txt.sig",
            "ssh",
            [Signer("ada", private().public.sha256)],
            "artifacts",
            ["sha256sums.txt.sig"],
            [],
            True,
            None,
        )
    ]
    assert done.warnings == []
    assert event(shelf)["signatures"] == [asdict(one) for one in done.signatures]


def test_one_that_does_not_count_is_kept_and_told(shelf: Shelf, register: Register) -> None:
    done = register({**signed(FILES, private("p256")), "model.sig": b"what is this"})
    assert [(one.path, one.verified, one.why) for one in done.signatures] == [
        ("model.sig", False, "malformed"),
        ("sha256sums.txt.sig", False, "untrusted_key"),
    ]
    assert len(done.warnings) == 2
    assert "sha256sums.txt.sig" in done.warnings[1]
    assert "untrusted_key" in done.warnings[1]
    assert event(shelf)["signatures"][0]["why"] == "malformed"


def test_a_file_changed_after_it_was_signed(register: Register) -> None:
    assert register({**signed(FILES), "model.pt": b"others"}).signatures[0].why == "bad_signature"


def test_a_repeat_is_told_the_same(register: Register) -> None:
    words = {"idempotency_key": "k"}
    first = register(signed(FILES, private("p256")), **words)
    assert register(signed(FILES, private("p256")), **words) == first


def test_the_files_of_the_registry_itself_need_no_signature(register: Register) -> None:
    """Metadata is composed anew, and what the package brings of it counts for nothing."""
    files = {**FILES, "model_meta.json": b'{"description": "brought along"}'}
    signature = signed(FILES)["sha256sums.txt.sig"]
    assert register({**files, "sha256sums.txt.sig": signature}).signatures[0].verified


def test_a_bundle_of_a_package_that_is_not_registered_yet(register: Register) -> None:
    bundle = bundled(enveloped(signing.statement(name="t/m@3"), private()))
    found = register({**FILES, "early.sigstore.json": bundle}).signatures
    assert [(one.path, one.format, one.why) for one in found] == [("early.sigstore.json", "dsse", "subject_mismatch")]


def test_without_signatures_nobody_is_asked_whose_count(shelf: Shelf) -> None:
    registry = shelf.registry()

    def nobody() -> Any:
        raise AssertionError("trust was asked for")

    registry._observers = (FoundSignatures(nobody),)
    done = registry.register("t", "m", "3", write_files(shelf.sources / "3", dict(FILES)), set_alias=None)
    assert done.signatures == []
    assert "signatures" not in event(shelf)
    assert "signatures" not in done.to_dict()


def test_no_artifact_is_read_again(register: Register, monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> None:
    kind = _staging_of(shelf.storage)
    opened: list[str] = []
    plain = kind.open

    def counted(self: Staging, path: str, *more: Any) -> Any:
        opened.append(path)
        return plain(self, path, *more)

    monkeypatch.setattr(kind, "open", counted)
    register(signed({f"part-{number:03}.bin": b"weights" for number in range(200)}))
    assert opened == ["sha256sums.txt.sig"]


def _staging_of(storage: Storage) -> type[Staging]:
    with storage.packages.stage("tasks/t/models/m/versions/9") as staging:
        return type(staging)


def test_an_answer_of_later_software_can_be_read() -> None:
    said = {"path": "model.sig", "format": "x509", "signers": [{"person": "ada", "key": "ab", "more": 1}], "later": 1}
    found = SignatureJudged.recorded(said)
    assert (found.path, found.format, found.signers[0].person) == ("model.sig", "x509", "ada")
    assert json.dumps(found.to_dict())
