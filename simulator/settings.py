"""Settings of the process, from the environment. What contradicts itself stops the start."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.switches import Switches

DEFAULT_ACCOUNT_SID = "AC" + "5" * 32
DEFAULT_AUTH_TOKEN = "simulated-auth-token"  # noqa: S105 - guards nothing but a simulator
# A turnable clock begins on a fixed day, so that two runs write the same dates.
TURNABLE_START = 1_767_225_600.0
LEDGER_LIMIT = 500_000
LOG_LIMIT = 100_000


class SettingsError(ValueError):
    """A setting is wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    host: str = "127.0.0.1"
    port: int = 8090
    account_sid: str = DEFAULT_ACCOUNT_SID
    auth_token: str = DEFAULT_AUTH_TOKEN
    api_key_sid: str = ""
    api_key_secret: str = ""
    clock: str = "real"
    seed: str = "0"
    switches: dict[str, Any] = field(default_factory=dict)
    ledger_limit: int = LEDGER_LIMIT
    log_limit: int = LOG_LIMIT

    def __post_init__(self) -> None:
        if self.clock not in ("real", "turnable"):
            raise SettingsError("SIMULATOR_CLOCK must be real or turnable")
        if not 0 <= self.port <= 65535:
            raise SettingsError("SIMULATOR_PORT must be from 0 to 65535")
        if len(self.account_sid) != 34 or not self.account_sid.startswith("AC"):
            raise SettingsError("TWILIO_ACCOUNT_SID must be AC and 32 hex digits")
        if bool(self.api_key_sid) != bool(self.api_key_secret):
            raise SettingsError("TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET go together")
        try:
            Switches().put(self.switches)
        except ValueError as error:
            raise SettingsError(f"SIMULATOR_SWITCHES: {error}") from error

    @property
    def turnable(self) -> bool:
        return self.clock == "turnable"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Without a seed every process draws its own, so that identifiers never meet again."""
        read = os.environ if environment is None else environment
        try:
            port = int(read.get("SIMULATOR_PORT") or 8090)
        except ValueError:
            raise SettingsError("SIMULATOR_PORT must be a number") from None
        try:
            switches = json.loads(read.get("SIMULATOR_SWITCHES") or "{}")
        except ValueError:
            raise SettingsError("SIMULATOR_SWITCHES must be a JSON object") from None
        return cls(
            host=read.get("SIMULATOR_HOST") or "127.0.0.1",
            port=port,
            account_sid=read.get("TWILIO_ACCOUNT_SID") or DEFAULT_ACCOUNT_SID,
            auth_token=read.get("TWILIO_AUTH_TOKEN") or DEFAULT_AUTH_TOKEN,
            api_key_sid=read.get("TWILIO_API_KEY_SID") or "",
            api_key_secret=read.get("TWILIO_API_KEY_SECRET") or "",
            clock=read.get("SIMULATOR_CLOCK") or "real",
            seed=read.get("SIMULATOR_SEED") or secrets.token_hex(8),
            switches=switches,
        )
