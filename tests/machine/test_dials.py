"""Which commands under way must not be begun, or tried again, any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import a_transfer
from workflows.machine.dials import unwanted
from workflows.machine.events import CommandFailed, CommandSucceeded, Failure
from workflows.machine.model import Attempt, Kind, Leg, Presence, State, Target, Transfer
from workflows.machine.outcomes import hear_outcome
from workflows.machine.stimuli import Stimulus

DIAL, NEXT_DIAL, END, RECALL, END_RECALL = (
    "p-2-DialTarget",
    "p-4-DialTarget",
    "p-5-EndTarget",
    "p-6-RecallAgent",
    "p-7-EndRecall",
)
GIVE_BACK = "p-8-GiveCallerBack"


def dialling(*pending: str, address: str = "client:bob") -> Transfer:
    """The first target's phone is being dialled."""
    target = Leg(address=address, label="p-t1", presence=Presence.DIALED)
    attempt = Attempt(1, target.address, target.label, 0.0, dial_key=DIAL)
    return replace(
        a_transfer(Kind.WARM),
        targets=(Target(address), Target("client:carol")),
        target=target,
        attempts=(attempt,),
        pending=pending,
    )


def with_first(transfer: Transfer, **changes: object) -> Transfer:
    first, *others = transfer.attempts
    return replace(transfer, attempts=(replace(first, **changes), *others))  # type: ignore[arg-type]


def gone(transfer: Transfer) -> Transfer:
    return replace(transfer, target=replace(transfer.target, presence=Presence.GONE))


def second_dialled() -> Transfer:
    """The first target was busy, and the second one is dialled."""
    transfer = with_first(dialling(DIAL, NEXT_DIAL), ended_at=1.0, call_sid="CAfirst")
    second = Attempt(2, "client:carol", "p-t2", 1.0, dial_key=NEXT_DIAL)
    target = Leg(address="client:carol", label="p-t2", presence=Presence.DIALED)
    return replace(transfer, target=target, attempts=(*transfer.attempts, second))


def recalling(*pending: str, **leg: object) -> Transfer:
    agent = Leg(address="client:alice", label="p-r1", presence=Presence.DIALED)
    return replace(dialling(*pending), agent=replace(agent, **leg), recalls=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("transfer", "keys"),
    [
        pytest.param(dialling(DIAL), (), id="nobody has said anything"),
        pytest.param(dialling("p-1-HoldCaller", DIAL), (), id="another command beside it"),
        pytest.param(gone(dialling(DIAL)), (DIAL,), id="the leg is over"),
        pytest.param(dialling(DIAL, END), (DIAL,), id="the leg is to end"),
        pytest.param(with_first(dialling(DIAL), call_sid="CA1"), (DIAL,), id="the leg is known"),
        pytest.param(
            with_first(dialling(DIAL, address="queue:support"), call_sid="CA1"),
            (),
            id="a worker's leg is known, and not yet the task",
        ),
        pytest.param(second_dialled(), (DIAL,), id="another target is dialled"),
        pytest.param(
            replace(second_dialled(), pending=("p-3-EndTarget", NEXT_DIAL)),
            (),
            id="the leg before is to end",
        ),
        pytest.param(recalling(RECALL), (), id="a recall"),
        pytest.param(recalling(RECALL, presence=Presence.GONE), (RECALL,), id="recalled in vain"),
        pytest.param(recalling(RECALL, call_sid="CA2"), (RECALL,), id="the recall's leg is known"),
        pytest.param(recalling(RECALL, END_RECALL), (RECALL,), id="the recall is to end"),
    ],
)
def test_dial_is_wanted_as_long_as_nothing_is_known(
    transfer: Transfer, keys: tuple[str, ...]
) -> None:
    assert unwanted(transfer) == keys


@pytest.mark.parametrize(
    ("kind", "state", "keys"),
    [
        (Kind.HOLD, State.RESUMING, ()),
        (Kind.HOLD, State.YIELDING, (GIVE_BACK,)),
        (Kind.HOLD, State.TAKEN_OVER, (GIVE_BACK,)),
        (Kind.WARM, State.RETURNING, ()),
    ],
)
def test_hold_does_not_give_back_a_caller_whom_a_transfer_has(
    kind: Kind, state: State, keys: tuple[str, ...]
) -> None:
    assert unwanted(replace(a_transfer(kind), state=state, pending=(GIVE_BACK,))) == keys


def outcome(key: str, call_sid: str) -> CommandSucceeded:
    return CommandSucceeded(at=9.0, command=key.rsplit("-", 1)[-1], key=key, call_sid=call_sid)


def test_leg_that_was_dialled_after_the_first_had_ended_is_a_stray() -> None:
    _, stimulus = hear_outcome(second_dialled(), outcome(DIAL, "CAagain"))
    assert stimulus is Stimulus.STRAY_LEG
    _, stimulus = hear_outcome(second_dialled(), outcome(DIAL, "CAfirst"))
    assert stimulus is Stimulus.NOTED


def test_second_leg_of_a_recall_in_vain_is_a_stray() -> None:
    lost = recalling(RECALL, presence=Presence.GONE, call_sid="CAfirst")
    assert hear_outcome(lost, outcome(RECALL, "CAagain"))[1] is Stimulus.STRAY_LEG
    assert hear_outcome(lost, outcome(RECALL, "CAfirst"))[1] is Stimulus.NOTED


@pytest.mark.parametrize(
    ("leg", "stimulus"),
    [
        ({}, Stimulus.AGENT_UNREACHED),
        ({"call_sid": "CA2"}, Stimulus.NOTED),
        ({"call_sid": "CA2", "presence": Presence.PRESENT}, Stimulus.NOTED),
    ],
    ids=["nobody knows of a leg", "a callback has told of it", "the agent is back"],
)
def test_recall_without_an_answer_is_lost_only_if_nobody_knows_of_its_leg(
    leg: dict[str, object], stimulus: Stimulus
) -> None:
    failed = CommandFailed(at=9.0, command="RecallAgent", key=RECALL, failure=Failure.UNAVAILABLE)
    after, heard = hear_outcome(replace(recalling(RECALL, **leg), attempts=()), failed)
    assert heard is stimulus
    assert after.agent.is_live is (stimulus is Stimulus.NOTED)
