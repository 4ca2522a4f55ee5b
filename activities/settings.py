"""What this process must know to speak to Twilio, checked once at start.

Secrets never show in a representation. A setting that is missing or contradicts another is named,
with what to do about it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from activities.account import AccountBaseSettings, Spoken, Trimmed, explained

APOLOGY = (
    "We are sorry, nobody can take your call right now. "
    "Please leave a message after the tone, and we will call you back."
)


class SettingsError(Exception):
    """One message for the person who starts the process. Names settings, never their values."""


def _media_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// address")
    return value


class TwilioSettings(AccountBaseSettings):
    """Environment variables of the same names in capitals, and `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    twilio_api_key_sid: Annotated[str, Trimmed] = ""
    twilio_api_key_secret: SecretStr = SecretStr("")
    twilio_auth_token: SecretStr = SecretStr("")
    handover_apology: Spoken = APOLOGY
    handover_hold_url: Annotated[str, Trimmed, AfterValidator(_media_address)] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
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
        if self.handover_hold_url and _is_below(self.handover_hold_url, self.public_base_url):
            raise ValueError(
                "HANDOVER_HOLD_URL must not be below PUBLIC_BASE_URL: hold audio has to go on "
                "while this service is down"
            )
        return self

    @property
    def rest_credentials(self) -> tuple[str, str]:
        """User and password of the REST API: the API key, else the account's own token."""
        if self.twilio_api_key_sid:
            return self.twilio_api_key_sid, _shown(self.twilio_api_key_secret)
        return self.twilio_account_sid, _shown(self.twilio_auth_token)


def load_settings(**given: Any) -> TwilioSettings:
    """The settings of this process; one `SettingsError` that names all that is wrong."""
    try:
        return TwilioSettings(**given)
    except ValidationError as error:
        raise SettingsError(explained(error)) from None


def _shown(secret: SecretStr) -> str:
    return secret.get_secret_value().strip()


def _is_below(address: str, base: str) -> bool:
    one, other = urlsplit(address), urlsplit(base)
    return (one.hostname, one.port) == (other.hostname, other.port) and (one.path + "/").startswith(
        other.path.rstrip("/") + "/"
    )
