"""Api and worker are given the same settings, and say the same of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import activities.settings
import api.settings

COMMON = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "t" * 32,
    "TWILIO_NUMBER": "+12025550100",
    "PUBLIC_BASE_URL": "https://handover.example",
    "HANDOVER_JWT_SECRET": "j" * 32,
}
LOADERS: tuple[Callable[[], object], ...] = (
    activities.settings.load_settings,
    api.settings.load_settings,
)
ERRORS = (activities.settings.SettingsError, api.settings.SettingsError)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """What both need, and no `.env`."""
    monkeypatch.chdir(tmp_path)
    for name, value in COMMON.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def verdicts() -> list[str]:
    """What each of the two says; empty for settings that it takes."""
    said = []
    for load in LOADERS:
        try:
            load()
        except ERRORS as error:
            said.append(str(error).removeprefix("Settings: "))
        else:
            said.append("")
    return said


WRONG = [
    {"TWILIO_ACCOUNT_SID": "AC12"},
    {"TWILIO_ACCOUNT_SID": "   "},
    {"TWILIO_NUMBER": "2025550100"},
    {"TWILIO_NUMBER": "+1 202 555 0100"},
    {"PUBLIC_BASE_URL": "http://localhost:8000"},
    {"PUBLIC_BASE_URL": "handover.example"},
    {"PUBLIC_BASE_URL": "https://a:b@handover.example"},
    {"PUBLIC_BASE_URL": "https://handover.example?x=1"},
    {"TWILIO_BASE_URL": "http://elsewhere.example:8090"},
    {"TWILIO_BASE_URL": "http://203.0.113.7"},
    {"TWILIO_BASE_URL": "simulator:8090"},
    {"TWILIO_BASE_URL": "https://key:secret@elsewhere.example"},
    {"HANDOVER_MODE": "queues"},
    {"HANDOVER_MODE": "taskrouter"},
    {"HANDOVER_MODE": "taskrouter", "TWILIO_WORKSPACE_SID": "WS" + "1" * 32},
    {"TWILIO_WORKSPACE_SID": "WW" + "1" * 32},
    {"TWILIO_WORKFLOW_SID": "WW1"},
    {"HANDOVER_APOLOGY": "  "},
    {"HANDOVER_APOLOGY": "a" * 501},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(reversed(wrong)))
def test_what_one_refuses_the_other_refuses_in_the_same_words(
    environment: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    for name, value in wrong.items():
        environment.setenv(name, value)
    one, other = verdicts()
    assert one == other
    assert any(name in one for name in wrong), one
    assert not any(value in one for value in wrong.values() if len(value) > 10), one


def test_w22_our_address_has_no_fragment(environment: pytest.MonkeyPatch) -> None:
    """Twilio reads connection overrides in an address's fragment, and leaves them out of what it
    signs: everything that we have it call stands below this address."""
    environment.setenv("PUBLIC_BASE_URL", "https://handover.example#rc=2&rp=4xx")
    one, other = verdicts()
    assert one == other
    assert "PUBLIC_BASE_URL" in one


RIGHT = [
    {},
    {"TWILIO_NUMBER": " +12025550100 "},
    {"TWILIO_BASE_URL": "http://127.0.0.1:8090", "PUBLIC_BASE_URL": "http://127.0.0.1:8000"},
    {"TWILIO_BASE_URL": "http://simulator:8090", "PUBLIC_BASE_URL": "http://api:8000"},
    {"TWILIO_BASE_URL": "http://10.0.0.7:8090"},
    {"TWILIO_BASE_URL": "http://[::1]:8090"},
    {"TWILIO_BASE_URL": "http://twilio.internal"},
    {"TWILIO_BASE_URL": "https://elsewhere.example"},
    {
        "HANDOVER_MODE": "taskrouter",
        "TWILIO_WORKSPACE_SID": "WS" + "1" * 32,
        "TWILIO_WORKFLOW_SID": "WW" + "1" * 32,
    },
]


@pytest.mark.parametrize("right", RIGHT)
def test_what_one_takes_the_other_takes(
    environment: pytest.MonkeyPatch, right: dict[str, str]
) -> None:
    for name, value in right.items():
        environment.setenv(name, value)
    assert verdicts() == ["", ""]
