"""Who vouches for a version, by command: with the root in hand and over a service, with keys of every kind."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from registry_core.evidence import keys

from ...core.evidence.governed import policy, trust
from ...core.evidence.signers import private
from ...support.packages import open_registry
from ...support.servers import gunicorn
from .conftest import Done, Shell

APPROVED = {"id": "approved", "approvals": {"at_least": 1, "by": ["reviewers"], "not": ["promoter"]}}
SIGNED = {"id": "signed", "signature": {"by": ["cyd"], "covers": "package"}}
SOUND = {"id": "sound", "findings": {"none_of": ["blocking"]}}
GLASS = {"by": ["oncall"], "reason_min_characters": 10}
ADA, CYD = private(number=701), private(number=702)


def ssh_pem(key: keys.PrivateKey, password: bytes | None = None) -> bytes:
    how = NoEncryption() if password is None else BestAvailableEncryption(password)
    return bytes(key.inner.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, how))


@pytest.fixture
def vouched(shell: Shell) -> Shell:
    """t/m@1 waits for production; ada has a key of OpenSSH, cyd one in PEM."""
    registry = open_registry(shell.root)
    registry.register("t", "m", "1", shell.source, set_alias=None)
    said = trust(without=("ada", "cyd"))
    for name, key in (("ada", ADA), ("cyd", CYD)):
        groups = ["reviewers"] if name == "ada" else []
        said["people"][name] = {"groups": groups, "actors": [name]}
        said["keys"].append({"id": name, "person": name, "type": "pem", "public": keys.public_pem(key.public)})
    registry.set_trust_document(said)
    registry.set_policy("t", policy(APPROVED, SIGNED, SOUND, task="t", break_glass=GLASS))
    (shell.area / "ada").write_bytes(ssh_pem(ADA))
    (shell.area / "cyd.pem").write_bytes(keys.private_pem(CYD))
    return shell


def walk(shell: Shell, *where: str) -> None:
    """From nothing to production, and back; each step as its object says."""

    def omr(*words: str, code: int = 0) -> Any:
        done = shell.omr(*where, *words, "--json")
        assert done.code == code, done
        return done.json

    def unmet() -> list[str]:
        told = omr("gate", "t", "m@1", "production", "--actor", "cyd")
        assert (told["gated"], told["alias"], told["version"]) == (True, "production", "1")
        assert told["met"] is all(one["met"] for one in told["checks"])
        return [one["id"] for one in told["checks"] if not one["met"]]

    promote = ("promote", "t", "m", "production", "1", "--actor", "cyd", "--reason", "it works")
    assert unmet() == ["approved", "signed"]
    refused = omr(*promote, code=1)
    assert (refused["code"], [one["id"] for one in refused["checks"]]) == ("gate_not_met", ["approved", "signed"])
    approve = ("approve", "t", "m@1", "--ssh-key", "ada")
    first = omr(*approve, "--comment", "looked at ä", "--actor", "ada", "--reason", "asked to")
    assert (first["signers"][0]["person"], first["actor"], first["is_new"]) == ("ada", "ada", True)
    signed = omr("sign", "t", "m@1", "--key", "cyd.pem")
    assert (signed["covers"], signed["signers"][0]["person"]) == ("package", "cyd")
    assert unmet() == []
    rejected = omr(*approve, "--reject")
    assert unmet() == ["approved"]
    omr(*approve, "--withdraw")
    assert unmet() == ["approved"], "what is withdrawn is no approval"
    omr(*approve)
    found = omr("finding", "open", "t", "m@1", "note", "a typo", "--url", "https://lab.example/17")
    assert found["version"] == "1"
    ended = omr("finding", "resolve", "t", "m@1", str(found["id"]), "--reason", "mended")
    assert (ended["id"], ended["seq"]) == (found["id"], found["seq"] + 1)
    assert "reason" in json.dumps(omr("finding", "resolve", "t", "m@1", str(found["id"]), code=1))
    assert omr("finding", "resolve", "t", "m", "1", "1", "--reason", "x", code=3)["code"] == "finding_not_found"
    named = omr("finding", "open", "t", "m", "1", "note", "by its name and version")
    omr("finding", "resolve", "t", "m", "1", str(named["id"]), "--reason", "it was to be seen")
    (one, _) = omr("finding", "list", "t", "m@1")["findings"]
    assert (one["is_open"], one["ended_by"], one["severity"]) == (False, ended["seq"], "note")
    assert one["url"] == "https://lab.example/17"
    listed = omr("attestations", "t", "m@1")["attestations"]
    assert [one["seq"] for one in listed][:3] == [first["seq"], signed["seq"], rejected["seq"]]
    assert omr(*promote)["version"] == "1"
    assert omr("finding", "open", "t", "m@production", "note", "the version of the alias")["version"] == "1"
    (tried,) = omr("policy", "try", "t", "policy.json")["versions"]
    assert (tried["alias"], tried["named"], tried["met"]) == ("production", True, False)
    assert [check["id"] for check in tried["unmet"]] == ["second"]
    unsent = omr("sign", "t", "m@1", "--ssh-key", "ada", "--output", "own.json")
    assert (unsent["package_digest"] == listed and False) or unsent["output"] == "own.json"
    attached = omr("attest", "t", "m@1", "own.json")
    assert attached["digest"] == f"sha256:{hashlib.sha256((shell.area / 'own.json').read_bytes()).hexdigest()}"
    assert omr("attest", "t", "m@1", "own.json")["is_new"] is False


def second(shell: Shell) -> None:
    needed = {"id": "second", "approvals": {"at_least": 2, "by": ["reviewers"]}}
    (shell.area / "policy.json").write_text(json.dumps(policy(needed, task="t")))


def test_a_version_is_vouched_for_with_the_root(vouched: Shell) -> None:
    second(vouched)
    walk(vouched, "--root", str(vouched.root))


def test_and_over_a_service(vouched: Shell) -> None:
    second(vouched)
    with gunicorn(vouched.root, workers=1) as server:
        walk(vouched, "--url", server.url)
        url = ("--url", server.url)
        found = vouched.omr(*url, "finding", "open", "t", "m@1", "blocking", "mixed up", "--json").json
        for words in (
            ("finding", "resolve", "t", "m@1", str(found["id"]), "--reason", "no"),
            ("finding", "dismiss", "t", "m@1", str(found["id"]), "--reason", "no"),
            ("promote", "t", "m", "production", "1", "--actor", "oncall", "--override-reason", "the night is on fire"),
            ("policy", "clear", "t"),
        ):
            refused = vouched.omr(*url, *words)
            assert refused.code != 0
            assert "permission_denied" in refused.err, refused
    vouched.ok("finding", "dismiss", "t", "m@1", str(found["id"]), "--reason", "whoever has the root may")


def test_the_glass_is_broken_by_whoever_may_and_that_is_told_until_it_is_met(vouched: Shell) -> None:
    promote = ("promote", "t", "m", "production", "1", "--actor")
    for actor, reason, why in (
        ("cyd", "the night is on fire", "cyd is none of oncall"),
        ("oncall", "now", "less than 10 characters"),
    ):
        refused = vouched.omr(*promote, actor, "--override-reason", reason)
        assert refused.code == 1
        assert why in refused.err
    vouched.ok(*promote, "oncall", "--override-reason", "the night is on fire", "--ticket", "OPS-1")
    for words in (("resolve", "t", "m@production"), ("show", "t", "m@production")):
        told = vouched.omr(*words)
        assert told.code == 0
        assert "gate_overridden: 'production' names 1 though approved, signed are not met." in told.err
        assert "by oncall less than a minute ago: the night is on fire (OPS-1)" in told.err
    assert vouched.omr("audit", "gates").out.startswith("1 verdicts, 0 that differ")
    vouched.ok("audit", "export", "out")
    copied = vouched.omr("audit", "gates", "--from", "out", "--json")
    assert (copied.code, copied.json["verdicts"], copied.json["faults"]) == (0, 1, [])
    journal = next((vouched.area / "out").rglob("promotions.jsonl"))
    journal.write_bytes(journal.read_bytes().replace(b'"met":false', b'"met":true'))
    assert vouched.omr("audit", "gates", "--from", "out").code == 4
    vouched.ok("approve", "t", "m@1", "--ssh-key", "ada")
    vouched.ok("sign", "t", "m@1", "--key", "cyd.pem")
    assert "gate_overridden" not in vouched.omr("resolve", "t", "m@production").err


def test_keys_that_sign_nothing(vouched: Shell) -> None:
    """A key that is not there, is public, needs a password, or is nobody's: each is told, and nothing is written."""
    area, before = vouched.area, vouched.ok("history", "t", "m", "--json").json

    def approve(*words: str, stdin: str = "") -> Done:
        return vouched.omr("approve", "t", "m@1", *words, stdin=stdin)

    public = ADA.public.inner.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    (area / "ada.pub").write_bytes(public + b" ada@lab\n")
    (area / "cyd.pub").write_text(keys.public_pem(CYD.public))
    (area / "eve").write_bytes(ssh_pem(private(number=703)))
    (area / "empty").write_bytes(b"")
    for words, said in (
        (("--ssh-key", "missing"), "does not exist"),
        (("--key", str(area)), "is a directory"),
        (("--ssh-key", "ada.pub"), "public key"),
        (("--key", "cyd.pub"), "public key"),
        (("--key", "empty"), "cannot be used"),
        ((), "Name one private key"),
        (("--key", "cyd.pem", "--ssh-key", "ada"), "Name one private key"),
        (("--key", "cyd.pem", "--reject", "--withdraw"), "Either --reject or --withdraw"),
    ):
        done = approve(*words)
        assert (done.code, done.out) == (2, ""), done
        assert said in done.err, done
        as_json = approve(*words, "--json")
        assert (as_json.code, as_json.json["code"]) == (2, "wrong_usage")
    stranger = approve("--ssh-key", "eve")
    assert (stranger.code, "untrusted_key" in stranger.err or "No key of the trust" in stranger.err) == (1, True)
    for ref, code in (("m@9", 3), ("n@1", 3), ("m", 1)):
        assert vouched.omr("approve", "t", ref, "--ssh-key", "ada").code == code, ref
    for words in (("attest", "t", "m@1"), ("attest", "t", "m@1", "ada", "--from-package", "x")):
        assert vouched.omr(*words).code == 2
    assert vouched.omr("attest", "t", "m@1", "ada").code == 1
    assert "has more than 16777216 bytes" in vouched.omr("attest", "t", "m@1", "/dev/zero").err, "it has no end"
    for words in (
        ("open", "t", "m@1", "fatal", "x"),
        ("open", "t", "m", "1", "fatal", "x"),
        ("open", "t", "m@1", "note"),
        ("open", "t", "m@1", "1", "note", "x"),
        ("open", "t", "m@1", "note", "a", "title"),
        ("resolve", "t", "m@1"),
        ("resolve", "t", "m@1", "0"),
        ("dismiss", "t", "m@1", "one"),
    ):
        assert vouched.omr("finding", *words).code == 2, words
    wrong = vouched.omr("finding", "open", "t", "m@1", "note").err
    assert "It takes TASK REF SEVERITY TITLE." in wrong
    for ref, code in (("m@9", 3), ("n@1", 3), ("m", 1)):
        assert vouched.omr("finding", "open", "t", ref, "note", "x").code == code, ref
    assert vouched.ok("history", "t", "m", "--json").json == before
    (area / "locked").write_bytes(ssh_pem(ADA, b"secret"))
    assert approve("--ssh-key", "locked", stdin="wrong\n").code == 2
    assert approve("--ssh-key", "locked", stdin="secret\n").code == 0
    assert approve("--ssh-key", "locked", "--json").code != 0, "nobody is there to be asked"
