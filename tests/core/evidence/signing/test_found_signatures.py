"""Signatures that a package brings along are in its register event, whatever they are worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, NotConfigured, PolicyUnreadable
from registry_core.evidence import keys, ruling, ssh_signature
from registry_core.evidence.keys import PrivateKey
from registry_core.evidence.signing.found_signatures import FoundSignatures
from registry_core.models.registry_journal import RegistryJournal
from registry_core.packages.observed import Incoming
from registry_core.packages.sources import BytesSource
from registry_core.vocabulary.answers import Registration
from registry_core.vocabulary.evidence import SignatureJudged, Signer

from ....support.packages import write_files
from ...conftest import Shelf
from .. import signers
from ..signers import bundled, enveloped, private

FILES = {"model.pt": b"weights", "maps/human.json": b"{}"}
Register = Callable[..., Registration]


def manifest(files: Mapping[str, bytes]) -> bytes:
    return b"".join(
        f"{signers.sha256(data)}  {path}\n".encode()
        for path, data in sorted(files.items())
        if not path.endswith(".sig")
    )


def signed(files: Mapping[str, bytes], *by: Any) -> dict[str, bytes]:
    """The files, with a signature of OpenSSH over them."""
    made = ssh_signature.sign(*(by or [private()]), manifest(files), "omr-package")
    return {**files, "sha256sums.txt.sig": ssh_signature.armored(made)}


@pytest.fixture
def register(shelf: Shelf) -> Register:
    """Ada's key counts."""
    trusting(shelf, private())

    def run(files: Mapping[str, bytes], version: str = "3", **words: Any) -> Registration:
        source = write_files(shelf.sources / version, dict(files))
        return shelf.registry().register("t", "m", version, source, **{"set_alias": None, **words})

    return run


def trusting(shelf: Shelf, key: PrivateKey, **more: Any) -> None:
    listed = {"id": "laptop", "person": "ada", "type": "pem", "public": keys.public_pem(key.public), **more}
    document = {"schema": "omr-trust/1", "people": {"ada": {"groups": []}}, "keys": [listed], "revoked": []}
    journal = RegistryJournal(shelf.storage, 10)
    ruling.set_trust(journal, json.dumps(document).encode(), expected_seq=None, words=(None, None))


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


def test_where_nothing_can_be_judged_no_event_says_what_it_is_worth(
    shelf: Shelf, register: Register, without_cryptography: Callable[[], None]
) -> None:
    before = shelf.events()
    without_cryptography()
    with pytest.raises(NotConfigured) as refused:
        register({**signed(FILES), "model.sig": b"what is this"})
    assert refused.value.message == (
        "The package holds signatures (model.sig, sha256sums.txt.sig), which are judged as it is registered. "
        "Keys and signatures need cryptography: install the extra 'evidence', as with pip install '.[evidence]'."
    )
    assert refused.value.detail == {"reason": "cryptography_missing"}
    assert shelf.events() == before
    assert "3" not in shelf.model().versions()
    assert register(FILES, "4").signatures == [], "what brings no signature needs no library"


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
    bundle = bundled(enveloped(signers.statement(name="t/m@3"), private()))
    found = register({**FILES, "early.sigstore.json": bundle}).signatures
    assert [(one.path, one.format, one.why) for one in found] == [("early.sigstore.json", "dsse", "subject_mismatch")]


def test_a_key_that_is_not_valid_any_more(shelf: Shelf, register: Register) -> None:
    trusting(shelf, private(), valid_until="2026-01-01T00:00:00Z")
    assert register(signed(FILES)).signatures[0].why == "key_not_valid_then"
    trusting(shelf, private("p256"))
    assert register(signed(FILES), "4").signatures[0].why == "untrusted_key"


def test_whose_keys_count_must_be_known(shelf: Shelf, register: Register) -> None:
    """But where there is no signature nobody asks."""
    (document,) = [entry.key for entry in shelf.storage.documents.list("log/documents")]
    shelf.storage.documents.delete(document)
    done = register(FILES, "4")
    assert done.signatures == []
    assert "signatures" not in event(shelf)
    assert "signatures" not in done.to_dict()
    with pytest.raises(PolicyUnreadable):
        register(signed(FILES), "5")
    assert event(shelf)["version"] == "4"


def test_no_artifact_is_read(shelf: Shelf) -> None:
    """However many there are: what is signed is held against digests that are there already."""
    files = signed({f"part-{number:03}.bin": b"weights" for number in range(200)})
    with shelf.storage.packages.stage("tasks/t/models/m/versions/3") as staging:
        artifacts = [staging.add(path, BytesSource(data)) for path, data in files.items()]
        staging.seal()
        opened: list[str] = []

        class Counted:
            def open(self, path: str) -> Any:
                opened.append(path)
                return staging.open(path)

        incoming = Incoming(shelf.model(), "3", "sha256:" + "d" * 64, artifacts, Counted())  # type: ignore[arg-type]
        found = FoundSignatures(lambda: signers.trust(("ada", private()))).observe(incoming)
    assert [one["verified"] for one in found["signatures"]] == [True]
    assert opened == ["sha256sums.txt.sig"]


def test_an_answer_of_later_software_can_be_read() -> None:
    said = {"path": "model.sig", "format": "x509", "signers": [{"person": "ada", "key": "ab", "more": 1}], "later": 1}
    found = SignatureJudged.recorded(said)
    assert (found.path, found.format, found.signers[0].person) == ("model.sig", "x509", "ada")
    assert json.dumps(found.to_dict())


def test_a_registry_that_trusts_nobody(tmp_path: Path) -> None:
    """As one is opened: a signature is kept, and counts for nothing."""
    (tmp_path / "root").mkdir()
    done = ModelRegistry.open(tmp_path / "root").register("t", "m", "1", write_files(tmp_path / "run", signed(FILES)))
    assert [one.why for one in done.signatures] == ["untrusted_key"]
    assert "untrusted_key" in done.warnings[0]
