"""Logs: one readable line per step, no number in it, and no line that somebody else wrote."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from workflows import logs

SID = "CA" + "0123456789" * 3 + "ab"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "number",
    [
        "+15550100777",
        "15550100777",
        "5550100",
        "(555) 010-0777",
        "+1 555 010 0777",
        "555-010-0777",
        "%2B15550100777",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "to={} now", "'{}'", "a {}, b", "{}.", "/v1/{}/x", "({})"]
)
def test_numbers_are_masked(number: str, around: str) -> None:
    text = logs.masked(around.format(number))
    assert logs.MASK in text
    assert not any(piece in text for piece in ("5550100", "0777", "010"))


@pytest.mark.parametrize(
    "harmless",
    [
        SID,
        "transfer/CF" + "12345678" * 4,
        "CF" + "12345678" * 4 + "-0123456789012345",
        "01982b1c-7c4a-7f00-8a3b-123456789012",
        "12345678-1234-4abc-8def-123456789012",
        "2025-11-22T23:25:00.123456+00:00 done",
        "0.1234567 s",
        "127.0.0.1:7233",
        "step 12 took 34 ms, 123456 bytes",
        "< TargetAnswered = DIALING->CONSULTING > ConnectConsult",
        "https://example.org/path",
    ],
)
def test_what_is_no_number_stays(harmless: str) -> None:
    assert logs.masked(harmless) == harmless


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("client:anna", "client:[name]"),
        ("dialling sip:anna@example.org;x=1 now", "dialling sip:[name];x=1 now"),
        ("tel:+15550100777", "tel:[name]"),
    ],
)
def test_addresses_of_people_are_masked(address: str, shown: str) -> None:
    assert logs.masked(address) == shown


def test_json_lines_are_masked_everywhere(written: io.StringIO) -> None:
    logs.configure("json", stream=written)
    try:
        raise ValueError("no route to +15550100777")
    except ValueError:
        logging.getLogger("some.library").exception(
            "failed for %s",
            "+15550100777",
            extra={"transfer": SID, "deep": {"to": ["+15550100777", 7]}},
        )
    structlog.get_logger("ours").warning("calling +15550100777", call=SID)
    assert "5550100777" not in written.getvalue()
    first, second = map(json.loads, written.getvalue().splitlines())
    assert first["transfer"] == second["call"] == SID
    assert first["deep"] == {"to": [logs.MASK, 7]}
    assert first["event"] == f"failed for {logs.MASK}"
    assert "ValueError: no route to" in first["exception"]
    assert second["level"] == "warning"


@pytest.mark.parametrize("style", ["json", "console"])
def test_nobody_forges_a_line(written: io.StringIO, style: str) -> None:
    logs.configure(style, stream=written)
    attack = "x\n2025-01-01 worker ready\r\x1b[2J\u2028y"
    logging.getLogger("a").info("said %s", attack, extra={"said": attack})
    text = written.getvalue()
    assert text.count("\n") == 1
    assert "\r" not in text
    assert "\x1b[2J" not in text
