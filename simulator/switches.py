"""What Twilio does where nobody has written it down, and how long things take.

Each switch has a proposed setting; an application should work with every other one too. The
letters and numbers name the fact each switch stands for (see the README).
"""

from dataclasses import Field, dataclass, field, fields
from typing import Any


def _switch(default: Any, about: str, choices: tuple[Any, ...] = ()) -> Any:
    return field(default=default, metadata={"about": about, "choices": choices})


@dataclass(slots=True)
class Switches:
    """One attribute per switch. `put` refuses unknown names and values."""

    dead_conference_status: int = _switch(
        404,
        "U-01: HTTP status when a participant is added to a CF SID that is not live",
        (404, 400),
    )
    participant_error_status: int = _switch(
        400, "U-01: HTTP status of 16024, 16026, 16027 and 16028", (400, 404, 409)
    )
    not_connected_status: int = _switch(
        404, "U-02: HTTP status when a participant who has gone is changed or removed", (404, 400)
    )
    kicked_leg: str = _switch(
        "continue",
        "U-03: what a removed leg with TwiML does: goes on after its Dial, or is hung up",
        ("continue", "hang_up"),
    )
    delete_ringing_participant: str = _switch(
        "cancel",
        "U-04: DELETE of a queued or ringing participant cancels its call, or is refused",
        ("cancel", "refuse"),
    )
    ringing_participants_listed: bool = _switch(
        True, "U-05: participants are listed and found before they answer", (True, False)
    )
    coach_of_one_who_left: str = _switch(
        "stays_coaching",
        "P-17: a coach whose coached participant leaves: coaches nobody, is muted, or is heard by "
        "everybody",
        ("stays_coaching", "becomes_muted", "becomes_audible"),
    )
    lone_participant_hears: str = _switch(
        "silence",
        "U-05a: what the only one left in a started room hears",
        ("silence", "music"),
    )
    join_event_at: str = _switch(
        "answer",
        "U-06: when participant-join is sent for a leg with early media",
        ("answer", "ringing"),
    )
    first_conference_sequence: int = _switch(
        1, "U-07: SequenceNumber of a conference's first event", (1, 0)
    )
    call_sid_to_coach_in_events: bool = _switch(
        False, "U-09: participant events carry CallSidToCoach", (False, True)
    )
    retry_after: int = _switch(
        0, "U-11: seconds in the Retry-After header of a 429; 0 leaves the header out"
    )
    unstarted_room_status: str = _switch(
        "init",
        "U-14: status of a room in which two or more wait for a start",
        ("init", "in-progress"),
    )
    removed_reason: str = _switch(
        "participant_updated_via_api",
        "U-16: ReasonParticipantLeft after a DELETE",
        ("participant_updated_via_api", "participant_hung_up"),
    )
    held_exit_flag_takes_effect: bool = _switch(
        False,
        "P-16: EndConferenceOnExit changed on a held participant works (Twilio: silently not)",
        (False, True),
    )
    held_exit_flag_reads_back: str = _switch(
        "asked",
        "P-16: what a later read shows after such a change: what was asked, or what is in force",
        ("asked", "in_force"),
    )
    ringing_leg_keeps_room: bool = _switch(
        True,
        "C-08: a room whose last joined participant leaves lives on while a leg is being dialled",
        (True, False),
    )
    wait_url_failure: str = _switch(
        "silence",
        "C-16: when the wait document cannot be fetched: silence, or the participant is dropped",
        ("silence", "drop"),
    )
    amd_joins: str = _switch(
        "after_detection",
        "P-08: with MachineDetection a participant joins after the detection, or at once",
        ("after_detection", "at_answer"),
    )
    whisper_redirect: bool = _switch(True, "T-06: Redirect is allowed in a whisper", (True, False))
    fallback_error_fields: bool = _switch(
        True,
        "W-07: ErrorCode and ErrorUrl are added to the request to the fallback URL",
        (True, False),
    )
    caller_id_must_be_owned: bool = _switch(
        False, "N-05: 21210 when From is a number the account does not own", (False, True)
    )
    taskrouter_timestamp: str = _switch(
        "unix",
        "U-12: Timestamp of TaskRouter's callbacks: seconds since 1970, or ISO 8601",
        ("unix", "iso"),
    )
    worker_leg_failed: str = _switch(
        "canceled",
        "I-05: what becomes of a pending reservation when the worker's leg ends unanswered",
        ("canceled", "rejected", "timeout"),
    )
    reservation_timer_in_setup: str = _switch(
        "paused",
        "R-11: whether a reservation's time-out counts while an instruction is carried out",
        ("paused", "runs"),
    )
    reservation_timeout_target: str = _switch(
        "stay",
        "R-22: after a reservation's time-out a task stays in its target, or goes to the next",
        ("stay", "next"),
    )
    call_accepts_at: str = _switch(
        "answer",
        "I-03: a call instruction with accept accepts at the answer, or when it is given",
        ("answer", "instruction"),
    )
    reject_needs_activity: bool = _switch(
        False, "I-03: a reject instruction without activity_sid is refused (40100)", (False, True)
    )
    task_reason_required: bool = _switch(
        True, "R-07: completing or canceling a task without a Reason is refused", (True, False)
    )
    ignore_capacity_reaches: str = _switch(
        "everybody",
        "R-10: whom a task with IgnoreCapacity reaches: everybody, or the available only",
        ("everybody", "available"),
    )
    routing_target_seconds: float = _switch(
        10.0, "R-10: how long a task waits for the one worker it was aimed at"
    )
    reoffer_seconds: float = _switch(
        1.0, "R-13: pause before a task is offered again to a worker who has just let it go"
    )
    task_kept_seconds: float = _switch(
        300.0, "R-04: how long a finished task can still be read before it is deleted"
    )
    calls_per_second: float = _switch(
        1.0, "P-11: pace of legs made by REST; the excess is queued. 0 means no limit"
    )
    dial_seconds: float = _switch(0.0, "Time from initiated to ringing")
    detection_seconds: float = _switch(2.0, "Time of answering-machine detection for Enable")
    word_seconds: float = _switch(0.4, "Time to say one word")
    play_seconds: float = _switch(5.0, "Length of every audio file")
    record_seconds: float = _switch(5.0, "How long a person talks to a Record verb")

    def put(self, changes: dict[str, Any]) -> None:
        """All of the changes, or ValueError and none of them."""
        known = {f.name: f for f in fields(self)}
        checked = {
            name: self._checked(known.get(name), name, value) for name, value in changes.items()
        }
        for name, value in checked.items():
            setattr(self, name, value)

    @staticmethod
    def _checked(switch: "Field[Any] | None", name: str, value: Any) -> Any:
        if switch is None:
            raise ValueError(f"there is no switch named {name}")
        choices = switch.metadata["choices"]
        if choices:
            if not any(value == choice and type(value) is type(choice) for choice in choices):
                raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{name} must be a number, not below 0")
        return float(value) if isinstance(switch.default, float) else int(value)

    def values(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def described(self) -> dict[str, dict[str, Any]]:
        return {
            f.name: {
                "value": getattr(self, f.name),
                "default": f.default,
                "choices": list(f.metadata["choices"]),
                "about": f.metadata["about"],
            }
            for f in fields(self)
        }
