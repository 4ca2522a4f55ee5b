"""The settings of this process, from the environment and `.env`.

A missing or contradictory setting stops the process at start with one message that names it. No
value is ever put into that message: it may be a secret.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from activities.account import AccountBaseSettings, Spoken, explained
from api import whisper
from api.auth.principal import ApiKey, Teams, parse_api_key, parse_teams

ADDRESS = re.compile(r"client:[\w.@+=-]+|\+[1-9][0-9]{6,14}|sip:[^\s@]+@[^\s@]+", re.ASCII)
HOLD_NOTICE = "Thank you for holding. Somebody will be with you again in a moment."
HOLD_REMINDER = "A caller is still on hold."
APOLOGY = "We are sorry. Your call cannot be taken at the moment. Please call again later."

Words = Annotated[tuple[str, ...], NoDecode]
"""A list that is written as words with commas between them."""


class SettingsError(Exception):
    """The process must not start; the text names each setting and what it should be."""


class Settings(AccountBaseSettings):
    """Every setting of the API. Names are the environment's, in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    twilio_auth_token: SecretStr
    """Signs Twilio's webhooks. The API makes no REST request with it."""
    handover_previous_auth_tokens: Words = ()
    """Tokens that are still accepted while the primary one is being exchanged."""
    handover_agents: Words = ()
    """Addresses that an inbound call is offered to, in this order."""
    handover_agent_ring_seconds: float = Field(default=25.0, ge=5, le=120)

    handover_apology: Spoken = APOLOGY
    """What a caller hears when nobody can be had."""

    handover_recording: Literal["none", "conversation", "everything"] = "none"
    """What of a call is recorded. `conversation`: not the consult. `everything`: that, too."""
    handover_hold_notice: str = Field(default=HOLD_NOTICE, min_length=1, max_length=500)
    """What a caller on hold hears every so often, if the hold's policy wants it."""
    handover_hold_reminder: str = Field(default=HOLD_REMINDER, min_length=1, max_length=500)
    """What an agent hears who has a caller on hold for nearly too long."""

    handover_whisper: str = Field(default="", max_length=500)
    """What a target hears before it is put through; see `api.whisper`. Empty: nothing."""
    handover_whisper_accept: bool = False
    """Whether a worker has to press 1 before being put through."""

    handover_api_keys: Annotated[tuple[ApiKey, ...], NoDecode] = ()
    """`name:role:sha256hex` or `name:role:sha256hex:address`, with commas between them."""
    handover_teams: Words = ()
    """`team=member` with commas between them: agents by address, supervisors by `key:name`. Empty:
    one team, in which every supervisor supervises every agent."""
    handover_jwt_secret: SecretStr | None = Field(default=None, min_length=32)
    """HS256 secret of at least 32 characters. Excludes `handover_jwks_url`."""
    handover_jwks_url: str = ""
    handover_jwks_algorithm: Literal["RS256", "PS256", "ES256", "EdDSA"] = "RS256"
    handover_jwt_issuer: str = ""
    handover_jwt_audience: str = ""

    handover_allowed_countries: Words = ("US", "CA")
    """ISO codes of the countries whose numbers may be dialled."""
    handover_allowed_sip_domains: Words = ()
    handover_starts_per_minute: int = Field(default=30, ge=1, le=100_000)
    """How many transfers one agent may start in a minute."""
    handover_dials_per_minute: int = Field(default=60, ge=10, le=100_000)
    """How many phones the transfers of one agent may ring in a minute. A start has ten at most."""

    handover_events_poll_seconds: float = Field(default=0.25, ge=0.02, le=10)
    """How often the event streams look at a transfer while somebody listens."""
    handover_web_ui_origins: Words = ()
    """Origins of Temporal's Web UI that may ask the codec endpoint."""
    handover_operation_address: str = Field(
        default="", pattern=r"^(|[A-Za-z0-9_.:\[\]-]+:[0-9]{1,5})$"
    )
    """Where readiness, figures and the documentation are served, and nowhere else."""
    handover_log_format: Literal["", "json", "console"] = ""
    handover_simulator_url: str = ""
    """The simulator's address as a browser sees it: the page shows the simulated phones."""

    @field_validator(
        "handover_previous_auth_tokens",
        "handover_agents",
        "handover_teams",
        "handover_allowed_countries",
        "handover_allowed_sip_domains",
        "handover_web_ui_origins",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return _words(value)

    @field_validator("handover_api_keys", mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        words = _words(value)
        if not isinstance(words, tuple):
            return words
        return tuple(parse_api_key(word) if isinstance(word, str) else word for word in words)

    @field_validator("handover_agents")
    @classmethod
    def _agents(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ADDRESS.fullmatch(address) for address in value):
            raise ValueError("each should be client:name, a number, or sip:user@domain")
        return value

    @field_validator("handover_teams")
    @classmethod
    def _teams(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_teams(value)
        return value

    @field_validator("handover_whisper")
    @classmethod
    def _whisper(cls, value: str) -> str:
        whisper.check(value)
        return value

    @field_validator("twilio_auth_token")
    @classmethod
    def _token(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("should not be empty: every webhook is checked with it")
        return value

    @field_validator("handover_simulator_url", "handover_jwks_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc):
            raise ValueError("should be an address that begins with https:// (or http://)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.handover_jwt_secret and self.handover_jwks_url:
            raise ValueError("HANDOVER_JWT_SECRET and HANDOVER_JWKS_URL exclude each other")
        if not (self.handover_api_keys or self.handover_jwt_secret or self.handover_jwks_url):
            raise ValueError(
                "one of HANDOVER_API_KEYS, HANDOVER_JWT_SECRET, HANDOVER_JWKS_URL is needed: "
                "without it nobody could use /v1"
            )
        return self

    @property
    def teams(self) -> Teams:
        """The teams and who is in them."""
        return parse_teams(self.handover_teams)

    @property
    def is_taskrouter(self) -> bool:
        """Whether calls and transfers may go through TaskRouter."""
        return self.handover_mode == "taskrouter"

    @property
    def is_recorded(self) -> bool:
        """Whether rooms that we set up record from their start."""
        return self.handover_recording != "none"

    @property
    def pauses_recordings(self) -> bool:
        """Whether recordings pause while agent and target consult."""
        return self.handover_recording == "conversation"

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The tokens that a genuine webhook may be signed with, the primary one first."""
        return (self.twilio_auth_token.get_secret_value(), *self.handover_previous_auth_tokens)


def load_settings() -> Settings:
    """The settings of the environment. Raises `SettingsError` with one line per fault."""
    try:
        return Settings()  # type: ignore[call-arg]  # the environment gives them
    except ValidationError as error:
        raise SettingsError(f"Settings: {explained(error)}") from None


def _words(value: object) -> object:
    """`"a, b"` -> `("a", "b")`; anything but text stays as it is."""
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())
