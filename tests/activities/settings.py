"""Settings for tests, independent of any environment."""

from __future__ import annotations

from typing import Any

from activities.settings import TwilioSettings, load_settings

ACCOUNT = "AC" + "0" * 31 + "1"
API_KEY = "SK" + "0" * 31 + "1"
NUMBER = "+15550100001"


def settings_for(
    base_url: str, public_url: str = "http://127.0.0.1:8000", **more: Any
) -> TwilioSettings:
    return load_settings(
        **more,
        _env_file=None,
        twilio_account_sid=ACCOUNT,
        twilio_api_key_sid=API_KEY,
        twilio_api_key_secret="secret-of-the-key",
        twilio_number=NUMBER,
        twilio_base_url=base_url,
        public_base_url=public_url,
    )
