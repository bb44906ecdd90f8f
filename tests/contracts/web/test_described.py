"""The interface does what its OpenAPI description says, for requests that nobody thought of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contracts.web.conftest import Building, Server
from tocsin.web.table import TABLE

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ASKED = [one for one in TABLE if one.path not in ("/v1/stream", "/metrics", "/docs")]
# Only where there is something to get wrong can it be got wrong.
TRIED = [
    (one, mode)
    for one in ASKED
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or one.takes or (one.query is not None and one.query.__struct_fields__)
]


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A house with some alerts, and limits that a thousand made-up requests do not reach."""
    building = Building(Path(tmp_path_factory.mktemp("described")), reads_per_second=1e6, writes_per_second=1e6)
    building.hear()
    for _ in range(5):
        building.publish("act")
    server = Server(building)
    yield server
    server.stop()
    building.store.close()


@pytest.mark.parametrize(
    ("operation", "mode"), TRIED, ids=[f"{one.method} {one.path} {mode.value}" for one, mode in TRIED]
)
def test_answers_are_as_described(open_house: Server, operation: object, mode: GenerationMode) -> None:
    """Whatever is sent, right or wrong: no fault of ours, and status, media type and body as described."""
    method, path = operation.method, operation.path  # type: ignore[attr-defined]
    schema = schemathesis.openapi.from_dict(json.loads(open_house.get("/v1/openapi.json").body))
    schema.config.update(base_url=open_house.base)
    token = open_house.building.token()

    @hypothesis.given(case=schema[path][method].as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def every(case: schemathesis.Case) -> None:
        headers = {"Authorization": f"Bearer {token}"} if operation.scope else {}  # type: ignore[attr-defined]
        case.call_and_validate(checks=CHECKS, headers=headers)

    every()
