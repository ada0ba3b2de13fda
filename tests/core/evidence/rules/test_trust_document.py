"""A trust document is understood whole, or refused with the field that is wrong; it tells whose a key was, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence.rules.trust_document import EMPTY, TrustDocument, TrustedKey, parse
from registry_core.vocabulary.evidence_errors import TrustInvalid

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def pem(public: Any) -> str:
    return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


ADA = Ed25519PrivateKey.generate().public_key()
SSH = ADA.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
PEM = pem(generate_private_key(SECP256R1()).public_key())
LAPTOP = {"id": "laptop", "person": "ada", "type": "ssh", "public": SSH}
CI_KEY = {"id": "ci-2026", "person": "ci", "type": "pem", "public": PEM, "valid_until": "2027-01-01T00:00:00Z"}
FULL: dict[str, Any] = {
    "schema": "omr-trust/1",
    "people": {
        "trainer": {},
        "ada": {"groups": ["reviewers"], "principals": ["https://id.lab.example|8c1f"]},
        "ci": {"groups": ["evaluators"], "actors": ["ci-bot"]},
    },
    "keys": [{**LAPTOP, "valid_from": "2026-01-01T01:00:00+01:00"}, CI_KEY],
    "revoked": [{"key": "laptop", "at": "2026-11-26T21:00:00Z", "reason": "stolen"}],
}


def document(fields: dict[str, Any], now: datetime | None = None) -> TrustDocument:
    return parse(json.dumps(fields).encode(), now)


def key_of(found: TrustDocument, id_: str) -> TrustedKey:
    return next(key for key in found.keys.values() if key.id == id_)


def test_all_that_a_document_can_say() -> None:
    found = document(FULL)
    assert found.people["ada"].groups == {"reviewers"}
    assert found.people["trainer"].principals == frozenset()
    laptop, ci = key_of(found, "laptop"), key_of(found, "ci-2026")
    assert (laptop.person, laptop.valid_from, laptop.valid_until) == ("ada", datetime(2026, 1, 1, tzinfo=UTC), None)
    assert (ci.person, ci.valid_until) == ("ci", datetime(2027, 1, 1, tzinfo=UTC))
    assert found.revoked[laptop.public.sha256].reason == "stolen"
    assert document({"schema": "omr-trust/1"}) == EMPTY


def test_a_key_counts_within_its_time_and_before_it_is_revoked() -> None:
    found = document(FULL)
    laptop, ci = key_of(found, "laptop"), key_of(found, "ci-2026")
    assert laptop.valid_from is not None
    assert ci.valid_until is not None
    revoked_at, step = found.revoked[laptop.public.sha256].at, timedelta(microseconds=1)
    assert found.then(laptop.public.sha256, laptop.valid_from) is laptop
    assert found.then(laptop.public.sha256, laptop.valid_from - step) == "key_not_valid_then"
    assert found.then(laptop.public.sha256, revoked_at - step) is laptop
    assert found.then(laptop.public.sha256, revoked_at) == "key_not_valid_then"
    assert found.then(ci.public.sha256, ci.valid_until - step) is ci
    assert found.then(ci.public.sha256, ci.valid_until) == "key_not_valid_then"
    assert found.then("0" * 64, NOW) == "untrusted_key"


def test_what_a_key_has_signed_helps_while_it_is_its_person_s_and_not_revoked() -> None:
    found = document(FULL)
    laptop, ci = key_of(found, "laptop").public.sha256, key_of(found, "ci-2026").public.sha256
    assert found.counts_now(ci, "ci")
    assert not found.counts_now(ci, "ada")
    assert not found.counts_now(laptop, "ada")
    assert not found.counts_now("0" * 64, "ci")
    ended = document({**FULL, "keys": [LAPTOP, {**CI_KEY, "valid_until": "2020-01-01T00:00:00Z"}], "revoked": []})
    assert ended.counts_now(ci, "ci")  # its end judges the moment of attaching


@pytest.mark.parametrize(
    ("said", "person"),
    [
        ({"principal": {"iss": "https://id.lab.example", "sub": "8c1f"}, "actor": "ci-bot"}, "ada"),
        ({"principal": {"iss": "https://id.lab.example", "sub": "8c1f2"}, "actor": "ci-bot"}, None),
        ({"principal": {"iss": "https://other.example", "sub": "8c1f"}, "actor": "ci-bot"}, None),
        ({"principal": {"sub": "8c1f"}, "actor": "ci-bot"}, None),
        ({"principal": {"iss": ["https://id.lab.example"], "sub": "8c1f"}}, None),
        ({"principal": {}, "actor": "ci-bot"}, None),
        ({"principal": "https://id.lab.example|8c1f", "actor": "ci-bot"}, None),
        ({"actor": "ci-bot"}, "ci"),
        ({"principal": None, "actor": "ci-bot"}, "ci"),
        ({"actor": "ada"}, None),
        ({"actor": "CI-bot"}, None),
        ({"actor": None}, None),
        ({"actor": ["ci-bot"]}, None),
        ({}, None),
    ],
)
def test_who_somebody_is(said: dict[str, Any], person: str | None) -> None:
    assert document(FULL).person_of(said) == person


def test_a_person_is_meant_by_its_name_or_a_group() -> None:
    found = document(FULL)
    assert found.is_one_of("ada", ["oncall", "reviewers"])
    assert found.is_one_of("ada", ["ada"])
    assert not found.is_one_of("ada", ["evaluators", "ci"])
    assert not found.is_one_of("reviewers", ["reviewers"])
    assert not EMPTY.is_one_of("ada", ["ada"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schema": "omr-trust/2"}, "schema"),
        ({"schema": None}, "schema"),
        ({"groups": {}}, "groups"),
        ({"people": []}, "people"),
        ({"people": {"ada": []}}, "people.ada"),
        ({"people": {"ada": {"group": []}}}, "people.ada.group"),
        ({"people": {"ada": {"groups": "reviewers"}}}, "people.ada.groups"),
        ({"people": {"ada": {"groups": [7]}}}, "people.ada.groups[0]"),
        ({"people": {" ada": {}}}, "people. ada"),
        ({"people": {"": {}}}, "people."),
        ({"people": {"a\nb": {}}}, "people.a\nb"),
        ({"people": {"\ud800": {}}}, "people.\\ud800"),
        ({"people": {"ada\u200b": {}}}, "people.ada\u200b"),
        ({"people": {"ada": {"groups": ["re\u0301viseurs"]}}}, "people.ada.groups[0]"),
        ({"people": {"ada": {"actors": ["ada\u202e"]}}}, "people.ada.actors[0]"),
        ({"people": {"ada": {"groups": ["ci"]}, "ci": {}}}, "people.ada.groups"),
        ({"people": {"ada": {"principals": ["ada@lab.example"]}}}, "people.ada.principals[0]"),
        ({"people": {"ada": {"principals": ["https://id.lab.example|"]}}}, "people.ada.principals[0]"),
        ({"people": {"ada": {"principals": ["a|b"]}, "bob": {"principals": ["a|b"]}}}, "people.bob.principals"),
        ({"people": {"ada": {"actors": ["x"]}, "bob": {"actors": ["x"]}}}, "people.bob.actors"),
        ({"keys": {}}, "keys"),
        ({"keys": [{**LAPTOP, "id": f"k{at}"} for at in range(501)]}, "keys"),
        ({"keys": [{**LAPTOP, "valid": True}]}, "keys[0].valid"),
        ({"keys": [{name: LAPTOP[name] for name in LAPTOP if name != "person"}]}, "keys[0].person"),
        ({"keys": [{**LAPTOP, "person": "bob"}]}, "keys[0].person"),
        ({"keys": [{**LAPTOP, "person": "reviewers"}]}, "keys[0].person"),
        ({"keys": [{**LAPTOP, "type": "gpg"}]}, "keys[0].type"),
        ({"keys": [{**LAPTOP, "type": "pem"}]}, "keys[0].public"),
        ({"keys": [{**LAPTOP, "public": "ssh-ed25519 AAAA"}]}, "keys[0].public"),
        ({"keys": [{**LAPTOP, "public": "-----BEGIN PRIVATE KEY-----"}]}, "keys[0].public"),
        ({"keys": [{**LAPTOP, "valid_from": "2026-01-01T00:00:00"}]}, "keys[0].valid_from"),
        ({"keys": [{**LAPTOP, "valid_from": "2026-01-01"}]}, "keys[0].valid_from"),
        ({"keys": [{**LAPTOP, "valid_until": 1}]}, "keys[0].valid_until"),
        ({"keys": [{**CI_KEY, "valid_from": "2027-01-01T00:00:00Z"}]}, "keys[0].valid_until"),
        ({"keys": [LAPTOP, {**CI_KEY, "id": "laptop"}]}, "keys[1].id"),
        ({"keys": [LAPTOP, {**LAPTOP, "id": "other"}]}, "keys[1].public"),
        ({"keys": [LAPTOP, {**LAPTOP, "id": "other", "person": "ci"}]}, "keys[1].public"),
        ({"keys": [LAPTOP, {"id": "other", "person": "ci", "type": "pem", "public": pem(ADA)}]}, "keys[1].public"),
        ({"revoked": [{"key": "desktop", "at": "2026-11-26T21:00:00Z"}]}, "revoked[0].key"),
        ({"revoked": [{"key": "laptop"}]}, "revoked[0].at"),
        ({"revoked": [{"key": "laptop", "at": "yesterday"}]}, "revoked[0].at"),
        ({"revoked": [{"key": "laptop", "at": "2026-11-26T21:00:00Z", "reason": 7}]}, "revoked[0].reason"),
        ({"revoked": [{"key": "laptop", "at": "2026-11-26T21:00:00Z"}] * 2}, "revoked[1].key"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(TrustInvalid) as refused:
        document({**FULL, **change})
    assert refused.value.detail["field"] == field
    assert field in refused.value.message


def test_nobody_plans_a_revocation() -> None:
    ahead = NOW + timedelta(minutes=5)
    planned = {**FULL, "revoked": [{"key": "laptop", "at": ahead.isoformat()}]}
    assert document(planned, NOW).revoked
    with pytest.raises(TrustInvalid, match="valid_until") as refused:
        document(planned, NOW - timedelta(microseconds=1))
    assert refused.value.detail["field"] == "revoked[0].at"
    assert document(planned).revoked  # what holds already is read whatever the clock says


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda part: st.lists(part, max_size=3))


@given(st.sampled_from(sorted(FULL)), JSON)
def test_whatever_stands_somewhere_it_is_read_or_refused(name: str, value: Any) -> None:
    try:
        document({**FULL, name: value})
    except TrustInvalid as refused:
        assert refused.detail["field"]
