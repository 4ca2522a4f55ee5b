"""The OpenAPI document is true: generated requests never meet a 5xx or an undocumented answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.app import create_app
from api.engine.temporal import Temporal
from tests.api.conftest import auth, make_settings

PROBLEM = "application/problem+json"


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_operation_is_described_and_its_errors_are_problems(deaf_app: FastAPI) -> None:
    seen = list(operations(deaf_app))
    assert len(seen) >= 14
    for path, method, operation in seen:
        assert operation.get("summary"), (path, method)
        assert operation.get("description"), (path, method)
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                content = answer["content"]
                assert PROBLEM in content, (path, method, status)
                assert "HTTPValidationError" not in str(content), (path, method, status)


def test_document_shows_examples_and_hides_webhooks(deaf_app: FastAPI) -> None:
    document = deaf_app.openapi()
    assert document["components"]["schemas"]["StartTransferBody"]["examples"]
    assert "TransferView" in document["components"]["schemas"]
    assert not [path for path in document["paths"] if path.startswith(("/twilio", "/codec"))]
    assert {"HTTPBearer", "APIKeyHeader"} <= set(document["components"]["securitySchemes"])


class NothingThere:
    """A Temporal that holds nothing and takes everything: what is generated must not depend on
    a server's speed."""

    async def client(self) -> Client:
        return self  # type: ignore[return-value]

    async def describe(self, *given: Any) -> None:
        return None

    async def start_workflow(self, *given: Any, **more: Any) -> None:
        raise RPCError("busy", RPCStatusCode.UNAVAILABLE, b"")

    async def is_healthy(self) -> bool:
        return True

    def list_workflows(self, *given: Any, **more: Any) -> Any:
        class Listing:
            current_page = ()
            next_page_token = b""

            async def fetch_next_page(self) -> None:
                return None

        return Listing()


def app_with_nothing() -> FastAPI:
    app = create_app(make_settings())
    nothing = NothingThere()
    engine = app.state.parts.engine
    for part in (engine.records, engine.starts, engine.requests):
        part._temporal = nothing
    app.state.parts = replace(
        app.state.parts, engine=replace(engine, temporal=cast(Temporal, nothing))
    )
    return app


SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", app_with_nothing())


@SCHEMA.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_f12_generated_requests_get_documented_answers(case: Any) -> None:
    response = case.call(headers={**auth("crm"), "Idempotency-Key": "a-key"})
    assert response.status_code < 500 or response.json()["code"] == "engine_unreachable"
    case.validate_response(
        response,
        excluded_checks=[
            schemathesis.checks.not_a_server_error,  # 503 is the answer to a start, see above
            allow_header_conformance,  # Starlette names the methods of one route
            positive_data_acceptance,  # countries, cursors and roles are not in a schema
        ],
    )
