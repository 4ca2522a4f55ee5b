"""What this process must know to speak to Twilio, checked once at start.

Secrets never show in a representation. A setting that is missing or contradicts another is named,
with what to do about it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

APOLOGY = (
    "We are sorry, nobody can take your call right now. "
    "Please leave a message after the tone, and we will call you back."
)


class SettingsError(Exception):
    """One message for the person who starts the process. Names settings, never their values."""


def _matching(pattern: str, meaning: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"must be {meaning}")
        return value

    return AfterValidator(check)


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must have no user, query or fragment")
    return value.rstrip("/")


def _media_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// address")
    return value


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


Trimmed = BeforeValidator(_trimmed)


class TwilioSettings(BaseSettings):
    """Environment variables of the same names in capitals, and `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    twilio_account_sid: Annotated[
        str, Trimmed, _matching(r"AC[0-9a-f]{32}", "AC and 32 hexadecimal digits")
    ]
    twilio_api_key_sid: Annotated[str, Trimmed] = ""
    twilio_api_key_secret: SecretStr = SecretStr("")
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_number: Annotated[
        str, Trimmed, _matching(r"\+[1-9]\d{6,14}", "a number in E.164 form, as +15550100001")
    ]
    twilio_base_url: Annotated[str, Trimmed, AfterValidator(_web_address)] | None = None
    public_base_url: Annotated[str, Trimmed, AfterValidator(_web_address)]
    handover_mode: Annotated[Literal["direct", "taskrouter"], Trimmed] = "direct"
    """`taskrouter`: calls and transfers go through queues. `direct`: phones are rung, no more."""
    twilio_workspace_sid: Annotated[
        str, Trimmed, _matching(r"|WS[0-9a-f]{32}", "WS and 32 hexadecimal digits")
    ] = ""
    twilio_workflow_sid: Annotated[
        str, Trimmed, _matching(r"|WW[0-9a-f]{32}", "WW and 32 hexadecimal digits")
    ] = ""
    handover_apology: str = APOLOGY
    handover_hold_url: Annotated[str, Trimmed, AfterValidator(_media_address)] | None = None

    @model_validator(mode="after")
    def _agree(self) -> TwilioSettings:
        has_key, has_secret = (
            bool(self.twilio_api_key_sid),
            bool(_shown(self.twilio_api_key_secret)),
        )
        if has_key != has_secret:
            raise ValueError(
                "TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET belong together: set both or neither"
            )
        if not has_key and not _shown(self.twilio_auth_token):
            raise ValueError(
                "set TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET (preferred), or TWILIO_AUTH_TOKEN"
            )
        if has_key and not re.fullmatch(r"SK[0-9a-f]{32}", self.twilio_api_key_sid):
            raise ValueError("TWILIO_API_KEY_SID must be SK and 32 hexadecimal digits")
        if not self.twilio_base_url and not self.public_base_url.startswith("https://"):
            raise ValueError(
                "PUBLIC_BASE_URL must be an https:// address when TWILIO_BASE_URL is unset, "
                "because Twilio then sends callers' numbers there"
            )
        if self.handover_hold_url and _is_below(self.handover_hold_url, self.public_base_url):
            raise ValueError(
                "HANDOVER_HOLD_URL must not be below PUBLIC_BASE_URL: hold audio has to go on "
                "while this service is down"
            )
        if not self.handover_apology.strip():
            raise ValueError("HANDOVER_APOLOGY must have words: it is spoken to a waiting caller")
        if self.handover_mode == "taskrouter":
            self._demand_taskrouter()
        return self

    def _demand_taskrouter(self) -> None:
        missing = [
            name.upper()
            for name in ("twilio_workspace_sid", "twilio_workflow_sid")
            if not getattr(self, name)
        ]
        if missing:
            raise ValueError(
                f"HANDOVER_MODE=taskrouter needs {' and '.join(missing)}: "
                "python -m activities.provision makes them and prints their values"
            )

    @property
    def rest_credentials(self) -> tuple[str, str]:
        """User and password of the REST API: the API key, else the account's own token."""
        if self.twilio_api_key_sid:
            return self.twilio_api_key_sid, _shown(self.twilio_api_key_secret)
        return self.twilio_account_sid, _shown(self.twilio_auth_token)

    def public_url(self, path: str) -> str:
        """The absolute address of a path of ours, for Twilio to call."""
        return f"{self.public_base_url}/{path.lstrip('/')}"


def load_settings(**given: Any) -> TwilioSettings:
    """The settings of this process; one `SettingsError` that names all that is wrong."""
    try:
        return TwilioSettings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        if problem["type"] == "missing":
            lines.append(f"{name} is not set: put it in the environment or in .env")
            continue
        text = str(problem["msg"]).removeprefix("Value error, ")
        lines.append(f"{name} {text}" if name else text)
    return "; ".join(lines)


def _shown(secret: SecretStr) -> str:
    return secret.get_secret_value().strip()


def _is_below(address: str, base: str) -> bool:
    one, other = urlsplit(address), urlsplit(base)
    return (one.hostname, one.port) == (other.hostname, other.port) and (one.path + "/").startswith(
        other.path.rstrip("/") + "/"
    )
