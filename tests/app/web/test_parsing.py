"""What a body may hold is counted before anything is made of it; work is counted here too, never seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import create_app
from app.config import Settings
from app.web.parsing import MOST_DIGITS, MOST_LEVELS, Budget, check_query
from registry_core import CoreSettings, InvalidMetadata, InvalidParameter

MIB = 1024 * 1024
BUDGET = Budget.of(4 * MIB)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def count(value: Any) -> tuple[int, int]:
    """(values with keys and containers, containers) of a document."""
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    counted = [count(part) for part in parts]
    is_container = isinstance(value, dict | list)
    return 1 + sum(values for values, _ in counted), is_container + sum(inside for _, inside in counted)


@given(JSON, st.booleans())
def test_the_count_is_exact(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    values, containers = count(value)
    Budget(values, containers).check_json(body)
    for short in (Budget(values - 1, containers), Budget(values, containers - 1)):
        with pytest.raises(InvalidParameter):
            short.check_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"files":[' + b"0," * (2 * MIB),
        b'{"files":[' + b"{}," * MIB,
        b"[" * (4 * MIB),
        b'["' + b'","' * MIB,
        b"1 " * (2 * MIB),
        b'{"a":' + b"9" * (4 * MIB) + b"}",
    ],
    ids=["values", "objects", "lists in lists", "texts", "no JSON", "one number"],
)
def test_looking_ends_at_the_first_thing_too_many(body: bytes) -> None:
    looked_at: list[None] = []

    class Counted(bytes):
        """Each token is looked at once, by its first byte."""

        def __getitem__(self, at: Any) -> Any:
            looked_at.append(None)
            return super().__getitem__(at)

    with pytest.raises((InvalidParameter, InvalidMetadata)):
        BUDGET.check_json(Counted(body))
    assert len(looked_at) <= BUDGET.values + 1


@pytest.mark.parametrize("body", [b'"' * (4 * MIB), b'"' + b'\\"' * (2 * MIB), b"\\" * (4 * MIB), b" " * (4 * MIB)])
def test_a_text_that_does_not_end_is_walked_once(body: bytes) -> None:
    """Were each quote tried anew, to the end, this would not come to an end."""
    tokens = Budget(len(body), len(body)).check_json(body)
    assert tokens <= len(body) // 2 + 1


def test_what_honest_callers_send_is_let_through() -> None:
    files = [{"path": f"f/{n:05}", "sha256": "0" * 64, "size_bytes": n} for n in range(30_000)]
    BUDGET.check_json(json.dumps({"task": "t", "model_name": "m", "files": files}).encode())
    BUDGET.check_json(json.dumps({"metadata": {"curve": [n / 7 for n in range(50_000)]}}).encode())
    BUDGET.check_json(b'{"metadata": "' + b"[{,:" * MIB + b'"}')
    BUDGET.check_json(b"[" * MOST_LEVELS + b"9" * MOST_DIGITS + b"]" * MOST_LEVELS)
    Budget.of(1024).check_json(json.dumps({str(n): n for n in range(100)}).encode())


def test_forms_and_queries_have_budgets_too() -> None:
    BUDGET.check_form(b"paths=f&" * 20_000)
    with pytest.raises(InvalidParameter):
        BUDGET.check_form(b"&" * MIB)
    check_query(b"tag=a:b&" * 400)
    with pytest.raises(InvalidParameter):
        check_query(b"a&" * 4000)


@pytest.fixture
def client(tmp_path: Path) -> Any:
    return create_app(Settings(core=CoreSettings(root=str(tmp_path)))).test_client()


def test_every_call_that_takes_json_counts_first(client: Any) -> None:
    """Of every route, so that none that comes later is forgotten."""
    rules = [rule for rule in client.application.url_map.iter_rules() if rule.rule.startswith("/v1/")]
    taking = [(rule.rule, method) for rule in rules for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}]
    counted = set()
    for path, method in taking:
        answer = client.open(path, method=method, data=b'{"a":[' + b"0," * MIB, content_type="application/json")
        if answer.status_code == 422 and "values" in answer.json["detail"]:
            assert answer.json["code"] == "invalid_parameter"
            counted.add(path)
        else:  # nothing of these is JSON, but bytes or a form
            assert path.startswith(("/v1/uploads/", "/v1/auth/log", "/v1/attestations")), path
    assert {"/v1/register", "/v1/uploads", "/v1/promote", "/v1/tags", "/v1/versions", "/v1/verify"} <= counted


def test_at_most_twenty_errors_are_told_and_all_are_counted(client: Any) -> None:
    answer = client.post("/v1/uploads", json={"task": 7, "model_name": "m", "files": [0] * 5000})
    assert answer.status_code == 422
    assert answer.json["errors_total"] == 5001
    assert len(answer.json["errors"]["files"]) + len(answer.json["errors"]["task"]) == 20
    assert "These are the first 20 of 5001 errors." in answer.json["detail"]
    assert len(answer.data) < 8192


def test_of_a_list_that_is_too_long_nothing_is_judged(client: Any) -> None:
    answer = client.post("/v1/uploads", json={"task": "t", "model_name": "m", "files": [0] * 8193})
    assert (answer.status_code, answer.json["code"]) == (413, "upload_too_large")


def test_no_answer_repeats_what_was_sent(client: Any) -> None:
    name = "x" * MIB
    for body in ({"task": name, "ref": "m@1"}, {"task": "t", "ref": name}, {name: 1}, {"task": 1, name: 1}):
        answer = client.post("/v1/verify", json=body)
        assert answer.status_code in (404, 422)
        assert len(answer.data) < 16 * 1024
    many = {"task": "t", "model_name": "m", **{f"unknown-{n:06}-{'x' * 200}": n for n in range(5000)}}
    answer = client.post("/v1/uploads", json=many)
    assert answer.status_code == 201
    assert len(answer.json["warnings"]) == 21
    assert answer.json["warnings"][-1] == "So were 4980 more."


@pytest.mark.parametrize("number", ["9" * 4_000_000, "-" + "1" * 5000, "0." + "3" * 2000, "1e" + "9" * 2000])
def test_a_number_of_millions_of_digits_is_refused(client: Any, number: str) -> None:
    body = f'{{"task": "t", "model_name": "m", "files": [], "actor": {number}}}'
    answer = client.post("/v1/uploads", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_parameter")


def test_a_query_of_thousands_of_parameters_is_refused(client: Any) -> None:
    for path in ("/v1/models", "/v1/compare", "/v1/resolve", "/v1/events"):
        answer = client.get(path + "?" + "tag=a:b&" * 900)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_parameter")


def test_a_form_of_millions_of_fields_is_refused(client: Any) -> None:
    answer = client.post(
        "/hf/api/models/t/m/paths-info/main", data=b"a&" * MIB, content_type="application/x-www-form-urlencoded"
    )
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_parameter")
