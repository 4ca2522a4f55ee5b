"""Every error is an `application/problem+json` that a person can act on. Never a bare 500.

A problem tells what is wrong and what would be right. It holds no internals: no exception texts, no
addresses of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

log = structlog.get_logger("handover.api")

MEDIA_TYPE = "application/problem+json"
UNION_TAGS = frozenset({"text", "object"})
"""Marks that the schemas put into the path of a fault; nothing that a caller wrote."""


class FieldFault(BaseModel):
    """One field that is wrong, and what would be right."""

    field: str = Field(examples=["targets.0.ring_seconds"])
    message: str = Field(examples=["should be at most 120"])


class ProblemBody(BaseModel):
    """An error, after RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:handover:problem:transfer_in_progress"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    code: str = Field(examples=["transfer_in_progress"])
    detail: str = Field(examples=["This call is being transferred already."])
    errors: list[FieldFault] | None = None


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised anywhere below a route; answered as `application/problem+json`."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def response(self) -> JSONResponse:
        """The answer to send."""
        body = {
            "type": f"urn:handover:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }
        headers = {"Cache-Control": "no-store", **self.headers}
        return JSONResponse(body, self.status, headers, media_type=MEDIA_TYPE)


def unknown() -> Problem:
    """404, the same for what does not exist and for what the asker may not know of."""
    return Problem(404, "not_found", "There is no such thing, or you are not part of it.")


def unreachable() -> Problem:
    """503: the engine did not answer in time. Whether a start took effect is not known."""
    return Problem(
        503,
        "engine_unreachable",
        "The engine did not answer in time. Try again; with the same Idempotency-Key nothing is "
        "done twice.",
        {"Retry-After": "2"},
    )


def provider_down() -> Problem:
    """503: Twilio is down, so nothing new is begun. Nothing was started."""
    return Problem(
        503,
        "provider_down",
        "Twilio cannot be had at the moment, so no new transfer is begun. Calls in progress are "
        "kept. Try again in some seconds, with the same Idempotency-Key.",
        {"Retry-After": "5"},
    )


def invalid(*faults: FieldFault) -> Problem:
    """422 that names each field and says what would be right."""
    detail = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:3])
    errors = [fault.model_dump() for fault in faults[:50]]
    return Problem(422, "validation_error", detail or "The request is not valid.", errors=errors)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: each status as a problem."""
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "model": ProblemBody,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Every way in which a request can go wrong ends in a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - tells the type checker what was registered
    return error.response()


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the same
    return invalid(*(_fault(each) for each in error.errors())).response()


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - the same
    status = HTTPStatus(error.status_code)
    words = {
        400: "The body could not be read.",
        404: "There is nothing at this address.",
        405: "This address knows other methods only.",
    }
    detail = words.get(status, status.phrase)
    code = status.name.lower()
    return Problem(status, code, detail, error.headers).response()


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    route = getattr(request.scope.get("route"), "path", "")
    log.error("request failed", route=route, error=type(error).__name__, exc_info=error)
    detail = "Something is wrong on our side. It was logged; trying again may help."
    return Problem(500, "internal_error", detail).response()


def _fault(error: Mapping[str, Any]) -> FieldFault:
    """One pydantic error in our words, without what was sent: it may be somebody's number."""
    parts = [str(part) for part in error["loc"] if part not in UNION_TAGS]
    if parts and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    context = error.get("ctx") or {}
    words = {
        "extra_forbidden": "is not a field that this request knows",
        "missing": "is missing",
        "json_invalid": "the body should be JSON",
        "string_pattern_mismatch": f"should match {context.get('pattern', '')}",
        "value_error": str(context.get("error", "")),
    }
    message = words.get(error["type"]) or str(error["msg"])
    if message.startswith("Input should "):
        message = message.removeprefix("Input ")
    if error["type"] == "json_invalid":
        parts = []
    return FieldFault(field=".".join(parts) or "body", message=message)
