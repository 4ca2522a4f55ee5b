"""A process that is set up wrongly says so in one message, and leaves."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

import workflows.connection
from activities.settings import APOLOGY, SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]
KEY = "one:" + base64.b64encode(b"k" * 32).decode()
SECRET = "s3cret-that-must-not-show"

GOOD = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_API_KEY_SID": "SK" + "1" * 32,
    "TWILIO_API_KEY_SECRET": SECRET,
    "TWILIO_NUMBER": "+15550100001",
    "PUBLIC_BASE_URL": "https://handover.example",
}
ALL = (
    *GOOD,
    *("TWILIO_AUTH_TOKEN", "TWILIO_BASE_URL", "HANDOVER_APOLOGY", "HANDOVER_HOLD_URL"),
    *("HANDOVER_MODE", "TWILIO_WORKSPACE_SID", "TWILIO_WORKFLOW_SID"),
)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A good environment and no `.env`."""
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_good_settings_are_taken(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.rest_credentials == ("SK" + "1" * 32, SECRET)
    assert settings.handover_apology == APOLOGY
    assert settings.public_url("/twilio/x") == "https://handover.example/twilio/x"
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump())


def test_the_account_token_serves_when_there_is_no_key(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("TWILIO_API_KEY_SID")
    environment.delenv("TWILIO_API_KEY_SECRET")
    environment.setenv("TWILIO_AUTH_TOKEN", SECRET)
    assert load_settings().rest_credentials == (GOOD["TWILIO_ACCOUNT_SID"], SECRET)


def test_env_file_is_read_and_the_environment_counts_more(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "TWILIO_BASE_URL=http://127.0.0.1:9\nTWILIO_NUMBER=+15550100009\n"
    )
    settings = load_settings()
    assert settings.twilio_base_url == "http://127.0.0.1:9"
    assert settings.twilio_number == "+15550100001"


def test_queues_are_a_mode_that_is_chosen(environment: pytest.MonkeyPatch) -> None:
    assert load_settings().handover_mode == "direct"
    environment.setenv("HANDOVER_MODE", "taskrouter")
    environment.setenv("TWILIO_WORKSPACE_SID", "WS" + "0" * 32)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "HANDOVER_MODE=taskrouter needs TWILIO_WORKFLOW_SID" in str(raised.value)
    assert "activities.provision" in str(raised.value)
    environment.setenv("TWILIO_WORKFLOW_SID", "WW" + "0" * 32)
    assert load_settings().handover_mode == "taskrouter"
    for name, wrong in {"TWILIO_WORKFLOW_SID": "WS" + "0" * 32, "HANDOVER_MODE": "queues"}.items():
        environment.setenv(name, wrong)
        with pytest.raises(SettingsError, match=name):
            load_settings()


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_missing_setting_is_named(
    environment: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as raised:
        load_settings()
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TWILIO_ACCOUNT_SID", "AC12", "TWILIO_ACCOUNT_SID must be AC and 32 hexadecimal"),
        ("TWILIO_API_KEY_SID", "nonsense", "TWILIO_API_KEY_SID must be SK and 32 hexadecimal"),
        ("TWILIO_NUMBER", "555 0100", "TWILIO_NUMBER must be a number in E.164 form"),
        ("PUBLIC_BASE_URL", "handover.example", "PUBLIC_BASE_URL must be an absolute http"),
        ("PUBLIC_BASE_URL", "http://handover.example", "PUBLIC_BASE_URL must be an https"),
        ("PUBLIC_BASE_URL", "https://a:b@handover.example", "must have no user"),
        ("TWILIO_BASE_URL", "ftp://x", "TWILIO_BASE_URL must be an absolute http"),
        (
            "HANDOVER_HOLD_URL",
            "https://handover.example/hold.mp3",
            "HANDOVER_HOLD_URL must not be below PUBLIC_BASE_URL",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(
    environment: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError, match=message) as raised:
        load_settings()
    assert value not in str(raised.value)


def test_hold_audio_from_elsewhere_is_fine(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HANDOVER_HOLD_URL", "https://media.example/hold.mp3")
    assert load_settings().handover_hold_url == "https://media.example/hold.mp3"


def test_http_is_fine_beside_a_simulator(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TWILIO_BASE_URL", "http://127.0.0.1:9000/")
    environment.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:8000/")
    settings = load_settings()
    assert settings.twilio_base_url == "http://127.0.0.1:9000"
    assert settings.public_base_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"HANDOVER_CODEC_KEYS": "one:short"}, "HANDOVER_CODEC_KEYS"),
        ({"HANDOVER_CODEC_KEY_ID": "one"}, "HANDOVER_CODEC_KEYS is not"),
        ({"HANDOVER_CODEC_KEYS": KEY, "HANDOVER_CODEC_KEY_ID": "two"}, "HANDOVER_CODEC_KEY_ID"),
    ],
)
def test_wrong_keys_are_named(
    environment: pytest.MonkeyPatch, given: dict[str, str], message: str
) -> None:
    for name, value in given.items():
        environment.setenv(name, value)
    with pytest.raises(workflows.connection.SettingsError, match=message) as raised:
        workflows.connection.load_settings()
    assert KEY.partition(":")[2] not in str(raised.value)


def test_temporal_settings_come_from_its_own_names(environment: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TEMPORAL_ADDRESS=from-file:1\nTEMPORAL_NAMESPACE=filed\n")
    environment.setenv("TEMPORAL_ADDRESS", "from-environment:2")
    config = workflows.connection.client_config()
    assert config["target_host"] == "from-environment:2"
    assert config["namespace"] == "filed"


@pytest.mark.parametrize(
    ("given", "is_allowed"),
    [
        ({}, True),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:7233"}, True),
        ({"TEMPORAL_ADDRESS": "[::1]:7233"}, True),
        ({"TEMPORAL_ADDRESS": "temporal:7233"}, False),
        ({"TEMPORAL_ADDRESS": "10.0.0.7:7233"}, False),
        ({"TEMPORAL_ADDRESS": "localhost.evil.example:7233"}, False),
        ({"TEMPORAL_ADDRESS": "temporal:7233", "TEMPORAL_TLS": "false"}, False),
        ({"TEMPORAL_ADDRESS": "temporal:7233", "TEMPORAL_API_KEY": "k", "TEMPORAL_TLS": "false"},
         False),
        ({"TEMPORAL_ADDRESS": "temporal:7233", "TEMPORAL_TLS": "true"}, True),
        ({"TEMPORAL_ADDRESS": "temporal:7233", "TEMPORAL_API_KEY": "k"}, True),
        ({"TEMPORAL_ADDRESS": "temporal:7233", "HANDOVER_TEMPORAL_IN_CLEAR": "temporal:7233"},
         True),
        ({"TEMPORAL_ADDRESS": "my.tmprl.cloud:7233", "HANDOVER_TEMPORAL_IN_CLEAR": "temporal:7233"},
         False),
    ],
)  # fmt: skip
def test_t5_another_host_is_reached_with_tls_or_not_at_all(
    environment: pytest.MonkeyPatch, given: dict[str, str], is_allowed: bool
) -> None:
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_TLS", "TEMPORAL_API_KEY"):
        environment.delenv(name, raising=False)
    for name, value in given.items():
        environment.setenv(name, value)
    if is_allowed:
        workflows.connection.load_settings()
        return
    with pytest.raises(workflows.connection.SettingsError, match=r"TEMPORAL_ADDRESS.*TLS"):
        workflows.connection.load_settings()


async def test_a_silent_temporal_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    with pytest.raises(workflows.connection.UnreachableError, match="TEMPORAL_ADDRESS"):
        await workflows.connection.connect(seconds_max=0)


def start(tmp_path: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """A real process, far from any `.env`."""
    environment = {k: v for k, v in os.environ.items() if k not in ALL} | GOOD | changes
    environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), environment.get("PYTHONPATH", "")))
    return subprocess.run(
        [sys.executable, str(ROOT / "worker.py"), *arguments],
        env={k: v for k, v in environment.items() if v},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_check_is_content_with_good_settings(tmp_path: Path) -> None:
    done = start(tmp_path, "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "complete" in done.stdout


def test_all_that_is_wrong_is_told_at_once_without_a_traceback(tmp_path: Path) -> None:
    done = start(
        tmp_path,
        TWILIO_NUMBER="",
        HANDOVER_CODEC_KEYS="one:short",
        HANDOVER_VERSIONING="1",
        HANDOVER_CACHED_WORKFLOWS="0",
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for name in ("TWILIO_NUMBER", "HANDOVER_CODEC_KEYS", "HANDOVER_CACHED_WORKFLOWS"):
        assert name in done.stderr
    assert SECRET not in done.stderr


def test_versioning_needs_a_build(tmp_path: Path) -> None:
    done = start(tmp_path, "--check", HANDOVER_VERSIONING="1")
    assert done.returncode == 2
    assert "HANDOVER_BUILD_ID" in done.stderr
