"""The way to Temporal, the same for worker, api and tools.

Address, namespace, TLS and API key come from Temporal's own environment settings, read by its SDK
(https://docs.temporal.io/develop/environment-configuration); keys for encryption are ours.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from workflows import encryption
from workflows.encryption import CodecKeyError, CodecKeys
from workflows.messages import SEARCH_AGENT, SEARCH_KIND, SEARCH_OUTCOME, TASK_QUEUE

CONNECT_SECONDS_MAX = 60.0
"""How long a process waits for Temporal at start: longer than a database and a server need to come
up beside it, shorter than a supervisor's patience."""
RETRY_SECONDS = 0.5
RPC_LIMIT = timedelta(seconds=5)

SEARCH_ATTRIBUTES = (SEARCH_KIND, SEARCH_OUTCOME, SEARCH_AGENT)

_logger = logging.getLogger(__name__)


class SettingsError(Exception):
    """One message for the person who starts the process. Names settings, never their values."""


class UnreachableError(Exception):
    """Temporal could not be reached within the time given."""


class ConnectionSettings(BaseSettings):
    """Environment variables of the same names in capitals, and `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    handover_codec_keys: SecretStr = SecretStr("")
    handover_codec_key_id: str = ""
    handover_temporal_in_clear: str = ""
    """The address of a Temporal that may be reached without TLS: one in a network of its own."""

    @property
    def codec_keys(self) -> CodecKeys | None:
        """The keys; None when nothing is to be encrypted."""
        return CodecKeys.parse(
            self.handover_codec_keys.get_secret_value(), self.handover_codec_key_id.strip()
        )


def load_settings(**given: Any) -> ConnectionSettings:
    """The settings, checked: keys parse and pass their self-test, Temporal's own settings load, and
    the way there is encrypted unless it does not leave this host."""
    try:
        settings = ConnectionSettings(**given)
        keys = settings.codec_keys
        if keys is not None:
            encryption.self_test(keys)
    except ValidationError as error:
        names = sorted({str(each["loc"][0]).upper() for each in error.errors() if each["loc"]})
        raise SettingsError(f"{', '.join(names)}: not readable") from None
    except CodecKeyError as error:
        raise SettingsError(str(error)) from None
    config = client_config()
    address = str(config["target_host"])
    in_clear = settings.handover_temporal_in_clear.strip()
    if not config.get("tls") and not is_this_host(address) and address != in_clear:
        raise SettingsError(
            "TEMPORAL_ADDRESS leads to another host without TLS. Set TEMPORAL_TLS=true and its "
            "certificates, or TEMPORAL_API_KEY; or, for a server in a network of its own, the same "
            "address as HANDOVER_TEMPORAL_IN_CLEAR"
        )
    return settings


def is_this_host(address: str) -> bool:
    """Whether `host:port` stays on this machine."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def data_converter(keys: CodecKeys | None) -> DataConverter:
    """The one converter for clients, workers and replayers."""
    return encryption.data_converter(keys)


def client_config(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Temporal's own settings as arguments of `Client.connect`. `.env` counts as environment, and
    what is really set counts more."""
    if environment is None:
        from_file = {name: value for name, value in dotenv_values(".env").items() if value}
        environment = {**from_file, **os.environ}
    try:
        config = ClientConfig.load_client_connect_config(override_env_vars=dict(environment))
    except (ValueError, RuntimeError, OSError) as error:
        raise SettingsError(f"Temporal's settings (TEMPORAL_…) do not load: {error}") from None
    return {"target_host": "localhost:7233", **config}


async def connect(
    runtime: Runtime | None = None,
    *,
    settings: ConnectionSettings | None = None,
    identity: str | None = None,
    seconds_max: float = CONNECT_SECONDS_MAX,
) -> Client:
    """A connected client. Waits for a server that is still coming up, and says so."""
    settings = settings or load_settings()
    config = client_config()
    target = config["target_host"]
    give_up_at = time.monotonic() + seconds_max
    while True:
        try:
            return await Client.connect(
                **config,
                data_converter=data_converter(settings.codec_keys),
                runtime=runtime,
                identity=identity,
            )
        except (RuntimeError, RPCError) as error:
            if time.monotonic() + RETRY_SECONDS > give_up_at:
                raise UnreachableError(
                    f"no connection to Temporal at {target} (TEMPORAL_ADDRESS): {error}"
                ) from None
            _logger.warning("Temporal at %s is not reachable yet, trying again", target)
            await asyncio.sleep(RETRY_SECONDS)


async def ensure_search_attributes(client: Client) -> tuple[str, ...]:
    """Register what is missing of our search attributes; answers those that are there afterwards.

    Harmless when they exist and when we may not: an operator then registers them beforehand
    (`temporal operator search-attribute create`).
    """
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_LIMIT
        )
        present = set(listed.custom_attributes)
        missing = [name for name in SEARCH_ATTRIBUTES if name not in present]
        if missing:
            keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes=dict.fromkeys(missing, keyword),
                ),
                timeout=RPC_LIMIT,
            )
            present |= set(missing)
    except RPCError as error:
        if error.status == RPCStatusCode.ALREADY_EXISTS:
            return SEARCH_ATTRIBUTES
        _logger.warning("search attributes could not be registered: %s", error.status.name)
        return ()
    return tuple(name for name in SEARCH_ATTRIBUTES if name in present)


async def check_keys(client: Client) -> None:
    """Read something that is stored already, so that a wrong key shows at start and not in the
    first call. Nothing running, or nothing to be listed, is fine."""
    try:
        running = client.list_workflows(
            f'TaskQueue = "{TASK_QUEUE}" AND ExecutionStatus = "Running"', limit=1
        )
        async for workflow in running:
            await workflow.memo()
    except CodecKeyError as error:
        raise SettingsError(
            f"HANDOVER_CODEC_KEYS does not fit what Temporal stores: {error}"
        ) from None
    except RPCError as error:
        _logger.warning("stored data could not be listed to check keys: %s", error.status.name)
