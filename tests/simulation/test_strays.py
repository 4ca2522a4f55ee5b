"""Legs that nobody wants any more, on a call that goes on: who dialled them is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.calls import Calls
from simulator.core.phones import Behavior
from tests.simulation.faults import Act, After, Entered, Fault, Request, Told
from tests.simulation.play import Outcome, Story, play
from tests.simulation.scenarios import plain
from tests.simulation.simulate import be_quiet


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


def picks_up(story: Story, seconds: float) -> Story:
    """The target's phone is picked up after so long."""
    others = tuple(each for each in story.phones if each[0] != "target")
    return replace(story, phones=(*others, ("target", (Behavior("answer", seconds),))))


def ends_of(outcome: Outcome, who: str) -> list[float]:
    """When calls of this phone were completed, in seconds from the start of the transfer."""
    return [float(x.split()[0]) for x in outcome.ladder if f"call completed {who}" in x]


@pytest.mark.parametrize("scenario", ["warm", "elsewhere"])
@pytest.mark.parametrize("seconds", [130.0, 150.0])
def test_target_of_a_cancelled_transfer_goes_though_twilio_was_away_too_long(
    scenario: str, seconds: float
) -> None:
    """Nobody tried to end the leg any more when Twilio came back, and it heard all the rest."""
    act = Act(Entered("consulting", plus=1.0), "agent", "cancel")
    down = Fault(Entered("consulting"), "twilio_down", seconds)
    story = replace(plain(scenario, lasts=True), kind="warm", acts=(act,), faults=(down,))
    outcome = play(story, with_ladder=True)
    assert (outcome.violations, outcome.state) == ([], "cancelled")
    over = next(x for x in outcome.ladder if "transfer -> cancelled" in x)
    ended, hung_up = ends_of(outcome, "client:bob")[0], ends_of(outcome, "+15550109001")[0]
    assert ended < hung_up
    assert ended - float(over.split()[0]) < 8.0


def test_phone_that_a_dead_transfer_rang_does_not_stay_in_the_next_one() -> None:
    """Seed 710128: the agent started another transfer before the guardian had looked, and its
    target's phone was rung twice, picked up twice, and put down once."""
    acts = (
        Act(Entered("dialing", plus=1.72), "operator", "terminate"),
        Act(Entered("dialing", plus=2.4), "agent", "start"),
    )
    outcome = play(replace(picks_up(plain("warm"), 7.36), acts=acts), with_ladder=True)
    assert (outcome.violations, outcome.reason) == ([], "consult_timeout")
    assert len([x for x in outcome.ladder if "call ringing client:bob" in x]) == 2
    assert len([x for x in outcome.ladder if "join" in x and "client:bob" in x]) == 1


def test_phone_of_a_dead_transfer_that_was_picked_up_in_the_next_one_is_ended() -> None:
    """The same, with a phone that is picked up before the guardian has looked."""
    acts = (
        Act(Entered("dialing", plus=0.5), "operator", "terminate"),
        Act(Entered("dialing", plus=0.9), "agent", "start"),
    )
    outcome = play(replace(picks_up(plain("warm"), 1.2), acts=acts), with_ladder=True)
    assert (outcome.violations, outcome.reason) == ([], "consult_timeout")
    assert len([x for x in outcome.ladder if "join" in x and "client:bob" in x]) == 2


@pytest.mark.parametrize("seconds", [210.0, 260.0])
@pytest.mark.parametrize("scenario", ["warm", "elsewhere"])
def test_caller_who_talks_with_the_agent_stays_however_long_twilio_was_away(
    scenario: str, seconds: float
) -> None:
    """The hold with which the transfer was to begin never took effect. Once Twilio was back the
    caller was taken out of the talk, to the apology."""
    down = Fault(Entered("holding", plus=0.05), "twilio_down", seconds)
    outcome = play(replace(plain(scenario, lasts=True), acts=(), faults=(down,)), with_ladder=True)
    assert (outcome.state, outcome.reason) == ("failed", "provider_down")
    talks_until = [x for x in outcome.ladder if "client:alice hears +15550109001 ends" in x]
    hangs_up = next(x for x in outcome.ladder if "the caller hangs up at last" in x)
    assert float(talks_until[0].split()[0]) >= float(hangs_up.split()[0])


def test_screened_phone_of_a_dead_transfer_is_let_go_as_it_picks_up() -> None:
    """Seeds 802637 and 950050: the transfer was ended by force while the phone was being dialled,
    and the answer to the dial was lost. Whoever picked up was asked to press 1, and waited for a
    call that was over."""
    story = plain("screened")
    others = tuple(each for each in story.phones if each[0] != "number")
    slow = Behavior("answer", 4.0, digits="1", digits_after_seconds=20.0)
    terminate = Act(Entered("dialing", plus=0.03), "operator", "terminate")
    lost = Fault(Request("calls.create"), "timeout_after")
    story = replace(story, phones=(*others, ("number", (slow,))), acts=(terminate,), faults=(lost,))
    outcome = play(story, with_ladder=True)
    assert outcome.violations == []
    assert [x for x in outcome.ladder if "call in-progress +15550100102" in x]


@pytest.mark.parametrize(
    ("scenario", "number"), [("warm", "client:bob"), ("screened", "+15550100102")]
)
def test_phone_that_is_dialled_as_its_transfer_is_ended_by_force_stops_ringing(
    scenario: str, number: str
) -> None:
    """Seed 1505555: nobody but the dead transfer would have been told of that call, and Twilio did
    not list it while it rang."""
    story = plain(scenario)
    others = tuple(each for each in story.phones if each[0] not in ("target", "number"))
    rings = (Behavior("answer", 20.0),)
    story = replace(
        story,
        phones=(*others, ("target", rings), ("number", rings)),
        acts=(Act(Entered("dialing", plus=0.03), "operator", "terminate"),),
        switches=(("ringing_participants_listed", False),),
    )
    outcome = play(story, with_ladder=True)
    assert outcome.violations == []
    rang = next(x for x in outcome.ladder if f"call ringing {number}" in x)
    over = next(x for x in outcome.ladder if f"call canceled {number}" in x)
    assert float(over.split()[0]) - float(rang.split()[0]) < 0.5


@pytest.mark.parametrize("state", ["consulting", "revisiting", "conferring"])
def test_target_of_a_dead_transfer_does_not_stay_when_the_agent_transfers_again(state: str) -> None:
    """Found by pairs of acts in one moment: with another transfer under way nobody looked after
    the first one's people, and its target heard all the rest."""
    begun = Entered("consulting", plus=0.7)
    verb = {"revisiting": "swap", "conferring": "join"}.get(state)
    first = (Act(begun, "agent", verb),) if verb else ()  # type: ignore[arg-type]
    acts = (
        *first,
        Act(Entered(state, plus=1.0), "operator", "terminate"),
        Act(Entered(state, plus=1.1), "agent", "start"),
    )
    outcome = play(replace(picks_up(plain("warm"), 0.3), acts=acts), with_ladder=True)
    assert outcome.violations == []
    joined = [float(x.split()[0]) for x in outcome.ladder if "join" in x and "client:bob" in x]
    assert len(joined) == 2
    assert ends_of(outcome, "client:bob")[0] - joined[1] < 8.0


def test_target_whose_agent_left_a_dead_transfer_is_shown_with_the_caller() -> None:
    """Found in the same way: the call had found the target by the SID alone, and the dead
    transfer's word was shown, with the agent."""
    acts = (
        Act(Entered("consulting", plus=0.7), "agent", "join"),
        Act(Entered("conferring", plus=1.0), "operator", "terminate"),
        Act(Entered("conferring", plus=1.1), "agent", "hang_up"),
    )
    assert play(replace(picks_up(plain("warm"), 0.3), acts=acts)).violations == []


@pytest.mark.parametrize("scenario", ["warm", "held", "recorded"])
def test_caller_whose_agent_came_unheard_in_an_outage_is_not_sent_away(scenario: str) -> None:
    """Temporal was away as the agent picked up, and Twilio for so long that neither that agent nor
    the next could be asked for: once it was back, the two who talked were parted."""
    down = Fault(Request("*", 2), "twilio_down", 70.0)
    deaf = Fault(Request("*", 2, 0.5), "server_crash", 3.0)
    outcome = play(replace(plain(scenario, lasts=True), faults=(down, deaf)))
    assert outcome.violations == []


@pytest.mark.parametrize("seconds", [40.0, 53.4, 60.0])
def test_caller_whose_agent_came_unheard_stays_though_another_was_rung_since(
    seconds: float,
) -> None:
    """Seed 27761: the second phone was rung in vain, the doubt about the first was forgotten, and
    the caller was sent away out of the talk with its agent."""
    plan = replace(plain("warm"), switches=(("join_event_at", "ringing"),))
    deaf = Fault(Told("*", 4), "lose")
    down = Fault(Told("participant-join", 1, 0.27), "twilio_down", seconds)
    outcome = play(replace(plan, faults=(deaf, down)))
    assert outcome.violations == []


@pytest.mark.parametrize("seconds", [90.0, 160.0, 300.0])
@pytest.mark.parametrize("scenario", ["warm", "held", "queue", "worker"])
def test_agent_does_not_stay_on_the_phone_whose_caller_hung_up_in_an_outage(
    scenario: str, seconds: float
) -> None:
    """Outages I-621, H-352 and T-2821: nobody was left to end the room once Twilio was back."""
    hangs_up = Act(Request("*", 2, 2.5), "caller", "hang_up")
    down = Fault(Request("*", 2), "twilio_down", seconds)
    story = replace(plain(scenario, lasts=True), acts=(hangs_up,), faults=(down,))
    assert play(story).violations == []


@pytest.mark.parametrize("seconds", [25.0, 45.0, 160.0])
@pytest.mark.parametrize("verb", ["hold", "whisper", "start"])
def test_nothing_is_begun_that_was_given_up_while_temporal_was_away(
    verb: str, seconds: float
) -> None:
    """Outages H-288, S-2817 and Q-2719: an activity was handed out and given up as Temporal came
    back, and put the caller on hold beside what followed from that it had not."""
    phones = (*plain("warm").phones, ("supervisor", (Behavior("answer", 0.4),)))
    story = replace(plain("queue" if verb == "start" else "warm", lasts=True), acts=())
    if verb == "hold":
        story = replace(story, acts=(Act(After(0.1), "agent", "hold"),), talk_seconds=6.0)
    if verb == "whisper":
        joins = Act(After(0.1), "supervisor", "supervise", "monitor")
        story = replace(story, acts=(joins,), phones=phones, talk_seconds=6.0)
    state = {"hold": "holding", "whisper": "v1 silencing", "start": "dialing"}[verb]
    away = Fault(Entered(state), "server_crash", seconds)
    outcome = play(replace(story, has_transfer=verb == "start", faults=(away,)), with_ladder=True)
    assert outcome.violations == []
    assert any("server_crash" in line for line in outcome.ladder)


def test_target_whom_a_dead_transfer_had_given_up_in_an_outage_may_act_on_the_call() -> None:
    """Outage C-6551: that it was gone had never been seen, and the call knew better."""
    leaves = (*plain("cold").policy, ("release_agent", "on_dial"))
    met = Told("answered", 2)
    story = replace(plain("cold", lasts=True), policy=leaves, kind="cold")
    gone = tuple(Fault(met, kind, 90.0) for kind in ("twilio_down", "cut_off"))
    terminates = Act(replace(met, plus=54.0), "operator", "terminate")
    outcome = play(replace(story, acts=(terminates,), faults=gone), with_ladder=True)
    assert outcome.violations == []
    assert "recalling" in outcome.state


def test_checker_sees_that_a_caller_was_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object) -> bool:
        return False

    monkeypatch.setattr(Calls, "_talks", nobody)
    down = Fault(Request("*", 2), "twilio_down", 70.0)
    deaf = Fault(Request("*", 2, 0.5), "server_crash", 3.0)
    told = [str(each) for each in play(plain("warm", lasts=True), faults=[down, deaf]).violations]
    assert any("S1" in each and "we sent the caller elsewhere" in each for each in told), told


def test_target_that_a_rescue_has_ended_unheard_is_not_shown_on_the_call() -> None:
    """The api was away as the guardian ended the target's leg, so that no callback said so, and
    the dead transfer's last word was the newest that there was of the call."""
    acts = (
        Act(Entered("consulting", plus=0.5), "agent", "swap"),
        Act(Entered("revisiting", plus=0.5), "operator", "terminate"),
    )
    away = Fault(Entered("revisiting", plus=0.6), "api_crash", 30.0)
    outcome = play(replace(plain("warm"), acts=acts, faults=(away,)), with_ladder=True)
    assert outcome.violations == []
    assert ends_of(outcome, "client:bob")[0] < ends_of(outcome, "+15550109001")[0]


def test_target_of_a_dead_transfer_is_not_let_in_to_a_supervisor_who_took_over() -> None:
    """Found in the same way: the agent had been released, and so the target was taken for whoever
    has the caller."""
    acts = (
        Act(After(0.2), "supervisor", "supervise", "monitor"),
        Act(Entered("consulting", plus=0.7), "agent", "swap"),
        Act(Entered("revisiting", plus=1.0), "operator", "terminate"),
        Act(Entered("revisiting", plus=1.15), "supervisor", "take_over"),
    )
    story = picks_up(plain("warm"), 0.3)
    phones = (*story.phones, ("supervisor", (Behavior("answer", 0.4),)))
    outcome = play(replace(story, acts=acts, phones=phones, talk_seconds=3.0), with_ladder=True)
    assert outcome.violations == []
    assert "+15550109001 client:sue" in outcome.talked
    assert "+15550109001 client:bob" not in outcome.talked
