"""The codec endpoint: clear text in Temporal's Web UI, for authorised operators alone.

It is there when `HANDOVER_CODEC_KEYS` is set. The Web UI calls it from the operator's browser, so
it answers the configured origins only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Request, Response
from temporalio.converter import PayloadCodec

from api.auth.principal import Principal, Role
from api.dependencies import PartsDep, PrincipalDep
from api.errors import FieldFault, Problem, invalid
from workflows.encryption import CodecKeyError, cors_headers, decode_body, encode_body

Convert = Callable[[PayloadCodec, bytes], Awaitable[bytes]]


def codec_router(codec: PayloadCodec, origins: tuple[str, ...]) -> APIRouter:
    """The routes for this codec."""
    router = APIRouter(prefix="/codec", tags=["operation"], include_in_schema=False)

    def headers_for(request: Request) -> Mapping[str, str]:
        return cors_headers(request.headers.get("origin", ""), origins)

    async def convert(request: Request, principal: Principal, how: Convert) -> Response:
        if principal.role is Role.AGENT:
            raise Problem(403, "operators_only", "Agents do not read Temporal's histories.")
        try:
            body = await how(codec, await request.body())
        except CodecKeyError:
            detail = "A payload was not encrypted with a key that is set here."
            raise Problem(422, "codec_key_unknown", detail, headers_for(request)) from None
        except ValueError as error:
            raise invalid(FieldFault(field="body", message=str(error))) from None
        return Response(body, media_type="application/json", headers=headers_for(request))

    @router.options("/{way}")
    async def preflight(request: Request, way: str) -> Response:
        """What a browser asks before it sends a credential."""
        return Response(status_code=204, headers=headers_for(request))

    @router.post("/decode")
    async def decode(request: Request, principal: PrincipalDep, parts: PartsDep) -> Response:
        """Encrypted payloads -> clear ones."""
        return await convert(request, principal, decode_body)

    @router.post("/encode")
    async def encode(request: Request, principal: PrincipalDep, parts: PartsDep) -> Response:
        """Clear payloads -> encrypted ones."""
        return await convert(request, principal, encode_body)

    return router
