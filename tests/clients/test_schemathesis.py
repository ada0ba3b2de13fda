"""schemathesis, which makes requests of the published description, finds that the service keeps to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FailedHealthCheck, Unsatisfiable
from schemathesis import checks
from schemathesis.generation import GenerationMode

from ..app.conftest import scratch
from ..app.curl import post
from ..app.web.test_openapi import CALLS
from ..support.fuzzing import SOAK_S, for_the_time_of_a_soak
from ..support.packages import write_package
from ..support.servers import gunicorn

EXAMPLES = 4  # of each call; a soak goes on for as long as it is told
STREAMS = {"/v1/events"}  # answers for ever
OF_GUNICORN = {414, 431}  # refused before the service sees it, because the address or a header is too long
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def api_schema() -> Iterator[Any]:
    """The description as the service publishes it, over a registry with one version in it."""
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        with gunicorn(root) as server:
            source = write_package(area / "source")
            body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source)}
            assert post(f"{server.url}/v1/register", body).status == 201
            yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


MODES = pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)


@MODES
def test_the_service_keeps_to_its_description(api_schema: Any, mode: GenerationMode) -> None:
    """Generated requests, good and bad: no fault, no undescribed status, media type or body."""
    tried = generate(api_schema, mode, settings(max_examples=EXAMPLES, derandomize=True))
    called = {(path, method) for path, methods in CALLS.items() for method in methods}
    assert mode == GenerationMode.NEGATIVE or called <= tried
    assert ("/v1/register", "post") in tried


@pytest.mark.slow
@pytest.mark.timeout(SOAK_S + 900)
@MODES
def test_the_service_keeps_to_its_description_for_long(api_schema: Any, mode: GenerationMode) -> None:
    for_the_time_of_a_soak(lambda: generate(api_schema, mode, settings(max_examples=2 * EXAMPLES, derandomize=False)))


def generate(api_schema: Any, mode: GenerationMode, how: settings) -> set[tuple[str, str]]:
    """The calls that were made: so many of each operation, and each answer is looked at."""
    tried = set()
    for result in api_schema.get_all_operations():
        operation = result.ok()
        if operation.path in STREAMS:
            continue

        @settings(
            how,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[check for check in HealthCheck if check != HealthCheck.filter_too_much],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def keeps(case: Any) -> None:
            tried.add((case.path, case.method.lower()))
            response = case.call(timeout=100)
            if response.status_code not in OF_GUNICORN:
                case.validate_response(response, checks=CHECKS)

        try:
            keeps()
        except (Unsatisfiable, FailedHealthCheck):  # nothing can be wrong with a call that takes nothing, or any text
            assert (operation.path, operation.method.lower()) not in tried
    return tried


def test_real_answers_keep_to_the_description(api_schema: Any) -> None:
    """Generated requests seldom name what is there; these do."""
    ref = {"task": "t", "ref": "m@latest"}
    model = {"task": "t", "model": "m"}
    promote = {"task": "t", "model_name": "m", "alias": "staging", "version": "1"}
    for path, method, request in (
        ("/v1/resolve", "GET", {"query": {**ref, "unknown": "1"}}),
        ("/v1/show", "GET", {"query": ref}),
        ("/v1/artifacts", "GET", {"query": ref}),
        ("/v1/verify", "POST", {"body": ref}),
        ("/v1/promote", "POST", {"body": promote}),
        ("/v1/aliases", "GET", {"query": model}),
        ("/v1/history", "GET", {"query": model}),
        ("/v1/history", "GET", {"query": {**model, "order": "desc", "limit": 1}}),
        ("/v1/history", "GET", {"query": {"limit": 1}}),
    ):
        response = api_schema[path][method].Case(**request).call_and_validate(checks=CHECKS)
        assert response.status_code == 200, path
