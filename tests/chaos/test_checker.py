"""The checker finds what it is there to find: each check on a day made up to break it."""

from __future__ import annotations

from dataclasses import replace

from tests.chaos.checker import (
    Bounds,
    Day,
    dialled_twice,
    dishonest,
    ended_by_us,
    findings,
    orphans,
    removed_too_early,
    stranded,
)
from tests.e2e.telephones import Json

CALLER, AGENT, TARGET = "+15550101", "client:alice", "client:bob"
SIDS = {CALLER: "CA" + "1" * 32, AGENT: "CA" + "2" * 32, TARGET: "CA" + "3" * 32}
ROOM = "CF" + "4" * 32
LEGS = f"/2010-04-01/Accounts/AC/Conferences/{ROOM}/Participants"


def entry(at: float, kind: str, what: str, who: str = CALLER, **more: object) -> Json:
    sids = {"call_sid": SIDS[who], "conference_sid": ROOM}
    return {"at": at, "kind": kind, "what": what, **sids, **more}


def request(at: float, route: str, path: str, **params: str) -> Json:
    return {"at": at, "route": route, "path": path, "params": params, "effect": True}


def talk(at: float, what: str, one: str, other: str) -> list[Json]:
    return [
        {
            **entry(at, "hearing", what),
            **{"speaker": SIDS[speaker], "listener": SIDS[listener]},
            **{"speaker_address": speaker, "listener_address": listener},
        }
        for speaker, listener in ((one, other), (other, one))
    ]


GOOD = Day(
    entries=[
        entry(0, "call", "ringing", from_address=CALLER),
        entry(1, "join", "caller"),
        entry(1, "audio", "conversation"),
        entry(2, "audio", "hold music"),
        entry(5, "audio", "conversation"),
        *talk(5, "begins", CALLER, TARGET),
        entry(9, "call", "completed"),
    ],
    requests=[
        request(3, "participants.create", f"{LEGS}.json", Label="a-t1"),
        request(6, "participants.delete", f"{LEGS}/{SIDS[AGENT]}.json"),
    ],
    callers=frozenset({CALLER}),
    until=20,
)


def with_entries(*more: Json) -> Day:
    entries = sorted([*GOOD.entries, *more], key=lambda each: float(each["at"]))
    return replace(GOOD, entries=entries)


def with_request(*more: Json) -> Day:
    return replace(GOOD, requests=[*GOOD.requests, *more])


def test_a_good_day_has_no_findings() -> None:
    assert findings(GOOD) == []


def test_a_label_dialled_twice_is_found() -> None:
    again = request(4, "participants.create", f"{LEGS}.json", Label="a-t1")
    assert dialled_twice(with_request(again))
    assert not dialled_twice(with_request({**again, "effect": False}))


def test_a_caller_whose_leg_is_removed_or_ended_is_found() -> None:
    assert ended_by_us(with_request(request(4, "participants.delete", f"{LEGS}/{SIDS[CALLER]}")))
    path = f"/2010-04-01/Accounts/AC/Calls/{SIDS[CALLER]}.json"
    assert ended_by_us(with_request(request(4, "calls.update", path, Status="completed")))


def test_a_room_ended_under_a_caller_is_found_and_an_empty_one_is_not() -> None:
    path = f"/2010-04-01/Accounts/AC/Conferences/{ROOM}.json"
    assert ended_by_us(with_request(request(4, "conferences.update", path, Status="completed")))
    assert not ended_by_us(
        with_request(request(10, "conferences.update", path, Status="completed"))
    )


def test_a_room_that_an_exit_flag_ended_is_found() -> None:
    reason = "participant-with-end-conference-on-exit-left"
    assert ended_by_us(with_entries(entry(7, "conference", "ended", reason=reason)))


def test_a_caller_in_silence_is_found_after_the_bound() -> None:
    day = with_entries(entry(3, "audio", "silence"))
    assert stranded(day, Bounds(stranded=1.5))
    assert not stranded(day, Bounds(stranded=2.5))


def test_a_caller_forgotten_in_music_is_found() -> None:
    assert stranded(GOOD, Bounds(on_hold=2.5))


def test_an_agent_removed_from_a_caller_alone_is_found() -> None:
    assert removed_too_early(with_entries(entry(6, "audio", "silence")))


def test_a_leg_that_is_left_is_found() -> None:
    assert orphans({TARGET: 1})
    assert not orphans({})


def test_completed_without_a_talk_is_found() -> None:
    view = {"state": "completed", "ended_at": 7.0}
    assert not dishonest(view, GOOD.entries, CALLER, TARGET)
    assert dishonest(view, GOOD.entries, CALLER, AGENT)
    assert dishonest({**view, "ended_at": 4.0}, GOOD.entries, CALLER, TARGET)
