"""The checker's eye on cries for help: what it tells, and that the engine gives it no cause."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulation.cries import Cries
from tests.simulation.faults import Act, After, Entered
from tests.simulation.play import Outcome, Story, play
from tests.simulation.scenarios import answers, plain
from workflows.machine.supervision import step


class Check:
    def __init__(self) -> None:
        self.told: list[str] = []

    def broken(self, name: str, text: str) -> None:
        self.told.append(name)


def view(state: str = "open", taken_by: str = "", at: float = 1.0) -> dict[str, Any]:
    """A supervision's view, as far as it is looked at."""
    cry = {"asked_at": at, "state": state, "taken_by": taken_by}
    return {"help": cry, "supervisors": [{"id": "a-v1"}, {"id": "a-v2"}]}


@pytest.mark.parametrize(
    ("views", "told"),
    [
        ((view(), view("taken", "a-v1")), []),
        ((view(), view("withdrawn"), view(at=2.0)), []),
        ((view("taken", "a-v1"), view("taken", "a-v2")), ["S13"]),
        ((view("withdrawn"), view("taken", "a-v1")), ["S13"]),
        ((view("lapsed"), {"help": None, "supervisors": []}), ["S13"]),
        ((view(), view(at=2.0)), ["S14"]),
        ((view("taken", "a-v9"),), ["S27"]),
    ],
)
def test_what_is_shown_of_a_cry(views: tuple[dict[str, Any], ...], told: list[str]) -> None:
    check = Check()
    cries = Cries(check)
    for each in views:
        cries.shown("run", each)
    assert check.told == told


@pytest.mark.parametrize(
    ("heard", "at", "told"),
    [
        ("JoinedToMonitor", 1.5, []),
        ("HelpWithdrawn", 1.0, []),
        ("JoinedToMonitor", 0.5, ["S14"]),
        ("HelpRequested", 1.5, ["S14"]),
    ],
)
def test_second_cry_in_the_moment_in_which_the_first_was_answered(
    heard: str, at: float, told: list[str]
) -> None:
    """Seed 311473: both presses of the button and a supervisor's join were heard at once, and the
    view showed what was so after all three."""
    check = Check()
    cries = Cries(check)
    cries.shown("run", view())
    cries.shown("run", view(at=2.0), lambda: [{"heard": heard, "at": at}])
    assert check.told == told


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [(2, 204, ["S27"]), (3, 204, []), (2, 503, [])],
    ids=["withdrawn", "another one is under way", "not answered"],
)
def test_withdrawn_and_open(asked: int, status: int, told: list[str]) -> None:
    check = Check()
    cries = Cries(check)
    for _ in range(asked):
        cries.asked()
    cries.answered("ask_help", SimpleNamespace(status=202, is_ok=True))
    cries.shown("run", view())
    cries.answered("withdraw_help", SimpleNamespace(status=status, is_ok=status == 204))
    assert check.told == told


def both_come() -> Outcome:
    """The agent asks for a supervisor, and two come at once."""
    watched = plain("supervised")
    story = Story(
        scenario="supervised",
        kind="warm",
        targets=watched.targets,
        phones=(("agent", (answers(1.0),)), ("supervisor", (answers(1.0),)),
                ("observer", (answers(1.0),))),
        policy=watched.policy,
        has_transfer=False,
        talk_seconds=15.0,
        acts=(
            Act(After(0.1), "agent", "ask_help"),
            Act(Entered("asked", plus=1.0), "supervisor", "supervise", "monitor helps"),
            Act(Entered("asked", plus=1.0), "observer", "supervise", "whisper helps"),
        ),
    )  # fmt: skip
    return play(story)


def test_of_two_who_come_at_once_one_is_told_that_somebody_has() -> None:
    outcome = both_come()
    assert outcome.is_good, outcome.violations
    assert outcome.goals["help taken"] == 1
    assert outcome.goals["help taken before"] == 1


def test_an_engine_in_which_both_come_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = step._refusal_of_join

    def lenient(*given: Any) -> str:
        why = refused(*given)
        return "" if why == step.HELP_TAKEN else why

    monkeypatch.setattr(step, "_refusal_of_join", lenient)
    assert "S20" in {each.name for each in both_come().violations}
