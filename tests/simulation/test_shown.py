"""S28: what is shown is held against what is so, what is refused against what is allowed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.engine.supervisions import RefusedError
from api.routes.supervisors import _refused
from simulator.core.phones import Behavior
from tests.simulation.doors import refused_as_told
from tests.simulation.edge import Answer
from tests.simulation.faults import Act, Entered, Fault, Told
from tests.simulation.play import play
from tests.simulation.scenarios import plain
from workflows import views
from workflows.messages import SupervisionView, SupervisorView


class Check:
    def __init__(self) -> None:
        self.told: list[str] = []

    def broken(self, name: str, text: str) -> None:
        self.told.append(f"{name} {text}")


def test_wrong_word_of_who_hears_whom_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "hears", lambda transfer, party: ())
    late = Act(Entered("consulting", plus=9.0), "agent", "complete")
    found = {f"{each.name} {each.text}" for each in play("warm", acts=[late]).violations}
    assert any(each.startswith("S28 agent hears target: False") for each in found), found


@pytest.mark.parametrize(
    ("name", "told"),
    [("_hold_seconds", "S27 on hold for 90.0 s"), ("seconds_to_human", "S27 with a human after")],
)
def test_wrong_seconds_are_seen(name: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, name, lambda *_: 90.0)
    found = [f"{each.name} {each.text}" for each in play("warm").violations]
    assert any(each.startswith(told) for each in found), found


@pytest.mark.parametrize("after", [0.05, 0.08, 0.12])
def test_target_who_was_gone_as_they_met_need_not_be_counted(after: float) -> None:
    """Seed 821721: the caller is taken off hold for a target who hangs up in that moment, and the
    next one answers. Nobody can tell whether the first two heard each other."""
    story = plain("cold-next")
    picks_up = (("agent", 1.0), ("target", 2.0), ("second", 3.0))
    phones = tuple((who, (Behavior("answer", seconds),)) for who, seconds in picks_up)
    policy = (*story.policy, ("release_agent", "on_dial"))
    leaves = Act(Entered("connecting", plus=after), "target", "hang_up")
    outcome = play(replace(story, phones=phones, policy=policy, acts=(leaves,)))
    assert (outcome.violations, outcome.state) == ([], "completed")
    assert "+15550109001 client:bob" in outcome.talked


@pytest.mark.parametrize("after", [0.1, 0.12])
def test_consult_is_not_shown_as_private_before_it_is_known_to_be(after: float) -> None:
    """Seed 3029640: Twilio goes away as the caller is taken off hold for all three to talk."""
    join = Act(Entered("consulting", plus=1.0), "agent", "join")
    down = Fault(Entered("joining", plus=after), "twilio_down", 22.0)
    outcome = play(replace(plain("warm"), acts=(join,), faults=(down,)), with_ladder=True)
    assert outcome.violations == []
    assert "+15550109001 client:bob" in outcome.talked
    states = [line.split()[-1] for line in outcome.ladder if "transfer ->" in line]
    assert states.count("consulting") == 2


@pytest.mark.parametrize("after", [0.0, 0.01, 0.02, 0.03, 0.04])
def test_moment_in_which_caller_and_target_met_need_not_be_counted(after: float) -> None:
    """Seeds 2502136 and 3010308: the target is put on hold as the caller comes off hold, and may
    hear them for some hundredths. Whether it did shows in no answer of Twilio's."""
    acts = (
        Act(Told("answered", 2, after), "agent", "swap"),
        Act(Entered("revisiting", plus=2.4), "agent", "complete"),
    )
    outcome = play(replace(plain("warm"), acts=acts))
    assert (outcome.violations, outcome.state) == ([], "completed")


def test_take_over_of_a_call_that_a_transfer_has_just_got_is_not_allowed() -> None:
    """Seeds 811033 and 812788: it was refused, and said to be allowed."""
    both = ("barge", "take_over")
    mine = SupervisorView("0" * 16 + "-v1", "client:sue", "barge", "barging", 1.0, allowed=both)
    view = SupervisionView("CF" + "0" * 32, "supervised", 1.0, supervisors=(mine,))
    for code, left in (("caller_is_theirs", ["barge"]), ("agent_is_coached", [*both])):
        refused = _refused(RefusedError(code, view), mine.id)
        assert refused.extra["allowed"] == left


@pytest.mark.parametrize(
    ("status", "allowed", "told"),
    [
        (409, ["cancel"], []),
        (200, ["complete"], []),
        (409, ["cancel", "complete"], ["S28 complete is refused, and said to be allowed: no"]),
    ],
)
def test_what_is_refused_is_not_allowed(status: int, allowed: list[str], told: list[str]) -> None:
    check = Check()
    refused_as_told(check, "complete", Answer(status, "no", {"allowed": allowed}))
    assert check.told == told
