"""Who is on a call between transfers, as far as the memos of its workflows tell."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from api.engine.records import CallRecord, TransferRecord, person_at
from workflows.messages import CallView, PersonView, TransferView

CALLER = PersonView("caller", "+15550100001", "CAcaller", "present")
ALICE = PersonView("agent", "client:alice", "CAalice", "present")
ALICE_GONE = PersonView("agent", "client:alice", "CAalice", "gone")
ALICE_AGAIN = PersonView("agent", "client:alice", "CArecall", "present")
BOB = PersonView("target", "client:bob", "CAbob", "present")
BOB_FOUND = PersonView("agent", "", "CAbob", "present")
STRANGER = PersonView("agent", "", "CAstranger", "present")
SUPERVISOR = PersonView("target", "client:sue", "CAsue", "present")


def call(since: float, *people: PersonView, state: str = "talking") -> CallView:
    return CallView("CFroom", state, since, 0.0, is_over=state == "ended", people=people)


def transfer(since: float, *people: PersonView, is_running: bool = False) -> TransferRecord:
    view = TransferView("CFroom-1", "warm", "completed", "CFroom", since, 0.0, people=people)
    return TransferRecord(view, (), "run", is_running, 1)


def hold(since: float, *people: PersonView, is_running: bool = False) -> Any:
    return SimpleNamespace(view=SimpleNamespace(since=since, people=people), is_running=is_running)


@pytest.mark.parametrize(
    ("record", "agent"),
    [
        ((call(1.0, CALLER, ALICE), None, None), "client:alice"),
        ((call(1.0, CALLER, ALICE), transfer(5.0, CALLER, ALICE_GONE, BOB), None), "client:bob"),
        ((call(9.0, CALLER), transfer(5.0, CALLER, ALICE_GONE, BOB), None), "client:bob"),
        ((call(9.0, CALLER, ALICE), transfer(5.0, CALLER, ALICE_GONE, BOB), None), "client:bob"),
        ((call(9.0, CALLER, SUPERVISOR), transfer(5.0, CALLER, BOB), None), "client:sue"),
        ((call(9.0, CALLER), transfer(5.0, CALLER, ALICE_AGAIN), None), "client:alice"),
        ((call(9.0, CALLER), None, hold(5.0, CALLER, ALICE_AGAIN)), "client:alice"),
        (
            (call(9.0, CALLER), transfer(5.0, CALLER, ALICE_GONE, BOB), hold(7.0, CALLER, BOB)),
            "client:bob",
        ),
        (
            (call(9.0, CALLER), transfer(8.0, CALLER, ALICE_GONE, BOB), hold(7.0, CALLER, ALICE)),
            "client:bob",
        ),
        ((call(9.0, CALLER, state="diverting"), transfer(5.0, CALLER, BOB), None), ""),
        ((call(9.0, CALLER, state="ended"), transfer(5.0, CALLER, BOB), None), ""),
        ((call(9.0, CALLER), transfer(5.0, CALLER, ALICE_GONE), None), ""),
        ((call(9.0, CALLER, BOB_FOUND), transfer(5.0, CALLER, ALICE, BOB), None), "client:bob"),
        ((call(9.0, CALLER, STRANGER), transfer(5.0, CALLER, ALICE_GONE, BOB), None), "client:bob"),
    ],
    ids=[
        "nothing has happened yet",
        "the transfer is the newest",
        "the call has heard that its agent went",
        "the call has heard of something else",
        "taken over after the transfer",
        "rung back by the transfer",
        "rung back by the hold",
        "held after the transfer",
        "held before the transfer",
        "the caller is being sent to the apology",
        "the call is over",
        "nobody was left with the caller",
        "the call has found the target by the SID",
        "the call has found somebody whom nobody knows",
    ],
)
def test_who_has_the_caller_between_transfers(record: tuple[Any, Any, Any], agent: str) -> None:
    people = CallRecord("CFroom", *record).people
    there = [each.address for each in people if each.presence == "present"]
    others = [each for each in there if each not in (CALLER.address, "")]
    assert others == ([agent] if agent else [])
    assert (person_at("client:bob", people) is not None) == (agent == "client:bob")


def test_whom_the_call_has_found_by_the_sid_is_named_as_others_know_them() -> None:
    bob = replace(BOB, label="0123456789abcdef-v1")
    people = CallRecord("CFroom", call(9.0, CALLER, BOB_FOUND), transfer(5.0, CALLER, bob)).people
    assert people[1] == replace(BOB_FOUND, address="client:bob", label=bob.label)


@pytest.mark.parametrize("owner", ["transfer", "hold"])
def test_whatever_runs_knows_best(owner: str) -> None:
    call_view = call(9.0, CALLER, SUPERVISOR)
    running = {
        "transfer": (transfer(5.0, CALLER, ALICE, BOB, is_running=True), hold(6.0, CALLER, BOB)),
        "hold": (transfer(6.0, CALLER, BOB), hold(5.0, CALLER, ALICE, is_running=True)),
    }
    people = CallRecord("CFroom", call_view, *running[owner]).people
    assert person_at("client:alice", people) is not None
