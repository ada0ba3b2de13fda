"""Every answer of 400 and above is a complete problem document, with a code that a program can act on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..support.packages import write_files, write_package
from ..support.servers import PREFIX, gunicorn, nginx
from .conftest import Service
from .curl import PROBLEM, Answer, assert_problem, curl, get, post

MIB = 1024 * 1024


def register(service: Service, name: str, **fields: Any) -> Answer:
    """A registration of a small package as version 1 of the model ``name``; ``fields`` win."""
    source = service.area / name
    if not source.exists():
        write_package(source)
    body = {"task": "t", "model_name": name, "version": "1", "artifacts_dir": str(source)}
    return post(f"{service.url}/v1/register", {**body, **fields})


# what the framework refuses


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/resolve/", "/v1//resolve", "/docs/assets/none.js"])
def test_an_unknown_path_is_a_problem(service: Service, path: str) -> None:
    assert_problem(curl("--path-as-is", service.url + path), 404, "no_such_path")


def test_a_path_that_climbs_is_a_problem(service: Service) -> None:
    for path in ("/docs/assets/../../../../etc/passwd", "/docs/assets/%2e%2e/%2e%2e/etc/passwd", "/%00"):
        answer = curl("--path-as-is", service.url + path)
        # nginx itself refuses an address that leaves its root
        assert_problem(answer, answer.status, {404: "no_such_path", 400: "malformed_request"}[answer.status])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/register", {"OPTIONS", "POST"}),
        ("PUT", "/v1/promote", {"OPTIONS", "POST"}),
        ("POST", "/v1/resolve", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/health", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_method_that_is_not_allowed(service: Service, method: str, path: str, allowed: set[str]) -> None:
    answer = curl("-X", method, service.url + path)
    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("path", ["/v1/register", "/v1/promote", "/v1/verify"])
def test_a_body_that_is_not_declared_json(service: Service, path: str, content_type: str) -> None:
    header = f"Content-Type: {content_type}" if content_type else "Content-Type:"
    answer = curl("-X", "POST", service.url + path, "-H", header, "--data-binary", '{"task": "t"}')
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_body_without_anything(service: Service) -> None:
    assert_problem(curl("-X", "POST", service.url + "/v1/verify"), 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/merge-patch+json"])
def test_variants_of_the_json_media_type_are_taken(service: Service, content_type: str) -> None:
    answer = curl("-X", "POST", service.url + "/v1/verify", "-H", f"Content-Type: {content_type}", "-d", "{}")
    assert_problem(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"{'task': 't'}", b'{"task": "t"', b"\xff\xfe", b'{"task": "\xff"}', b"nul", b"[1,]"],
)
def test_malformed_json_is_400(service: Service, body: bytes) -> None:
    answer = post(f"{service.url}/v1/verify", body)
    if body == b"":  # an empty body is an empty request
        assert_problem(answer, 422, "invalid_request")
    else:
        assert_problem(answer, 400, "malformed_request")


@pytest.mark.parametrize("body", [b"null", b"[]", b'[{"task": "t"}]', b'"text"', b"17", b"true"])
@pytest.mark.parametrize("path", ["/v1/register", "/v1/promote", "/v1/verify"])
def test_json_that_is_no_object_is_422(service: Service, path: str, body: bytes) -> None:
    assert_problem(post(service.url + path, body), 422, "invalid_request")


def test_a_schema_failure_names_every_field(service: Service) -> None:
    problem = assert_problem(
        post(f"{service.url}/v1/register", {"model_name": 7, "version": ["1"], "metadata": "none", "actor": {}}),
        422,
        "invalid_request",
    )
    assert set(problem["errors"]) == {"task", "model_name", "version", "artifacts_dir", "metadata", "actor"}
    assert all(isinstance(why, list) and why for why in problem["errors"].values())
    assert all(field in problem["detail"] for field in problem["errors"])
    query = assert_problem(get(f"{service.url}/v1/history", limit="many", after="-1"), 422, "invalid_request")
    assert set(query["errors"]) == {"task", "model", "limit", "after"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large(service: Service, chunked: bool) -> None:
    body = b'{"task": "' + b"x" * (5 * MIB) + b'"}'
    arguments = ("-H", "Transfer-Encoding: chunked") if chunked else ()
    assert_problem(post(f"{service.url}/v1/register", body, *arguments), 413, "body_too_large")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_document_is_taken_up_to_its_limit_and_refused_beyond(service: Service, chunked: bool) -> None:
    """Larger than any JSON: the refusal reaches whoever sends one byte more, or asks for nothing that there is."""
    address = f"{service.url}/v1/attestations?task=t&ref=none@1"
    arguments = ("-H", "Transfer-Encoding: chunked") if chunked else ()
    most = bytes(16 * MIB)
    assert_problem(post(address, most, *arguments), 404, "model_not_found")
    assert_problem(post(f"{service.url}/v1/attestations", most, *arguments), 422, "invalid_request")
    assert_problem(post(f"{service.url}/v1/attestations", most, *arguments, method="PATCH"), 405, "method_not_allowed")
    assert_problem(post(address, most + b"!", *arguments), 413, "body_too_large")


def test_a_chunked_body_is_not_cut_off_to_something_valid(service: Service) -> None:
    """What stands within the limit would be a good request; what comes behind it must not be lost in silence."""
    good = b'{"task": "t", "ref": "m@latest"}'
    body = good + b" " * (4 * MIB) + b"!"
    answer = post(f"{service.url}/v1/verify", body, "-H", "Transfer-Encoding: chunked")
    assert_problem(answer, 413, "body_too_large")
    small = post(f"{service.url}/v1/verify", good + b" " * MIB, "-H", "Transfer-Encoding: chunked")
    assert_problem(small, 404, "model_not_found")


def test_a_long_address_reaches_the_service(service: Service) -> None:
    answer = curl(service.url + "/v1/resolve?task=t&ref=" + "x" * 7500)
    assert_problem(answer, 422, "invalid_ref")


def test_a_huge_address_and_huge_headers(service: Service) -> None:
    """gunicorn's own parse errors stay plain; behind nginx they are problems too."""
    answers = [
        curl(service.url + "/v1/resolve?ref=" + "x" * 40_000),
        curl(service.url + "/health", "-H", "X-Long: " + "x" * 40_000),
    ]
    for answer in answers:
        assert 400 <= answer.status < 500
        if answer.headers.get("server") == "nginx":
            assert_problem(answer, answer.status, answer.json["code"])


# what bodies may hide


def test_the_last_of_duplicate_keys_counts(service: Service) -> None:
    body = b'{"task": "first", "task": "second", "ref": "m@latest"}'
    problem = assert_problem(post(f"{service.url}/v1/verify", body), 404, "model_not_found")
    assert "second" in problem["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have(service: Service, number: str) -> None:
    source = write_files(service.area / f"number-{number}", {"model.pt": b"x"})
    body = f'{{"task": "t", "model_name": "numbers", "version": "{number.strip("-")}", "artifacts_dir": "{source}", '
    answer = post(f"{service.url}/v1/register", body + f'"metadata": {{"a": [{number}]}}}}')
    assert_problem(answer, 422, "invalid_metadata")
    assert_problem(get(f"{service.url}/v1/aliases", task="t", model="numbers"), 404, "model_not_found")


@pytest.mark.parametrize("depth", [65, 900, 100_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_json_that_is_nested_too_deep(service: Service, depth: int, brackets: str) -> None:
    opening = "[" if brackets == "[]" else '{"a":'
    deep = opening * depth + "1" + brackets[1] * depth
    source = write_files(service.area / f"deep-{depth}-{brackets}", {"model.pt": b"x"})
    body = f'{{"task": "t", "model_name": "deep", "version": "1", "artifacts_dir": "{source}", '
    body += f'"metadata": {{"m": {deep}}}}}'
    assert_problem(post(f"{service.url}/v1/register", body), 422, "invalid_metadata")
    assert_problem(get(f"{service.url}/v1/aliases", task="t", model="deep"), 404, "model_not_found")


def test_text_that_is_not_unicode(service: Service) -> None:
    answer = register(service, "surrogate", metadata={"note": "\ud800"})
    assert_problem(answer, 422, "invalid_metadata")
    assert_problem(register(service, "surrogate", actor="\ud800"), 422, "invalid_parameter")
    # The name is still free.
    assert register(service, "surrogate").status == 201


def test_a_name_that_is_not_unicode(service: Service) -> None:
    for field in ("task", "model_name", "version", "set_alias"):
        assert_problem(register(service, "bad-names", **{field: "a\ud800b"}), 422, "invalid_name")
    assert_problem(register(service, "bad-names", artifacts_dir="/\ud800"), 422, "artifacts_refused")
    assert_problem(curl(f"{service.url}/v1/resolve?task=a&ref=%ff@latest"), 422, "invalid_name")
    assert_problem(curl(f"{service.url}/v1/resolve?task=%00&ref=m@latest"), 422, "invalid_name")


# what the core refuses


def test_refusals_of_the_core(service: Service) -> None:
    """One of each code that a caller can cause, with the fields that go with it."""
    url = service.url
    assert register(service, "refusals").status == 201
    assert_problem(register(service, "refusals", model_name="../escape"), 422, "invalid_name")
    assert_problem(get(f"{url}/v1/resolve", task="t", ref="no-selector"), 422, "invalid_ref")
    assert_problem(register(service, "refusals", artifacts_dir="relative"), 422, "artifacts_refused")
    assert_problem(get(f"{url}/v1/resolve", task="t", ref="nobody@latest"), 404, "model_not_found")
    assert_problem(get(f"{url}/v1/resolve", task="t", ref="refusals@nothing"), 404, "version_not_found")
    promote = {"task": "t", "model_name": "refusals", "alias": "production", "version": "none"}
    assert_problem(post(f"{url}/v1/promote", promote), 404, "version_not_found")
    assert_problem(register(service, "refusals", version="latest"), 422, "invalid_name")

    exists = assert_problem(register(service, "refusals", actor="second"), 409, "version_exists")
    shown = get(f"{url}/v1/show", task="t", ref="refusals@1").json
    created_at = shown["meta"]["created_at"]
    assert exists["existing"] == {
        "package_digest": shown["package_digest"],
        "created_at": created_at,
        "actor": None,
    }
    assert exists["same_content"] is True
    other = write_files(service.area / "other", {"model.pt": b"other"})
    differs = assert_problem(register(service, "refusals", artifacts_dir=str(other)), 409, "version_exists")
    assert differs["same_content"] is False

    manifest = f"{'0' * 64}  model.pt\n".encode()
    lying = write_files(service.area / "lying", {"model.pt": b"x", "sha256sums.txt": manifest})
    mismatch = assert_problem(
        register(service, "refusals", version="2", artifacts_dir=str(lying)), 422, "digest_mismatch"
    )
    assert [problem["path"] for problem in mismatch["problems"]] == ["model.pt"]


def test_damage_is_named_the_same_by_resolve_show_and_verify(service: Service) -> None:
    assert register(service, "damaged").status == 201
    damaged = service.root / "tasks/t/models/damaged/versions/1/model.pt"
    damaged.chmod(0o644)
    data = bytearray(damaged.read_bytes())
    data[100] ^= 1
    damaged.write_bytes(data)
    query = {"task": "t", "ref": "damaged@latest"}
    answers = [
        get(f"{service.url}/v1/resolve", **query),
        get(f"{service.url}/v1/show", **query, verify="true"),
        post(f"{service.url}/v1/verify", query),
    ]
    problems = [assert_problem(answer, 409, "package_corrupt")["problems"] for answer in answers]
    assert problems[0] == problems[1] == problems[2]
    assert [(problem["path"], problem["kind"]) for problem in problems[0]] == [("model.pt", "changed")]
    assert problems[0][0]["expected"] != problems[0][0]["actual"]
    for unproven in ("resolve", "show"):
        assert get(f"{service.url}/v1/{unproven}", **query, verify="false").status == 200


def test_no_answer_shows_a_path_of_the_server(service: Service) -> None:
    """But for one that the caller sent, or asked for (package_path, path, package_dir)."""
    assert register(service, "paths").status == 201
    (service.root / "tasks/t/models/paths/versions/1/sha256sums.txt").chmod(0o644)
    (service.root / "tasks/t/models/paths/versions/1/sha256sums.txt").write_bytes(b"")
    answers = [
        register(service, "paths", artifacts_dir=str(service.area / "missing")),
        register(service, "paths"),
        get(f"{service.url}/v1/resolve", task="t", ref="paths@latest"),
        get(f"{service.url}/v1/resolve", task="t", ref="paths@other"),
    ]
    assert [answer.status for answer in answers] == [422, 409, 409, 404]
    for answer in answers:
        assert str(service.root) not in answer.body


# what the storage refuses


@pytest.mark.parametrize("behind_nginx", [False, True])
def test_not_configured_is_503_and_says_what_to_set(behind_nginx: bool) -> None:
    with gunicorn(None, workers=1) as server, nginx([server.url]) as proxied:
        url = proxied if behind_nginx else server.url
        health = get(f"{url}/health")
        assert (health.status, health.json["ok"]) == (200, True)
        assert health.json["registry_root_configured"] is False
        calls: list[Callable[[], Answer]] = [
            lambda: get(f"{url}/v1/resolve", task="t", ref="m@latest"),
            lambda: post(
                f"{url}/v1/register", {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": "/nothing"}
            ),
            lambda: get(f"{url}/health/ready"),
        ]
        for call in calls:
            problem = assert_problem(call(), 503, "not_configured")
            assert problem["reason"] == "root_not_set"
            assert PREFIX + "ROOT" in problem["detail"]
        assert get(f"{url}/v1/auth/status").status == 200


def test_a_full_disk_is_507_and_gives_the_space_back(small_disk: Callable[[int], Path], area: Path) -> None:
    disk = small_disk(16 * MIB)
    source = write_files(area / "source", {"model.pt": os.urandom(32 * MIB)})
    settings = {PREFIX + "MIN_FREE_BYTES": "0", PREFIX + "ARTIFACTS_ALLOWED_ROOTS": str(area)}
    with gunicorn(disk, workers=1, env=settings) as server, nginx([server.url]) as url:
        for address in (server.url, url):
            body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source)}
            assert_problem(post(f"{address}/v1/register", body), 507, "storage_full")
            assert not any(path.is_file() and path.stat().st_size > MIB for path in disk.rglob("*"))
        small = write_package(area / "small")
        assert post(f"{url}/v1/register", {**body, "artifacts_dir": str(small)}).status == 201


def test_a_broken_upstream_is_a_problem_made_by_nginx(tmp_path: Path) -> None:
    with gunicorn(tmp_path, workers=1) as server, nginx([server.url]) as url:
        server.kill()
        answer = curl(f"{url}/health", "-H", "X-Request-Id: kept-1")
        assert_problem(answer, 502, "bad_gateway")
        assert answer.headers["x-request-id"] == "kept-1"


def test_problems_are_the_same_by_head(service: Service) -> None:
    answer = curl("--head", "-o", "/dev/null", service.url + "/v1/nothing")
    assert answer.status == 404
    assert answer.headers["content-type"] == PROBLEM


def test_the_answer_is_json_of_finite_numbers(service: Service) -> None:
    """``json.loads`` takes NaN; what the service sends must be JSON for every other reader too."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert register(service, "finite", metadata={"a": 1e308, "b": -0.0}).status == 201
    json.loads(get(f"{service.url}/v1/show", task="t", ref="finite@latest").body, parse_constant=refuse)
