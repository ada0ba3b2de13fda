"""What deployed clients send and read: every call, every field, with its type.

The console and the training library of the platform were written for an older implementation. They fail where a field
is missing or of another type; more fields are fine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from ..support.packages import write_package
from .conftest import Service

TASK, MODEL = "celltype_sc", "human_pbmc"
NUMBER = (int, float)
HEX = re.compile(r"[0-9a-f]{64}")
MODELS = ("model", "model_name")


@dataclass(frozen=True)
class Call:
    """What is sent, and the form of what is read.

    A form is a type or several, a list of the values that there may be, a pattern, ``Each`` or ``Map``, or a
    dictionary: an object with these fields, of which those with ``?`` may be missing or null.
    """

    method: str
    path: str
    sent: Mapping[str, Any]
    form: Any
    status: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Each:
    """A list of values of one form; not an empty one."""

    form: Any


@dataclass(frozen=True)
class Map:
    """An object whose values are of one form; not an empty one."""

    form: Any


OK = {"ok": [True]}
VERSION = {"task": TASK, "model_name": MODEL, "version": "1"}
REF = {"task": TASK, "ref": f"{MODEL}@1"}
LISTED = {
    "task": str,
    "model_name": str,
    "version": str,
    "created_at": str,
    "metrics?": dict,
    "tags?": dict,
    "stage?": ["none", "staging", "production", "archived"],
    "description?": str,
    "framework?": str,
    "model_type?": str,
}
ALIAS = {"alias": str, "version": str, "updated_at?": str, "actor?": str}
SIDE = {"metrics": Map(NUMBER), "created_at?": str, "stage?": str, "tags?": dict}

# In this order: later calls read what earlier ones have made.
CALLS = [
    Call(
        "POST",
        "/v1/register",
        {**VERSION, "artifacts_dir": "{source}", "metadata": "{metadata}", "set_alias": "latest", "actor": "ada"},
        OK,
        201,
    ),
    Call(
        "POST",
        "/v1/register",
        {**VERSION, "artifacts_dir": "{source}", "metadata": {}, "set_alias": "latest", "actor": "ada"},
        {"ok": [False], "detail": str},
        409,
    ),
    Call(
        "POST",
        "/v1/register",
        {
            **VERSION,
            "version": "2",
            "artifacts_dir": "{source}",
            "metadata": "{metadata}",
            "set_alias": "latest",
            "actor": "ada",
        },
        OK,
        201,
    ),
    Call("PUT", "/v1/tags", {**VERSION, "key": "tissue", "value": "blood"}, OK),
    Call("POST", "/v1/stage", {**VERSION, "stage": "staging"}, {**OK, "stage": ["staging"], "version": ["1"]}),
    Call(
        "POST",
        "/v1/stage",
        {**VERSION, "version": "2", "stage": "archived", "actor": "ada"},
        {**OK, "stage": ["archived"]},
    ),
    Call("POST", "/v1/promote", {**VERSION, "alias": "production", "actor": "ada", "reason": "good"}, OK),
    Call(
        "POST",
        "/v1/promote",
        {**VERSION, "version": "none", "alias": "production", "actor": "ada", "reason": ""},
        {"ok": [False], "detail": str},
        404,
    ),
    Call("GET", "/v1/models", {}, Each(LISTED)),
    Call("GET", "/v1/aliases", {"task": TASK, "model": MODEL}, {**OK, "model_name": [MODEL], "aliases": Each(ALIAS)}),
    Call(
        "GET",
        "/v1/metrics",
        REF,
        {
            **OK,
            "version_metrics": Map(NUMBER),
            "run_history": Map(Each({"value": NUMBER, "step": int, "ts_utc?": str, "timestamp?": str})),
        },
    ),
    Call(
        "GET",
        "/v1/compare",
        {"task": TASK, "model": MODEL, "versions": ["1", "2"]},
        {**OK, "versions": {"1": SIDE, "2": SIDE}},
    ),
    Call(
        "GET",
        "/v1/artifacts",
        REF,
        {
            **OK,
            "version": ["1"],
            "files": Each({"name": str, "sha256?": HEX, "size_bytes?": int}),
        },
    ),
    Call("GET", "/v1/resolve", REF, {**OK, "path": str}),
    Call("GET", "/v1/show", REF, {**OK, "meta": {**LISTED, "run_id": str}, "package_dir": str}),
    Call("POST", "/v1/verify", REF, OK),
    Call("GET", "/v1/auth/status", {}, {"auth_enabled": bool, "mode": ["open", "jwt"], "iam_url?": str}),
]

RUN = {"task": TASK, "model_name": MODEL, "run_id": "r2"}
POINT = {"value": NUMBER, "step": int, "ts_utc?": str}
RUN_FORM = {
    "run_id": str,
    "status": ["running", "finished", "failed"],
    "started_at": str,
    "finished_at?": str,
    "params": dict,
    "tags": dict,
    "metrics_summary": Map(NUMBER),
    "task?": [TASK],
    "model_name?": [MODEL],
}
CALLS_OF_RUNS = [
    Call("POST", "/v1/runs/log-metric", {**RUN, "key": "val/loss", "value": 0.5, "step": 0}, OK),
    Call("POST", "/v1/runs/log-param", {**RUN, "key": "lr", "value": 0.001}, OK),
    Call(
        "POST",
        "/v1/runs/log-batch",
        {**RUN, "metrics": [{"key": "f1", "value": 1, "step": 1}], "params": {"epochs": 3}, "tags": {"git": "abc"}},
        OK,
    ),
    Call("POST", "/v1/runs/end", {**RUN, "status": "finished"}, OK),
    Call(
        "GET",
        "/v1/runs/list",
        {"task": TASK, "model": MODEL},
        Each({name: form for name, form in RUN_FORM.items() if name != "started_at"}),
    ),
    Call(
        "GET",
        "/v1/runs/get",
        {"task": TASK, "model": MODEL, "run_id": "r2"},
        {**OK, **RUN_FORM, "actor?": str, "metric_history": Map(Each(POINT))},
    ),
]


def faults(value: Any, form: Any, place: str = "") -> Iterator[str]:
    """In what the value is not of the form."""
    if isinstance(form, Each):
        if not isinstance(value, list) or not value:
            yield f"{place} is no list with something in it: {value!r}"
            return
        for number, item in enumerate(value):
            yield from faults(item, form.form, f"{place}[{number}]")
    elif isinstance(form, Map):
        if not isinstance(value, dict) or not value:
            yield f"{place} is no object with something in it: {value!r}"
            return
        for name, item in value.items():
            yield from faults(item, form.form, f"{place}.{name}")
    elif isinstance(form, dict):
        if not isinstance(value, dict):
            yield f"{place} is no object: {value!r}"
            return
        for name, of_field in form.items():
            found = value.get(name.removesuffix("?"))
            if not (name.endswith("?") and found is None):
                yield from faults(found, of_field, f"{place}.{name.removesuffix('?')}")
    elif isinstance(form, list):
        if value not in form:
            yield f"{place} is {value!r}, none of {form}"
    elif isinstance(form, re.Pattern):
        if not isinstance(value, str) or form.fullmatch(value) is None:
            yield f"{place} is {value!r}, not {form.pattern}"
    elif not isinstance(value, form) or (isinstance(value, bool) and form is not bool):
        yield f"{place} is a {type(value).__name__}: {value!r}"


def send(client: httpx.Client, call: Call, filled: Mapping[str, Any]) -> httpx.Response:
    sent = {name: filled.get(value, value) if isinstance(value, str) else value for name, value in call.sent.items()}
    if call.method == "GET":
        return client.get(call.path, params=sent)
    return client.request(call.method, call.path, json=sent)


def _unknown_fields(answer: httpx.Response) -> list[str]:
    content = answer.json()
    return [said for said in (content.get("warnings", []) if isinstance(content, dict) else []) if "not known" in said]


def called_otherwise(call: Call) -> Call:
    """The call with the model's other name."""
    other = dict(zip(MODELS, reversed(MODELS), strict=True))
    return replace(call, sent={other.get(name, name): value for name, value in call.sent.items()})


def test_every_call_is_answered_in_the_form_that_is_read(service: Service) -> None:
    metadata = {"metrics": {"f1": 0.5, "cells": 7}, "run_id": "r1", "framework": "torch", "model_type": "mlp"}
    filled = {"{source}": str(write_package(service.area / "source")), "{metadata}": metadata}
    run = service.root / f"tasks/{TASK}/models/{MODEL}/runs/r1/metrics"
    run.mkdir(parents=True)
    lines = [{"key": "loss", "value": 1 / step, "step": step, "ts_utc": "2026-01-01T00:00:00Z"} for step in (1, 2)]
    (run / "loss.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
        for call in [*CALLS, *CALLS_OF_RUNS]:
            answer = send(client, call, filled)
            assert answer.status_code == call.status, (str(call), answer.text)
            assert not list(faults(answer.json(), call.form)), str(call)
            assert not _unknown_fields(answer), str(call)
            if call.status == 200 and not call.sent.keys().isdisjoint(MODELS):
                again = send(client, called_otherwise(call), filled)
                assert (again.status_code, _unknown_fields(again)) == (200, []), (str(call), again.text)
                assert not list(faults(again.json(), call.form)), str(call)


def test_a_model_is_found_by_either_name_and_not_by_two(service: Service) -> None:
    source = str(write_package(service.area / "names"))
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
        body = {"task": "names", "version": "1", "artifacts_dir": source}
        for number, name in enumerate(MODELS):
            assert client.post("/v1/register", json={**body, name: f"m{number}"}).status_code == 201
        for name in MODELS:
            listed = client.get("/v1/models", params={"task": "names", name: "m1"})
            assert [item["model_name"] for item in listed.json()] == ["m1"]
            assert "X-Warnings" not in listed.headers
        both = {"task": "names", "model": "m1", "model_name": "m1"}
        assert client.get("/v1/aliases", params=both).json()["model_name"] == "m1"
        refused = client.get("/v1/aliases", params={**both, "model": "m0"})
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["model"])
        refused = client.request("DELETE", "/v1/aliases", params={**both, "model": "m0", "alias": "latest"})
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["model_name"])
        missing = client.get("/v1/aliases", params={"task": "names"})
        assert list(missing.json()["errors"]) == ["model"]


@pytest.mark.parametrize(
    ("value", "form"),
    [(True, NUMBER), ("1", NUMBER), ([], Each(str)), ({}, Map(int)), (None, str), ("sha256:0", HEX), ([1], Each(str))],
)
def test_a_wrong_form_is_noticed(value: Any, form: Any) -> None:
    assert list(faults(value, form, "x"))
    assert list(faults({"x": value}, {"x": form}))
