"""Twilio's words -> our events, from the fields that Twilio sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.webhooks import translate
from workflows.machine.events import (
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegScreened,
    RoomEnded,
    fact_from,
)

CALL = "CA" + "5" * 32
ROOM = "CF" + "6" * 32
LABEL = "0123456789abcdef-t1"
AT = 1_700_000_000.0


def getter(fields: dict[str, str]) -> translate.Get:
    return lambda name: fields.get(name, "")


def progress(status: str, **more: str) -> dict[str, str]:
    """A call-progress callback with the fields that one carries."""
    return {
        "CallSid": CALL,
        "AccountSid": "AC" + "0" * 32,
        "From": "+12025550100",
        "To": "+12025550143",
        "CallStatus": status,
        "ApiVersion": "2010-04-01",
        "Direction": "outbound-api",
        "Timestamp": "Tue, 14 Nov 2023 22:13:20 +0000",
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "2",
        **more,
    }


def conference(event: str, **more: str) -> dict[str, str]:
    """A conference event with the fields that one carries."""
    return {
        "ConferenceSid": ROOM,
        "FriendlyName": "CA" + "7" * 32,
        "AccountSid": "AC" + "0" * 32,
        "SequenceNumber": "4",
        "Timestamp": "Tue, 14 Nov 2023 22:13:20 +0000",
        "StatusCallbackEvent": event,
        **more,
    }


def participant(event: str, label: str = LABEL, **more: str) -> dict[str, str]:
    """An event about a participant."""
    return conference(
        event,
        CallSid=CALL,
        Muted="false",
        Hold="false",
        Coaching="false",
        EndConferenceOnExit="false",
        StartConferenceOnEnter="true",
        ParticipantLabel=label,
        **more,
    )


def ended(cause: str, label: str = LABEL) -> LegEnded:
    return LegEnded(at=AT, call_sid=CALL, label=label, cause=cause)


PROGRESS: dict[str, tuple[dict[str, str], Any]] = {
    "initiated": (progress("initiated"), None),
    "queued": (progress("queued"), None),
    "ringing": (progress("ringing"), LegRang(AT, CALL, LABEL)),
    "answered": (progress("in-progress"), LegAnswered(AT, CALL, LABEL)),
    "completed": (progress("completed", CallDuration="61", SipResponseCode="200"), ended("")),
    "busy": (progress("busy", SipResponseCode="486"), ended("busy")),
    "declined": (progress("busy", SipResponseCode="603"), ended("rejected")),
    "unwanted": (progress("failed", SipResponseCode="607"), ended("rejected")),
    "no answer": (progress("no-answer", SipResponseCode="487"), ended("no_answer")),
    "unreachable": (progress("failed", SipResponseCode="404"), ended("failed")),
    "blocked": (progress("failed", ErrorCode="13227"), ended("blocked")),
    "cancelled": (progress("canceled"), ended("cancelled")),
    "a new status": (progress("on-the-moon"), None),
    "no status": (progress(""), None),
    "another call SID": (progress("ringing", CallSid="CAxyz"), None),
}


@pytest.mark.parametrize(("fields", "fact"), PROGRESS.values(), ids=PROGRESS)
def test_call_progress(fields: dict[str, str], fact: Any) -> None:
    assert translate.leg_fact(getter(fields), LABEL, AT) == fact


NEVER_ANSWERED = {"ReasonParticipantLeft": "participant_add_failed"}
EVENTS: dict[str, tuple[dict[str, str], Any]] = {
    "start": (conference("conference-start"), None),
    "end": (
        conference("conference-end", ReasonConferenceEnded="last-participant-left"),
        RoomEnded(AT, ROOM),
    ),
    "join": (participant("participant-join"), None),
    "join without a label": (participant("participant-join", ""), None),
    "join of a screened leg": (
        participant("participant-join", f"{LABEL}s"),
        LegJoined(AT, CALL, f"{LABEL}s", ROOM),
    ),
    "leave": (
        participant("participant-leave", ParticipantCallStatus="completed"),
        ended(""),
    ),
    "leave for another room": (
        participant("participant-leave", ParticipantCallStatus="in-progress"),
        ended(""),
    ),
    "leave of the caller": (participant("participant-leave", "caller"), ended("", "caller")),
    "leave without a label": (participant("participant-leave", ""), ended("", "")),
    "never answered": (
        participant("participant-leave", ParticipantCallStatus="no-answer", **NEVER_ANSWERED),
        ended("no_answer"),
    ),
    "never free": (
        # Busy and rejected look alike in the room; the leg's own callback tells them apart.
        participant("participant-leave", ParticipantCallStatus="busy", **NEVER_ANSWERED),
        None,
    ),
    "hold": (participant("participant-hold"), None),
    "modify": (participant("participant-modify"), None),
    "a new event": (participant("participant-sneezed"), None),
    "a room of another form": (conference("conference-end", ConferenceSid="CFx"), None),
    "a label of another form": (participant("participant-leave", "a b\n"), None),
}


@pytest.mark.parametrize(("fields", "fact"), EVENTS.values(), ids=EVENTS)
def test_conference_events(fields: dict[str, str], fact: Any) -> None:
    assert translate.conference_fact(getter(fields), AT) == fact


MACHINES = {
    "human": (True, ""),
    "unknown": (True, ""),
    "machine_start": (False, "machine"),
    "machine_end_beep": (False, "machine"),
    "machine_end_silence": (False, "machine"),
    "fax": (False, "machine"),
}


@pytest.mark.parametrize(("found", "expected"), MACHINES.items(), ids=MACHINES)
def test_machine_detection(found: str, expected: tuple[bool, str]) -> None:
    fields = {"CallSid": CALL, "AnsweredBy": found, "MachineDetectionDuration": "2600"}
    fact = translate.machine_fact(getter(fields), LABEL, AT)
    assert fact == LegScreened(AT, CALL, LABEL, *expected)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("1", (True, "")), ("2", (False, "rejected")), ("", (False, "rejected"))],
)
def test_choice_of_a_screened_target(digits: str, expected: tuple[bool, str]) -> None:
    fact = translate.choice_fact(getter({"CallSid": CALL, "Digits": digits}), LABEL, AT)
    assert fact == LegScreened(AT, CALL, LABEL, *expected)


VALUES = st.text(max_size=20) | st.sampled_from(
    [CALL, ROOM, "busy", "completed", "participant-leave", "participant-join", "conference-end"]
)
NAMES = ("CallSid", "ConferenceSid", "CallStatus", "StatusCallbackEvent", "ParticipantLabel")
FIELDS = st.dictionaries(st.sampled_from([*NAMES, "AnsweredBy", "Digits"]), VALUES)


@given(fields=FIELDS)
def test_whatever_a_form_holds_a_fact_survives_its_way(fields: dict[str, str]) -> None:
    get = getter(fields)
    for fact in (
        translate.leg_fact(get, LABEL, AT),
        translate.conference_fact(get, AT),
        translate.machine_fact(get, LABEL, AT),
        translate.choice_fact(get, LABEL, AT),
    ):
        assert fact is None or fact_from(dict(vars(fact))) == fact
