"""Everything that crosses Temporal comes back as it went."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, get_args

import pytest
from temporalio.converter import default

from workflows import messages
from workflows.hold_messages import AnnounceOrder, ControlView, HoldView, MuteOrder, StartHoldInput
from workflows.machine.events import FACTS, Fact, fact_from
from workflows.machine.model import Accept, Entry, Kind, Policy, State, Target
from workflows.messages import (
    AttemptView,
    CallView,
    KeyRecord,
    PersonView,
    RecordingInput,
    RecordingView,
    RequestInput,
    StartCallInput,
    StartInboundInput,
    StartTransferInput,
    TransferView,
    split_public_id,
    transfer_part,
)

CONFERENCE = "CF" + "ab" * 16

PERSON = PersonView("caller", "+15550100", "CA1", "present", True, ("agent",))
ENTRY = Entry(3, 12.5, "TargetAnswered", State.DIALING, State.CONSULTING, ("HoldCaller",), "x", "n")
CROSSING: tuple[Any, ...] = (
    StartTransferInput(
        Kind.WARM,
        "ab" * 8,
        CONFERENCE,
        "client:alice",
        (Target("+15550101", 20.0, Accept.PRESS_1, True), Target("client:bob")),
        1.5,
        Policy(recall=False),
    ),
    StartInboundInput("CA1", "CA1", "+15550100", ("client:alice",), 1.5),
    StartCallInput(CONFERENCE, "CA1", "CA1", "+15550100", ("client:alice",), 1.5),
    RequestInput("supervisor"),
    RecordingInput(CONFERENCE),
    RecordingView("paused", "consult", 2.5, False, True),
    KeyRecord("ab" * 8, "f" * 64, 2.5, "run", "0a1b2c3d"),
    TransferView(
        "id",
        "warm",
        "dialing",
        CONFERENCE,
        1.5,
        1.0,
        people=(PERSON,),
        attempts=(AttemptView(1, "client:bob", "CA2", 2.0, cause="busy"),),
        journal=(ENTRY,),
    ),
    CallView(CONFERENCE, "talking", 1.5, 1.0, people=(PERSON,), journal=(ENTRY,)),
    StartHoldInput("ab" * 8, CONFERENCE, "client:alice", 1.5, Policy(hold_seconds_max=60.0)),
    HoldView("id", "held", CONFERENCE, 1.5, 1.0, people=(PERSON,), journal=(ENTRY,)),
    MuteOrder(CONFERENCE, "CAx", True),
    AnnounceOrder(CONFERENCE, "ab" * 8, "Hello.", "caller", "CAx"),
    ControlView(False, "gone"),
)


@pytest.mark.parametrize("value", CROSSING, ids=lambda value: type(value).__name__)
def test_message_comes_back_as_it_went(value: Any) -> None:
    converter = default().payload_converter
    assert converter.from_payload(converter.to_payload(value), type(value)) == value


@pytest.mark.parametrize("value", CROSSING, ids=lambda value: type(value).__name__)
def test_unknown_field_of_newer_code_is_passed_over(value: Any) -> None:
    converter = default().payload_converter
    newer = {**asdict(value), "added_later": 7}
    assert converter.from_payload(converter.to_payload(newer), type(value)) == value


@pytest.mark.parametrize("fact", get_args(Fact), ids=lambda fact: fact.__name__)
def test_fact_comes_back_from_its_mapping(fact: type[Any]) -> None:
    texts = {each.name: each.name for each in fields(fact) if each.name not in ("at", "kind")}
    texts = {name: True if name in ("willing", "held") else text for name, text in texts.items()}
    sent = fact(at=4.0, **texts)
    assert fact_from(asdict(sent)) == sent
    assert FACTS[sent.kind] is fact


def test_public_id_leads_back_to_its_conference() -> None:
    part = transfer_part("agent:alice", "key-1")
    assert split_public_id(f"{CONFERENCE}-{part}") == (CONFERENCE, part)
    assert part != transfer_part("agent:bob", "key-1")
    for wrong in ("", CONFERENCE, f"{CONFERENCE}-", f"{CONFERENCE}-xyz", f"CFx-{part}"):
        assert split_public_id(wrong) is None


def test_key_lives_longer_than_promised() -> None:
    assert messages.KEY_LIFE_SECONDS >= 24 * 3600
