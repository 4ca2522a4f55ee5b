"""What every process of ours must know of the account, and one check of it for all of them.

The api and the worker are given the same settings. A value that one of them took and the other
refused would be found out by a caller, so both classes of settings are made from this one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

APOLOGY_LENGTH_MAX = 500
"""About half a minute of speech; nobody listens for longer."""

OWN_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""This machine, and addresses that are not routed on the internet. RFC 1918, 3927, 4193, 4291."""
OWN_NAMES = (".localhost", ".internal", ".local")
"""Endings of names that are not known on the internet. RFC 6761, RFC 6762, and ICANN's resolution
2024.07.29.06 on `.internal`."""


def matching(pattern: str, meaning: str) -> AfterValidator:
    """A check that a value is `meaning`, as the pattern says."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"must be {meaning}")
        return value

    return AfterValidator(check)


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


Trimmed = BeforeValidator(_trimmed)


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be an absolute http:// or https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must have no user, query or fragment")
    return value.rstrip("/")


def _of_own_network(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme == "http" and not _is_near(parts.hostname or ""):
        raise ValueError(
            "must be an https:// address unless it is of this machine or of a private network: "
            "the account's key and callers' numbers are sent there"
        )
    return value


def _is_near(host: str) -> bool:
    """Whether a host is this machine, or known in our own network alone, as a service of compose
    is by its bare name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host.rstrip(".") or host.rstrip(".").endswith(OWN_NAMES)
    return any(address in network for network in OWN_NETWORKS)


def _spoken(value: str) -> str:
    if not value.strip():
        raise ValueError("must have words: it is spoken to a waiting caller")
    return value


WebAddress = Annotated[str, Trimmed, AfterValidator(_web_address)]
Spoken = Annotated[str, Field(max_length=APOLOGY_LENGTH_MAX), AfterValidator(_spoken)]
AccountSid = Annotated[str, Trimmed, matching(r"AC[0-9a-f]{32}", "AC and 32 hexadecimal digits")]
OwnNumber = Annotated[
    str,
    Trimmed,
    matching(r"\+[1-9][0-9]{6,14}", "a number in E.164 form, as +12025550100"),
]


class AccountBaseSettings(BaseSettings):
    """Environment variables of the same names in capitals, and `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    twilio_account_sid: AccountSid
    twilio_number: OwnNumber
    """Our number: what is dialled from, and never a target."""
    twilio_base_url: Annotated[WebAddress, AfterValidator(_of_own_network)] = ""
    """The simulator's address; empty means Twilio."""
    public_base_url: Annotated[WebAddress, Field(min_length=1)]
    """What Twilio calls us by, and signs."""
    handover_mode: Annotated[Literal["direct", "taskrouter"], Trimmed] = "direct"
    """`taskrouter`: calls come in through queues, and workers and queues may be targets."""
    twilio_workspace_sid: Annotated[
        str, Trimmed, matching(r"|WS[0-9a-f]{32}", "WS and 32 hexadecimal digits")
    ] = ""
    twilio_workflow_sid: Annotated[
        str, Trimmed, matching(r"|WW[0-9a-f]{32}", "WW and 32 hexadecimal digits")
    ] = ""
    """The workflow that inbound calls and transfers are routed by."""

    @model_validator(mode="after")
    def _agree_on_the_account(self) -> Self:
        if not self.twilio_base_url and not self.public_base_url.startswith("https://"):
            raise ValueError(
                "PUBLIC_BASE_URL must be an https:// address when TWILIO_BASE_URL is unset, "
                "because Twilio then sends callers' numbers there"
            )
        needed = ("twilio_workspace_sid", "twilio_workflow_sid")
        missing = [name.upper() for name in needed if not getattr(self, name)]
        if self.handover_mode == "taskrouter" and missing:
            raise ValueError(
                f"HANDOVER_MODE=taskrouter needs {' and '.join(missing)}: "
                "python -m activities.provision makes them and prints their values"
            )
        return self

    def public_url(self, path: str) -> str:
        """The absolute address of a path of ours, for Twilio to call."""
        return f"{self.public_base_url}/{path.lstrip('/')}"


def explained(error: ValidationError) -> str:
    """All that is wrong, each with its name and never with a value: it may be a secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        if problem["type"] == "missing":
            lines.append(f"{name} is not set: put it in the environment or in .env")
            continue
        text = str(problem["msg"]).removeprefix("Value error, ")
        lines.append(f"{name} {text}" if name else text)
    return "; ".join(lines)
