"""The api's role at Temporal: a client that may ask what `docs/security.md` says it needs.

The development server knows no roles, so the door stands before it: whatever else is asked is
refused as a server with an authoriser refuses it. Every test of this folder goes through it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, ServiceClient

from tests.e2e.processes import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_NEEDED = PAGE.split("The api needs these calls of")[1].split("\n\n")[0]
ALLOWED = frozenset(re.findall(r"`(\w+)`", _NEEDED))
"""The names of calls, as the server knows them."""


class Door(ServiceClient):
    """Passes on what the role may ask."""

    def __init__(self, inner: ServiceClient, asked: set[str]) -> None:
        super().__init__(inner.config)
        self._inner = inner
        self._asked = asked

    async def _rpc_call(
        self,
        rpc: str,
        req: Message,
        resp_type: type[Any],
        *,
        service: str,
        retry: bool,
        metadata: Mapping[str, str | bytes],
        timeout: timedelta | None,  # noqa: ASYNC109 - the signature of the SDK
    ) -> Any:
        name = "".join(word.capitalize() for word in rpc.split("_"))
        if name not in ALLOWED:
            raise RPCError(f"{name} is not of this role", RPCStatusCode.PERMISSION_DENIED, b"")
        self._asked.add(name)
        return await self._inner._rpc_call(
            rpc,
            req,
            resp_type,
            service=service,
            retry=retry,
            metadata=metadata,
            timeout=timeout,
        )

    @property
    def worker_service_client(self) -> Any:
        raise AssertionError("the api is no worker")

    def update_rpc_metadata(self, metadata: Mapping[str, str | bytes]) -> None:
        self._inner.update_rpc_metadata(metadata)

    def update_api_key(self, api_key: str | None) -> None:
        self._inner.update_api_key(api_key)


def as_api(client: Client, asked: set[str] | None = None) -> Client:
    """The same server, as somebody who has the api's role; `asked` gathers what was asked."""
    config = client.config()
    config["service_client"] = Door(client.service_client, set() if asked is None else asked)
    return Client(**config)
